// The fields of the file itself and of gateway, metrics, ports, routes and neighbours.
#include <algorithm>

#include "base/text.h"
#include "config/fields_internal.h"
#include "config/reader_internal.h"
#include "model/name.h"

namespace ipsecgw::config {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

constexpr size_t kMaxSocketPath = 107;  // sockaddr_un holds 108 with the end
constexpr uint16_t kMinMtu = 1280;      // RFC 8200 section 5
constexpr uint16_t kMaxMtu = 9700;
constexpr uint64_t kMaxSas = 1 << 20;
constexpr uint64_t kMaxMbufs = 1 << 24;
constexpr uint64_t kMaxIdleSleepUs = 10'000;
constexpr uint64_t kMaxKeepaliveSeconds = 3600;
constexpr uint64_t kMaxTunnels = 10'000;
constexpr uint64_t kMaxRetransmitMs = 60'000;
constexpr uint64_t kMaxRetransmitTries = 12;
constexpr uint64_t kMaxReassembly = 4096;

Result<void> set_control_socket(Reader&, model::Settings& settings, const Value& value)
{
    if (!value.text.starts_with('/') || value.text.size() > kMaxSocketPath)
        return Error{ErrorCode::kInvalidArgument, "a socket's path starts with / and has at most 107 bytes",
                     "the default is " + model::Settings{}.control_socket};
    settings.control_socket = value.text;
    return {};
}

Result<void> add_look_aside(Reader&, model::Settings& settings, const Value& value)
{
    if (value.text.empty())
        return Error{ErrorCode::kInvalidArgument, "it is empty",
                     "write it like crypto_openssl0 or 0000:04:00.0_qat_sym"};
    auto& names = settings.look_aside;
    if (std::find(names.begin(), names.end(), value.text) != names.end())
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(value.text) + "\" is named twice", "remove one"};
    names.emplace_back(value.text);
    return {};
}

Result<void> set_listen(Reader&, model::Metrics& metrics, const Value& value)
{
    const Error bad = {ErrorCode::kInvalidArgument,
                       "\"" + std::string(value.text) + "\" is no numeric address with a port",
                       "write it like 127.0.0.1:9717 or [::1]:9717; \"none\" is no TCP"};
    metrics.address.clear();
    if (value.text == "none")
        return {};
    const size_t colon = value.text.rfind(':');
    if (colon == std::string_view::npos)
        return bad;
    std::string_view host = value.text.substr(0, colon);
    const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (has_brackets)
        host = host.substr(1, host.size() - 2);
    const auto address = net::IpAddress::parse(host);
    const auto port = base::parse_unsigned(value.text.substr(colon + 1));
    if (!address || address->is_v4() == has_brackets || !port || *port == 0 || *port > UINT16_MAX)
        return bad;
    metrics.address = host;
    metrics.port = static_cast<uint16_t>(*port);
    return {};
}

constexpr Field<model::Metrics> kMetricsFields[] = {
    {{"listen", Kind::kText, false, "127.0.0.1:9717", "address and port, or none"}, set_listen},
    {{"socket", Kind::kText, false, "none", "absolute path"},
     [](Reader&, model::Metrics& metrics, const Value& value) -> Result<void> {
         if (!value.text.starts_with('/') || value.text.size() > kMaxSocketPath)
             return Error{ErrorCode::kInvalidArgument, "a socket's path starts with / and has at most 107 bytes",
                          "write it like /run/ipsec-gw/metrics.sock"};
         metrics.socket = value.text;
         return {};
     }},
    {{"max_tunnels", Kind::kNumber, false, "2000", "", 1, kMaxTunnels},
     [](Reader&, model::Metrics& metrics, const Value& value) -> Result<void> {
         metrics.max_tunnels = static_cast<uint32_t>(value.number);
         return {};
     }},
};

