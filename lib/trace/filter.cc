#include "trace/filter.h"

#include <array>
#include <utility>

#include "base/byte_order.h"
#include "base/text.h"
#include "net/headers.h"

namespace ipsecgw::trace {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr std::array<std::pair<std::string_view, uint8_t>, 6> kProtocols = {
    {{"tcp", 6}, {"udp", 17}, {"icmp", 1}, {"icmpv6", 58}, {"esp", 50}, {"sctp", 132}}};
constexpr size_t kUdpHeaderBytes = 8;
constexpr size_t kMaxExtensionHeaders = 8;

Error bad(std::string_view word, const std::string& why)
{
    return {ErrorCode::kInvalidArgument, "filter: \"" + std::string(word.substr(0, 64)) + "\": " + why,
            "words: src, dst, host PREFIX; proto P; sport, dport, port N; spi N; on PORT; drop REASON|any"};
}

void read_upper(std::span<const uint8_t> upper, Headers& out) noexcept
{
    switch (out.protocol) {
        case 6:
        case net::kProtoUdp:
        case 132:
            if (upper.size() < 4)
                return;
            out.source_port = base::load_be16(upper.data());
            out.destination_port = base::load_be16(upper.data() + 2);
            if (out.protocol == net::kProtoUdp && (*out.destination_port == net::kPortNatT || *out.source_port == net::kPortNatT) &&
                upper.size() >= kUdpHeaderBytes + 4)
                if (const uint32_t spi = base::load_be32(upper.data() + kUdpHeaderBytes); spi != 0)
                    out.spi = spi;
            return;
        case net::kProtoEsp:
            if (upper.size() >= 4)
                out.spi = base::load_be32(upper.data());
            return;
        default:
            return;
    }
}

std::optional<Headers> read_ipv4(std::span<const uint8_t> ip) noexcept
{
    const size_t header = size_t{ip[0] & 0x0fu} * 4;
    if (ip.size() < 20 || header < 20 || header > ip.size())
        return std::nullopt;
    Headers out;
    out.protocol = ip[9];
    out.source = net::IpAddress::v4(&ip[12]);
    out.destination = net::IpAddress::v4(&ip[16]);
    if ((base::load_be16(&ip[6]) & 0x1fff) == 0)
        read_upper(ip.subspan(header), out);
    return out;
}

std::optional<Headers> read_ipv6(std::span<const uint8_t> ip) noexcept
{
    if (ip.size() < 40)
        return std::nullopt;
    Headers out;
    out.source = net::IpAddress::v6(&ip[8]);
    out.destination = net::IpAddress::v6(&ip[24]);
    uint8_t next = ip[6];
    std::span<const uint8_t> rest = ip.subspan(40);
    for (size_t i = 0; i < kMaxExtensionHeaders; i++) {
        const bool is_fragment = next == 44;
        if (next != 0 && next != 43 && next != 60 && !is_fragment)
            break;
        const size_t bytes = rest.size() < 8 || is_fragment ? 8 : (size_t{rest[1]} + 1) * 8;
        if (bytes > rest.size())
            break;
        next = rest[0];
        if (is_fragment && (base::load_be16(&rest[2]) & 0xfff8) != 0) {
            out.protocol = next;
            return out;
        }
        rest = rest.subspan(bytes);
    }
    out.protocol = next;
    read_upper(rest, out);
    return out;
}

Result<uint16_t> parse_port(std::string_view word, std::string_view text)
{
    const auto number = base::parse_unsigned(text);
    if (!number || *number > UINT16_MAX)
        return bad(word, "\"" + std::string(text.substr(0, 64)) + "\" is no port number");
    return static_cast<uint16_t>(*number);
}

Result<net::Prefix> parse_prefix(std::string_view word, std::string_view text)
{
    auto prefix = net::Prefix::parse(text);
    if (!prefix)
        return bad(word, prefix.error().what);
    return *prefix;
}

Result<void> set(Filter& filter, std::string_view word, std::string_view text, std::span<const std::string> ports)
{
    if (word == "src")
        filter.source = GW_TRY(parse_prefix(word, text));
    else if (word == "dst")
        filter.destination = GW_TRY(parse_prefix(word, text));
    else if (word == "host")
        filter.host = GW_TRY(parse_prefix(word, text));
    else if (word == "proto")
        filter.protocol = GW_TRY(parse_protocol(text));
    else if (word == "sport")
        filter.source_port = GW_TRY(parse_port(word, text));
    else if (word == "dport")
        filter.destination_port = GW_TRY(parse_port(word, text));
    else if (word == "port")
        filter.either_port = GW_TRY(parse_port(word, text));
    else if (word == "spi") {
        const auto spi = base::parse_unsigned(text);
        if (!spi || *spi > UINT32_MAX)
            return bad(word, "\"" + std::string(text.substr(0, 64)) + "\" is no SPI");
        filter.spi = static_cast<uint32_t>(*spi);
    } else if (word == "on") {
        for (uint16_t i = 0; i < ports.size(); i++)
            if (ports[i] == text)
                filter.on = i;
        if (!filter.on)
            return bad(word, "no port is called \"" + std::string(text.substr(0, 64)) + "\"; there are " +
                                 base::join(std::vector<std::string>(ports.begin(), ports.end())));
    } else if (word == "drop") {
        filter.is_about_drops = true;
        for (size_t i = 0; i < telemetry::kDropCount; i++)
            if (telemetry::drop_name(static_cast<telemetry::Drop>(i)) == text)
                filter.reason = static_cast<telemetry::Drop>(i);
        if (!filter.reason && text != "any")
            return bad(word, "\"" + std::string(text.substr(0, 64)) + "\" is no drop reason; gwctl drops --all lists them");
    } else
        return bad(word, "no such word");
    return {};
}

}  // namespace

