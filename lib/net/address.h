// Addresses, prefixes and port ranges, with their text forms.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ipsecgw::net {

enum class Family : uint8_t { kIpv4 = 4, kIpv6 = 6 };

constexpr size_t address_bytes(Family family) noexcept { return family == Family::kIpv4 ? 4 : 16; }
constexpr uint8_t address_bits(Family family) noexcept { return family == Family::kIpv4 ? 32 : 128; }

/// An IPv4 or IPv6 address. Bytes are in network order; IPv4 uses the first four and keeps the rest zero, so
/// comparing whole objects is correct.
class IpAddress {
 public:
    constexpr IpAddress() = default;  // 0.0.0.0
    static IpAddress v4(const void* bytes) noexcept;
    static IpAddress v6(const void* bytes) noexcept;
    /// "192.0.2.1" or "2001:db8::1"; no zone, no brackets.
    static base::Result<IpAddress> parse(std::string_view text);

    [[nodiscard]] constexpr Family family() const noexcept { return family_; }
    [[nodiscard]] bool is_v4() const noexcept { return family_ == Family::kIpv4; }
    [[nodiscard]] std::span<const uint8_t> bytes() const noexcept { return {bytes_.data(), address_bytes(family_)}; }
    [[nodiscard]] const uint8_t* data() const noexcept { return bytes_.data(); }
    [[nodiscard]] bool is_unspecified() const noexcept;
    [[nodiscard]] bool is_multicast() const noexcept;
    [[nodiscard]] bool is_loopback() const noexcept;
    /// fe80::/10 or 169.254/16.
    [[nodiscard]] bool is_link_local() const noexcept;
    [[nodiscard]] std::string to_string() const;

    auto operator<=>(const IpAddress&) const = default;

 private:
    Family family_ = Family::kIpv4;
    std::array<uint8_t, 16> bytes_{};
};

/// An address and a length in bits. Host bits may be set (an interface address is "10.0.0.1/24"); `network()` clears them.
struct Prefix {
    IpAddress address;
    uint8_t length = 0;

    /// "10.0.0.0/8", or an address alone (full length).
    static base::Result<Prefix> parse(std::string_view text);
    static Prefix any(Family family) noexcept;

    [[nodiscard]] Family family() const noexcept { return address.family(); }
    [[nodiscard]] Prefix network() const noexcept;
    [[nodiscard]] bool contains(const IpAddress& candidate) const noexcept;
    [[nodiscard]] std::string to_string() const;

    auto operator<=>(const Prefix&) const = default;
};

/// Inclusive; 0-65535 is ANY.
struct PortRange {
    uint16_t first = 0;
    uint16_t last = 65535;

    [[nodiscard]] constexpr bool is_any() const noexcept { return first == 0 && last == 65535; }
    [[nodiscard]] constexpr bool contains(uint16_t port) const noexcept { return first <= port && port <= last; }

    auto operator<=>(const PortRange&) const = default;
};

struct MacAddress {
    std::array<uint8_t, 6> bytes{};

    static base::Result<MacAddress> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    [[nodiscard]] bool is_multicast() const noexcept { return (bytes[0] & 1) != 0; }
    [[nodiscard]] static constexpr MacAddress broadcast() noexcept { return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}}; }

    auto operator<=>(const MacAddress&) const = default;
};

}  // namespace ipsecgw::net