constexpr Field<model::Settings> kSettingsFields[] = {
    {{"control_socket", Kind::kText, false, "/run/ipsec-gw/ipsec-gw.sock", "absolute path"}, set_control_socket},
    {{"engine", Kind::kWord, false, "auto", "auto|cpu-crypto|openssl|lookaside"},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         settings.engine = static_cast<model::EngineChoice>(value.number);
         return {};
     }},
    {{"lookaside", Kind::kTexts, false, "none", "names of crypto devices"}, add_look_aside},
    {{"max_sas", Kind::kNumber, false, "65536", "", 1, kMaxSas},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         settings.max_sas = static_cast<uint32_t>(value.number);
         return {};
     }},
    {{"mbufs", Kind::kNumber, false, "0", "0 (enough) or 1024 to 16777216", 0, kMaxMbufs},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         if (value.number != 0 && value.number < 1024)
             return Error{ErrorCode::kInvalidArgument,
                          std::to_string(value.number) + " buffers are too few for any port",
                          "it is 0 (enough) or 1024 to 16777216"};
         settings.mbufs = static_cast<uint32_t>(value.number);
         return {};
     }},
    {{"icmp_errors", Kind::kFlag, false, "true", "true, false"},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         settings.icmp_errors = value.flag;
         return {};
     }},
    {{"reassembly", Kind::kNumber, false, "128", "", 0, kMaxReassembly},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         settings.reassembly = static_cast<uint32_t>(value.number);
         return {};
     }},
    {{"nat_keepalive_seconds", Kind::kNumber, false, "20", "", 0, kMaxKeepaliveSeconds},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         settings.nat_keepalive_seconds = static_cast<uint32_t>(value.number);
         return {};
     }},
    {{"ike_retransmit_timeout_ms", Kind::kNumber, false, "4000", "", 100, kMaxRetransmitMs},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         settings.ike_retransmit_timeout_ms = static_cast<uint32_t>(value.number);
         return {};
     }},
    {{"ike_retransmit_tries", Kind::kNumber, false, "5", "", 1, kMaxRetransmitTries},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         settings.ike_retransmit_tries = static_cast<uint32_t>(value.number);
         return {};
     }},
    {{"idle_sleep_us", Kind::kNumber, false, "0", "", 0, kMaxIdleSleepUs},
     [](Reader&, model::Settings& settings, const Value& value) -> Result<void> {
         settings.idle_sleep_us = static_cast<uint32_t>(value.number);
         return {};
     }},
};

Result<void> add_port_address(Reader&, model::Port& port, const Value& value)
{
    auto prefix = net::Prefix::parse(value.text);
    if (!prefix)
        return std::move(prefix).error();
    if (value.text.find('/') == std::string_view::npos)
        return Error{ErrorCode::kInvalidArgument, "\"" + std::string(value.text) + "\" has no prefix length",
                     "write it like " + prefix->address.to_string() + (prefix->address.is_v4() ? "/24" : "/64")};
    port.addresses.push_back(*prefix);
    return {};
}

constexpr Field<model::Port> kPortFields[] = {
    {{"name", Kind::kText, true, "", "1 to 63 characters"},
     [](Reader&, model::Port& port, const Value& value) -> Result<void> {
         port.name = value.text;
         return model::check_name(value.text);
     }},
    {{"device", Kind::kText, true, "", "ethdev name, PCI address or number"},
     [](Reader&, model::Port& port, const Value& value) -> Result<void> {
         if (value.text.empty())
             return Error{ErrorCode::kInvalidArgument, "it is empty", "write it like net_af_packet0 or 0000:03:00.0"};
         port.device = value.text;
         return {};
     }},
    {{"role", Kind::kWord, true, "", "protected|unprotected|both"},
     [](Reader&, model::Port& port, const Value& value) -> Result<void> {
         port.role = static_cast<model::PortRole>(value.number);
         return {};
     }},
    {{"addresses", Kind::kTexts, false, "none", "addresses with prefix length"}, add_port_address},
    {{"mtu", Kind::kNumber, false, "1500", "", kMinMtu, kMaxMtu},
     [](Reader&, model::Port& port, const Value& value) -> Result<void> {
         port.mtu = static_cast<uint16_t>(value.number);
         return {};
     }},
    {{"rx_descriptors", Kind::kNumber, false, "1024", "", 64, 32768},
     [](Reader&, model::Port& port, const Value& value) -> Result<void> {
         port.rx_descriptors = static_cast<uint16_t>(value.number);
         return {};
     }},
    {{"tx_descriptors", Kind::kNumber, false, "1024", "", 64, 32768},
     [](Reader&, model::Port& port, const Value& value) -> Result<void> {
         port.tx_descriptors = static_cast<uint16_t>(value.number);
         return {};
     }},
    {{"promiscuous", Kind::kFlag, false, "false", "true, false"},
     [](Reader&, model::Port& port, const Value& value) -> Result<void> {
         port.promiscuous = value.flag;
         return {};
     }},
};

