#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace ipsecgw::net {

using base::Error;
using base::ErrorCode;
using base::Result;

IpAddress IpAddress::v4(const void* bytes) noexcept
{
    IpAddress address;
    std::memcpy(address.bytes_.data(), bytes, 4);
    return address;
}

IpAddress IpAddress::v6(const void* bytes) noexcept
{
    IpAddress address;
    address.family_ = Family::kIpv6;
    std::memcpy(address.bytes_.data(), bytes, 16);
    return address;
}

Result<IpAddress> IpAddress::parse(std::string_view text)
{
    const std::string copy(text);
    uint8_t bytes[16];
    const bool is_whole = copy.find('\0') == std::string::npos;  // inet_pton() would stop there
    if (is_whole && inet_pton(AF_INET, copy.c_str(), bytes) == 1)
        return v4(bytes);
    if (is_whole && inet_pton(AF_INET6, copy.c_str(), bytes) == 1)
        return v6(bytes);
    return Error{ErrorCode::kInvalidArgument, "\"" + copy + "\" is not an IPv4 or IPv6 address",
                 "write it like 192.0.2.1 or 2001:db8::1"};
}

bool IpAddress::is_unspecified() const noexcept
{
    return std::all_of(bytes_.begin(), bytes_.end(), [](uint8_t b) { return b == 0; });
}

bool IpAddress::is_multicast() const noexcept
{
    return is_v4() ? (bytes_[0] & 0xf0) == 0xe0 : bytes_[0] == 0xff;
}

bool IpAddress::is_loopback() const noexcept
{
    if (is_v4())
        return bytes_[0] == 127;
    return bytes_[15] == 1 && std::all_of(bytes_.begin(), bytes_.begin() + 15, [](uint8_t b) { return b == 0; });
}

bool IpAddress::is_link_local() const noexcept
{
    return is_v4() ? bytes_[0] == 169 && bytes_[1] == 254 : bytes_[0] == 0xfe && (bytes_[1] & 0xc0) == 0x80;
}

std::string IpAddress::to_string() const
{
    char text[INET6_ADDRSTRLEN];
    inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
    return text;
}

Result<Prefix> Prefix::parse(std::string_view text)
{
    const size_t slash = text.find('/');
    Prefix prefix;
    prefix.address = GW_TRY(IpAddress::parse(text.substr(0, slash)));
    prefix.length = address_bits(prefix.family());
    if (slash == std::string_view::npos)
        return prefix;
    const auto length = base::parse_unsigned(text.substr(slash + 1));
    if (!length || *length > prefix.length)
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" has no valid prefix length",
                     "the length is 0 to " + std::to_string(prefix.length)};
    prefix.length = static_cast<uint8_t>(*length);
    return prefix;
}

Prefix Prefix::any(Family family) noexcept
{
    static constexpr uint8_t kZero[16] = {};
    return {family == Family::kIpv4 ? IpAddress::v4(kZero) : IpAddress::v6(kZero), 0};
}

Prefix Prefix::network() const noexcept
{
    uint8_t bytes[16] = {};
    std::memcpy(bytes, address.data(), address_bytes(family()));
    for (size_t i = 0; i < address_bytes(family()); i++) {
        const int kept = std::clamp(static_cast<int>(length) - static_cast<int>(i) * 8, 0, 8);
        bytes[i] = static_cast<uint8_t>(bytes[i] & (0xff00 >> kept));
    }
    return {address.is_v4() ? IpAddress::v4(bytes) : IpAddress::v6(bytes), length};
}

bool Prefix::contains(const IpAddress& candidate) const noexcept
{
    if (candidate.family() != family())
        return false;
    return Prefix{candidate, length}.network().address == network().address;
}

std::string Prefix::to_string() const { return address.to_string() + "/" + std::to_string(length); }

Result<MacAddress> MacAddress::parse(std::string_view text)
{
    const auto bytes = base::decode_hex(text);
    bool has_form = text.size() == 17;
    for (size_t i = 2; i < text.size(); i += 3)
        has_form = has_form && text[i] == ':';
    if (!has_form || !bytes || bytes->size() != 6)
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text) + "\" is not a MAC address",
                     "write it like 02:00:00:00:00:01"};
    MacAddress mac;
    std::copy_n(bytes->view().begin(), 6, mac.bytes.begin());
    return mac;
}

std::string MacAddress::to_string() const
{
    return base::format("%02x:%02x:%02x:%02x:%02x:%02x", bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5]);
}

}  // namespace ipsecgw::net
