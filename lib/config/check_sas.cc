// SAs by themselves, against each other and against the ports.
#include <algorithm>

#include "base/text.h"
#include "config/check_internal.h"

namespace ipsecgw::config {
namespace {

using ParsedSa = Parsed<SaDraft>;

/// Where a setting has an effect; beyond what validate() refuses, one that has none deserves a word.
struct Scope {
    std::string_view setting;
    std::optional<model::Direction> direction;
    bool tunnel_only;
};
constexpr Scope kScopes[] = {
    {"replay_window", model::Direction::kInbound, false},
    {"dscp", model::Direction::kOutbound, true},
    {"copy_dscp", std::nullopt, true},
    {"ecn", std::nullopt, true},
    {"df", model::Direction::kOutbound, true},
    {"copy_flow_label", model::Direction::kOutbound, true},
    {"hop_limit", model::Direction::kOutbound, true},
    {"tfc_padding", model::Direction::kOutbound, true},
    {"first_sequence", model::Direction::kOutbound, false},
};

/// Settings that mean something only once direction, mode and proposal are known.
bool is_moot(const Origin& origin, std::string_view field)
{
    if (field == "name" || field == "spi" || field == "local" || field.starts_with("udp_encap") ||
        field.starts_with("lifetime"))
        return false;
    if (field == "remote")
        return origin.is_bad("local");
    if (field == "keymat")
        return origin.is_bad("proposal") || origin.is_bad("keymat_file");
    return origin.is_bad("direction") || origin.is_bad("mode") || origin.is_bad("proposal") || origin.is_bad("local");
}

void complete_dscp(Reader& reader, ParsedSa& sa)
{
    model::SaParams& params = sa.value.sa;
    if (!sa.value.copies_outward || params.mode == model::Mode::kTransport)
        return;
    if (params.direction == model::Direction::kInbound)
        params.tunnel.copy_dscp_inward = *sa.value.copies_inward;
    else if (!*sa.value.copies_outward && !params.tunnel.dscp)
        params.tunnel.dscp = 0;
    else if (*sa.value.copies_outward && params.tunnel.dscp)
        reader.error(sa.origin, "dscp", "copy_dscp copies what this fixes", "remove one of them");
}

void check_keymat_there(Reader& reader, ParsedSa& sa)
{
    Origin& origin = sa.origin;
    if (origin.has("keymat") && origin.has("keymat_file"))
        reader.error(origin, "keymat_file", "keymat is there too", "remove one of them");
    if (origin.has("keymat") || origin.has("keymat_file"))
        return;
    const uint16_t bytes = sa.value.sa.suite.layout().keymat_bytes();
    reader.error(origin, "keymat", "it is missing",
                 origin.is_bad("proposal")
                     ? "write the key in hex, or name its file with keymat_file"
                     : base::format("make it with: openssl rand -hex %u; or name its file with keymat_file", bytes));
    origin.bad.insert("keymat");
}

void check_keymat_pattern(Reader& reader, const ParsedSa& sa)
{
    if (sa.value.sa.keymat.size() == sa.value.sa.suite.layout().keymat_bytes() && is_pattern(sa.value.sa.keymat.view()))
        reader.warning(sa.origin, sa.origin.has("keymat_file") ? "keymat_file" : "keymat",
                       "the key is a pattern, good for a trial only",
                       base::format("make one with: openssl rand -hex %zu", sa.value.sa.keymat.size()));
}

/// Our SPI alone finds an inbound SA (RFC 4301 section 4.1); the peer's finds ours together with its address.
void check_spis(Reader& reader, const Document& document)
{
    std::map<std::pair<uint32_t, std::optional<net::IpAddress>>, const ParsedSa*> first;
    for (const auto& sa : document.sas) {
        const Origin& origin = sa.origin;
        if (origin.is_bad("spi") || origin.is_bad("direction") || origin.is_bad("remote"))
            continue;
        const model::SaParams& params = sa.value.sa;
        const bool inbound = params.direction == model::Direction::kInbound;
        const auto [at, is_new] =
            first.emplace(std::pair(params.spi, inbound ? std::nullopt : std::optional(params.remote)), &sa);
        if (!is_new)
            reader.error(origin, "spi",
                         base::format("0x%x is the SPI of %s SA \"%s\" already (%s)", params.spi,
                                      inbound ? "inbound" : "outbound", at->second->value.sa.name.c_str(),
                                      reader.place_text(at->second->origin.line).c_str()),
                         inbound ? "each inbound SA has its own" : "each outbound SA to one peer has its own");
    }
}

bool is_counter_mode(const model::EspSuite& suite)
{
    return suite.layout().salt_bytes != 0;
}

/// Two SAs with one key meet at one nonce sooner or later, and a counter-mode cipher then gives away both plaintexts.
void check_shared_keys(Reader& reader, const Document& document)
{
    using Key = std::span<const uint8_t>;
    const auto less = [](Key a, Key b) { return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end()); };
    std::map<Key, const ParsedSa*, decltype(less)> first(less);
    for (const auto& sa : document.sas) {
        const auto key = sa.value.sa.keymat.view();
        if (key.empty() || sa.origin.is_bad("proposal"))
            continue;
        const auto [at, is_new] = first.emplace(key, &sa);
        if (is_new)
            continue;
        const std::string setting = sa.origin.has("keymat_file") ? "keymat_file" : "keymat";
        const std::string what = "it is also the key of SA \"" + at->second->value.sa.name + "\"";
        if (is_counter_mode(sa.value.sa.suite))
            reader.error(sa.origin, setting,
                         what + ": with " + sa.value.sa.suite.name() + " nonces would repeat (RFC 4106 section 2)",
                         "each SA and direction has its own key");
        else
            reader.warning(sa.origin, setting, what, "each SA and direction should have its own key");
    }
}

/// The SA's packets leave by a port on the unprotected side and the peer's arrive there.
void check_path(Reader& reader, const ParsedSa& sa, const model::Port* home, const model::Port* out)
{
    const model::SaParams& params = sa.value.sa;
    if (!sa.origin.is_bad("local") && params.mode == model::Mode::kTunnel) {
        static constexpr const char* kHint = "write an address of an unprotected port";
        const std::string local = params.local.to_string();
        if (home == nullptr)
            reader.warning(sa.origin, "local", local + " is no address of a port: the peer's packets may not arrive",
                           kHint);
        else if (home->role == model::PortRole::kProtected)
            reader.warning(sa.origin, "local", local + " is on port \"" + home->name + "\", which is protected", kHint);
    }
    if (sa.origin.is_bad("remote") || sa.origin.is_bad("local"))
        return;
    const std::string remote = params.remote.to_string();
    if (out == nullptr)
        reader.warning(sa.origin, "remote", "no route leads to " + remote, "add one to routes");
    else if (out->role == model::PortRole::kProtected)
        reader.warning(sa.origin, "remote", remote + " is reached by port \"" + out->name + "\", which is protected",
                       "check the port's role and the routes");
}

void check_paths(Reader& reader, const Document& document)
{
    if (!links_are_known(document))
        return;
    std::map<net::IpAddress, const model::Port*> homes;
    for (const auto& port : document.ports)
        for (const auto& prefix : port.value.addresses)
            homes.emplace(prefix.address, &port.value);
    std::map<net::IpAddress, const model::Port*> exits;
    for (const auto& sa : document.sas) {
        const net::IpAddress& remote = sa.value.sa.remote;
        if (!exits.contains(remote))
            exits[remote] = egress(document, remote);
        const auto home = homes.find(sa.value.sa.local);
        check_path(reader, sa, home == homes.end() ? nullptr : home->second, exits[remote]);
    }
}

void check_capacity(Reader& reader, const Document& document)
{
    for (const auto direction : {model::Direction::kInbound, model::Direction::kOutbound}) {
        const auto count =
            static_cast<size_t>(std::count_if(document.sas.begin(), document.sas.end(),
                                              [&](const ParsedSa& sa) { return sa.value.sa.direction == direction; }));
        if (count > document.settings.max_sas)
            reader.error(document.settings_origin, "max_sas",
                         base::format("it is %u, and there are %zu %sbound SAs", document.settings.max_sas, count,
                                      direction == model::Direction::kInbound ? "in" : "out"),
                         "raise it");
    }
}

}  // namespace