constexpr Field<model::Route> kRouteFields[] = {
    {{"prefix", Kind::kText, true, "", "prefix"},
     [](Reader&, model::Route& route, const Value& value) -> Result<void> {
         auto prefix = net::Prefix::parse(value.text);
         if (!prefix)
             return std::move(prefix).error();
         if (*prefix != prefix->network())
             return Error{ErrorCode::kInvalidArgument, prefix->to_string() + " has bits set after its prefix",
                          "write " + prefix->network().to_string()};
         route.prefix = *prefix;
         return {};
     }},
    {{"via", Kind::kText, false, "none: on the link", "address"},
     [](Reader&, model::Route& route, const Value& value) -> Result<void> {
         auto address = net::IpAddress::parse(value.text);
         if (!address)
             return std::move(address).error();
         route.via = *address;
         return {};
     }},
    {{"port", Kind::kText, false, "the port whose link has `via`", "name of a port"},
     [](Reader&, model::Route& route, const Value& value) -> Result<void> {
         route.port = value.text;
         return {};
     }},
};

constexpr Field<model::Neighbour> kNeighbourFields[] = {
    {{"port", Kind::kText, true, "", "name of a port"},
     [](Reader&, model::Neighbour& neighbour, const Value& value) -> Result<void> {
         neighbour.port = value.text;
         return {};
     }},
    {{"address", Kind::kText, true, "", "address"},
     [](Reader&, model::Neighbour& neighbour, const Value& value) -> Result<void> {
         auto address = net::IpAddress::parse(value.text);
         if (!address)
             return std::move(address).error();
         neighbour.address = *address;
         return {};
     }},
    {{"mac", Kind::kText, true, "", "unicast MAC address"},
     [](Reader&, model::Neighbour& neighbour, const Value& value) -> Result<void> {
         auto mac = net::MacAddress::parse(value.text);
         if (!mac)
             return std::move(mac).error();
         if (mac->is_multicast() || *mac == net::MacAddress{})
             return Error{ErrorCode::kInvalidArgument, mac->to_string() + " is no unicast address",
                          "a neighbour's own address has an even first byte"};
         neighbour.mac = *mac;
         return {};
     }},
};

constexpr Field<Document> kDocumentFields[] = {
    {{"gateway", Kind::kGroup, false, "all defaults", "see gateway"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& group, Origin&) {
         document.settings_origin.path = group.getPath();
         document.settings_origin.line = group.getSourceLine();
         reader.read_group(group, settings_fields(), document.settings, document.settings_origin);
     }},
    {{"metrics", Kind::kGroup, false, "no metrics", "see metrics"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& group, Origin&) {
         document.metrics_origin.path = group.getPath();
         document.metrics_origin.line = group.getSourceLine();
         document.metrics.emplace();
         reader.read_group(group, metrics_fields(), *document.metrics, document.metrics_origin);
     }},
    {{"ports", Kind::kGroups, true, "", "see ports"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, port_fields(), document.ports);
     }},
    {{"routes", Kind::kGroups, false, "none", "see routes"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, route_fields(), document.routes);
     }},
    {{"neighbours", Kind::kGroups, false, "none", "see neighbours"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, neighbour_fields(), document.neighbours);
     }},
    {{"sas", Kind::kGroups, false, "none", "see sas"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, sa_fields(), document.sas);
     }},
    {{"policies", Kind::kGroups, false, "none", "see policies"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, policy_fields(), document.policies);
     }},
    {{"connections", Kind::kGroups, false, "none", "see connections"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, connection_fields(), document.connections);
     }},
    {{"secrets", Kind::kGroups, false, "none", "see secrets"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, secret_fields(), document.secrets);
     }},
    {{"authorities", Kind::kGroups, false, "none", "see authorities"},
     nullptr,
     [](Reader& reader, Document& document, const libconfig::Setting& list, Origin&) {
         reader.read_groups(list, authority_fields(), document.authorities);
     }},
};

}  // namespace

std::span<const Field<Document>> document_fields()
{
    return kDocumentFields;
}
std::span<const Field<model::Settings>> settings_fields()
{
    return kSettingsFields;
}
std::span<const Field<model::Metrics>> metrics_fields()
{
    return kMetricsFields;
}
std::span<const Field<model::Port>> port_fields()
{
    return kPortFields;
}
std::span<const Field<model::Route>> route_fields()
{
    return kRouteFields;
}
std::span<const Field<model::Neighbour>> neighbour_fields()
{
    return kNeighbourFields;
}

}  // namespace ipsecgw::config