Result<uint8_t> parse_protocol(std::string_view text)
{
    for (const auto& [name, number] : kProtocols)
        if (name == text)
            return number;
    const auto number = base::parse_unsigned(text);
    if (!number || *number > UINT8_MAX)
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(text.substr(0, 64)) + "\" is no IP protocol",
                     "tcp, udp, icmp, icmpv6, esp, sctp or a number to 255"};
    return static_cast<uint8_t>(*number);
}

std::optional<Headers> read_headers(std::span<const uint8_t> bytes, bool has_ethernet) noexcept
{
    if (has_ethernet) {
        if (bytes.size() < sizeof(net::EthernetHeader))
            return std::nullopt;
        const uint16_t type = base::load_be16(&bytes[12]);
        if (type != net::kEtherTypeIpv4 && type != net::kEtherTypeIpv6)
            return std::nullopt;
        bytes = bytes.subspan(sizeof(net::EthernetHeader));
    }
    if (bytes.empty())
        return std::nullopt;
    switch (bytes[0] >> 4) {
        case 4:
            return read_ipv4(bytes);
        case 6:
            return read_ipv6(bytes);
        default:
            return std::nullopt;
    }
}

Result<Filter> Filter::parse(std::string_view text, std::span<const std::string> ports)
{
    Filter filter;
    std::vector<std::string_view> words;
    for (const auto word : base::split(text, ' '))
        if (!base::trim(word).empty())
            words.push_back(base::trim(word));
    for (size_t i = 0; i < words.size(); i += 2) {
        if (i + 1 == words.size())
            return bad(words[i], "what should it be?");
        GW_TRY(set(filter, words[i], words[i + 1], ports));
    }
    return filter;
}

bool Filter::takes_all() const noexcept
{
    return !source && !destination && !host && !protocol && !source_port && !destination_port && !either_port && !spi;
}

bool Filter::matches(const Headers& headers) const noexcept
{
    const auto is = [](const auto& wanted, const auto& value) { return !wanted || (value && *wanted == *value); };
    return (!source || source->contains(headers.source)) && (!destination || destination->contains(headers.destination)) &&
           (!host || host->contains(headers.source) || host->contains(headers.destination)) &&
           (!protocol || *protocol == headers.protocol) && is(source_port, headers.source_port) &&
           is(destination_port, headers.destination_port) && is(spi, headers.spi) &&
           (is(either_port, headers.source_port) || is(either_port, headers.destination_port));
}

}  // namespace ipsecgw::trace