bool is_pattern(std::span<const uint8_t> key)
{
    for (size_t i = 2; i < key.size(); i++)
        if (static_cast<uint8_t>(key[i] - key[i - 1]) != static_cast<uint8_t>(key[1] - key[0]))
            return false;
    return key.size() > 2;
}

void complete_sa(Reader& reader, const Document& document, ParsedSa& sa)
{
    model::SaParams& params = sa.value.sa;
    const Origin& origin = sa.origin;
    if (!sa.value.has_engine)
        params.engine = document.settings.engine;
    if (params.engine == model::EngineChoice::kLookAside && params.hw_offload == model::HwOffload::kNo &&
        document.settings.look_aside.empty() && !origin.is_bad("engine"))
        reader.error(origin, "engine", "no look-aside device is configured",
                     "name a crypto device in the gateway's lookaside setting");
    check_keymat_there(reader, sa);
    complete_dscp(reader, sa);
    const auto errors = model::validate(params);
    report(reader, origin, errors, is_moot);
    check_keymat_pattern(reader, sa);
    for (const auto& scope : kScopes) {
        const std::string prefix = std::string(scope.setting) + ": ";
        const bool is_refused = std::any_of(errors.begin(), errors.end(),
                                            [&](const base::Error& error) { return error.what.starts_with(prefix); });
        if (!origin.has(scope.setting) || origin.is_bad(scope.setting) || is_refused || is_moot(origin, scope.setting))
            continue;
        if (scope.tunnel_only && params.mode == model::Mode::kTransport)
            reader.warning(origin, scope.setting, "it has no effect in transport mode", "remove it");
        else if (scope.direction && *scope.direction != params.direction)
            reader.warning(origin, scope.setting,
                           std::string("it has no effect on an ") +
                               (params.direction == model::Direction::kInbound ? "inbound" : "outbound") + " SA",
                           "remove it");
    }
}

void check_sas(Reader& reader, Document& document)
{
    check_unique_names(reader, document.sas, [](const SaDraft& draft) { return draft.sa.name; });
    for (auto& sa : document.sas)
        complete_sa(reader, document, sa);
    check_spis(reader, document);
    check_shared_keys(reader, document);
    check_paths(reader, document);
    check_capacity(reader, document);
}

}  // namespace ipsecgw::config
