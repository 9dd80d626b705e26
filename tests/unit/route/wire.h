// One link and its frames, for the resolver's tests. The bytes were computed with scapy 2.5 (Ether/IPv6/ICMPv6ND_NS ... and Ether/ARP).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "net/address.h"
#include "route/resolver.h"

namespace ipsecgw::route::wire {

inline net::IpAddress ip(std::string_view text) { return net::IpAddress::parse(text).value(); }
inline net::MacAddress mac(std::string_view text) { return net::MacAddress::parse(text).value(); }

inline std::vector<uint8_t> bytes(std::string_view hex)
{
    const auto decoded = base::decode_hex(hex).value();
    return {decoded.view().begin(), decoded.view().end()};
}

inline constexpr uint16_t kPort = 3;
inline const net::MacAddress kOurMac = mac("02:00:5e:10:00:01");
inline const net::MacAddress kPeerMac = mac("02:00:5e:10:00:99");
inline const net::MacAddress kOtherMac = mac("02:00:5e:10:00:66");

inline Link link()
{
    return {kPort, kOurMac,
            {net::Prefix::parse("192.0.2.1/24").value(), net::Prefix::parse("2001:db8:1::1/64").value()}};
}

inline constexpr std::string_view kSolicitation =  // for 2001:db8:1::99, from us, multicast
    "3333ff00009902005e10000186dd6000000000203aff20010db8000100000000000000000001ff0200000000000000000001ff0000998700bce6"
    "0000000020010db8000100000000000000000099010102005e100001";
inline constexpr std::string_view kUnicastSolicitation =
    "02005e10009902005e10000186dd6000000000203aff20010db800010000000000000000000120010db800010000000000000000009987008d31"
    "0000000020010db8000100000000000000000099010102005e100001";
inline constexpr std::string_view kAdvertisementOfOurs =  // of 2001:db8:1::1 to 2001:db8:1::99, flags R, S and O
    "02005e10009902005e10000186dd6000000000203aff20010db800010000000000000000000120010db80001000000000000000000998800abc8"
    "e000000020010db8000100000000000000000001020102005e100001";
inline constexpr std::string_view kAdvertisementToAll =  // the same to ff02::1, flags R and O
    "33330000000102005e10000186dd6000000000203aff20010db8000100000000000000000001ff02000000000000000000000000000188001b18"
    "a000000020010db8000100000000000000000001020102005e100001";
inline constexpr std::string_view kPeerAdvertisement =  // of 2001:db8:1::99 to us, flags S and O
    "02005e10000102005e10009986dd6000000000203aff20010db800010000000000000000009920010db800010000000000000000000188002a99"
    "6000000020010db8000100000000000000000099020102005e100099";
inline constexpr std::string_view kPeerSolicitation =  // for 2001:db8:1::1
    "3333ff00000102005e10009986dd6000000000203aff20010db8000100000000000000000099ff0200000000000000000001ff0000018700bce6"
    "0000000020010db8000100000000000000000001010102005e100099";
inline constexpr std::string_view kDuplicateProbe =  // for 2001:db8:1::1, from ::
    "3333ff00000102005e10009986dd6000000000183aff00000000000000000000000000000000ff0200000000000000000001ff00000187004cec"
    "0000000020010db8000100000000000000000001";
inline constexpr std::string_view kArpRequest =  // for 192.0.2.99, from us
    "ffffffffffff02005e1000010806000108000604000102005e100001c0000201000000000000c0000263";
inline constexpr std::string_view kArpReplyOfOurs =  // of 192.0.2.1 to 192.0.2.99
    "02005e10009902005e1000010806000108000604000202005e100001c000020102005e100099c0000263";

/// The frame with Ethernet's padding to 60 bytes, which scapy leaves to the card.
inline std::vector<uint8_t> padded(std::string_view hex)
{
    auto frame = bytes(hex);
    if (frame.size() < 60)
        frame.resize(60);
    return frame;
}

/// An ARP frame written out by hand, so that the code under test does not check itself.
struct Arp {
    uint8_t operation = 2;
    net::MacAddress sender_mac = kPeerMac;
    std::string_view sender_ip = "192.0.2.99";
    net::MacAddress target_mac = kOurMac;
    std::string_view target_ip = "192.0.2.1";
    net::MacAddress to = kOurMac;

    [[nodiscard]] std::vector<uint8_t> frame() const
    {
        std::vector<uint8_t> out(to.bytes.begin(), to.bytes.end());
        const auto append = [&](auto&& part) { out.insert(out.end(), part.begin(), part.end()); };
        append(sender_mac.bytes);
        append(std::vector<uint8_t>{0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, operation});
        append(sender_mac.bytes);
        append(ip(sender_ip).bytes());
        append(target_mac.bytes);
        append(ip(target_ip).bytes());
        out.resize(60);
        return out;
    }
};

inline constexpr uint64_t operator""_s(unsigned long long seconds) { return seconds * 1'000'000'000; }

}  // namespace ipsecgw::route::wire
