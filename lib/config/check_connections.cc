// Connections with their children, secrets and authorities, against each other and the ports.
#include <algorithm>
#include <set>

#include "base/text.h"
#include "config/check_internal.h"

namespace ipsecgw::config {
namespace {

using ParsedConnection = Parsed<ConnectionDraft>;

/// What follows from a setting that was reported before.
bool is_moot(const Origin& origin, std::string_view field)
{
    if (field == "children")
        return origin.has("children");  // what is wrong with them was said
    if (field.starts_with("local.") || field.starts_with("remote."))
        return origin.is_bad(field.substr(0, field.find('.'))) || origin.is_bad("local.auth") ||
               origin.is_bad("remote.auth") || origin.is_bad(field);
    if (field.starts_with("local_addrs") || field.starts_with("remote_addrs"))
        return origin.is_bad("local_addrs") || origin.is_bad("remote_addrs");
    if (field == "ppk_required")
        return origin.is_bad("ppk_id");
    return origin.is_bad("rekey_time") && (field == "rand_time" || field == "over_time");
}

bool is_moot_of_child(const Origin& origin, std::string_view field)
{
    if (field.starts_with("local_ts") || field.starts_with("remote_ts"))
        return origin.is_bad("local_ts") || origin.is_bad("remote_ts") || origin.is_bad("mode");
    const auto is_about = [&](std::string_view unit) { return field.ends_with(unit); };
    for (const std::string unit : {"_time", "_bytes", "_packets"})
        if (is_about(unit))
            return origin.is_bad("rekey" + unit) || origin.is_bad("life" + unit);
    return origin.is_bad("mode") || (field == "replay_window" && origin.is_bad("esp_proposals"));
}

/// Splits the errors of a connection into its own and those of each child, whose settings have lines of their own.
void report_connection(Reader& reader, const ParsedConnection& parsed, const std::vector<base::Error>& errors)
{
    static constexpr std::string_view kChild = "children.[";
    std::vector<base::Error> own;
    std::vector<std::vector<base::Error>> of_child(parsed.value.children.size());
    for (const auto& error : errors) {
        const size_t close = error.what.find("].");
        const auto index = error.what.starts_with(kChild) && close != std::string::npos
                               ? base::parse_unsigned(error.what.substr(kChild.size(), close - kChild.size()))
                               : std::nullopt;
        if (!index || *index >= of_child.size()) {
            own.push_back(error);
            continue;
        }
        of_child[*index].push_back({error.code, error.what.substr(close + 2), error.hint});
    }
    report(reader, parsed.origin, own, is_moot);
    const bool nobody_is_known = parsed.origin.is_bad("remote_addrs");
    for (size_t i = 0; i < of_child.size(); i++) {
        if (nobody_is_known)
            std::erase_if(of_child[i], [](const base::Error& e) { return e.what.find("nobody") != std::string::npos; });
        report(reader, parsed.value.children[i].origin, of_child[i], is_moot_of_child);
    }
}

/// Our addresses are on unprotected ports, and a route leads to the peer.
void check_path(Reader& reader, const Document& document, const ParsedConnection& parsed)
{
    const auto& connection = parsed.value.connection;
    for (const auto& local : connection.local_addrs) {
        if (local.length != net::address_bits(local.family()) || parsed.origin.is_bad("local_addrs"))
            continue;
        const auto holds = [&](const Parsed<model::Port>& port) {
            return std::any_of(port.value.addresses.begin(), port.value.addresses.end(),
                               [&](const net::Prefix& p) { return p.address == local.address; });
        };
        const auto home = std::find_if(document.ports.begin(), document.ports.end(), holds);
        const std::string address = local.address.to_string();
        if (home == document.ports.end())
            reader.warning(parsed.origin, "local_addrs",
                           address + " is no address of a port: the peer's packets may not arrive",
                           "write an address of an unprotected port");
        else if (home->value.role == model::PortRole::kProtected)
            reader.warning(parsed.origin, "local_addrs",
                           address + " is on port \"" + home->value.name + "\", which is protected",
                           "write an address of an unprotected port");
    }
    const auto remote = connection.remote_address();
    if (!remote || parsed.origin.is_bad("remote_addrs"))
        return;
    const model::Port* out = egress(document, *remote);
    if (out == nullptr)
        reader.warning(parsed.origin, "remote_addrs", "no route leads to " + remote->to_string(), "add one to routes");
    else if (out->role == model::PortRole::kProtected)
        reader.warning(parsed.origin, "remote_addrs",
                       remote->to_string() + " is reached by port \"" + out->name + "\", which is protected",
                       "check the port's role and the routes");
}

void check_secret(Reader& reader, const Parsed<SecretDraft>& parsed)
{
    static constexpr size_t kShortSecretBytes = 16;  // less than an AES-128 key
    const SecretDraft& draft = parsed.value;
    const Origin& origin = parsed.origin;
    if (origin.is_bad("type"))
        return;
    if (draft.type == SecretDraft::Type::kPrivate) {
        if (!origin.has("file"))
            reader.error(origin, "file", "it is missing", "name the file with the private key, PEM or DER");
        if (origin.has("id"))
            reader.error(origin, "id", "a private key belongs to its certificate, not to an identity", "remove it");
        return;
    }
    if (origin.has("file"))
        reader.error(origin, "file", "a file holds a private key: this is a shared secret",
                     "use type private, or write the secret with secret");
    if (!origin.has("secret"))
        reader.error(origin, "secret", "it is missing",
                     "make one with: openssl rand -base64 32, and write 0s before it");
    if (!origin.has("secret") || origin.is_bad("secret"))
        return;
    if (is_pattern(draft.secret.view()))
        reader.warning(origin, "secret", "the key is a pattern, good for a trial only",
                       "make one with: openssl rand -base64 32, and write 0s before it");
    else if (draft.secret.size() < kShortSecretBytes)
        reader.warning(origin, "secret",
                       base::format("it has %zu bytes: who hears the exchange can guess it (RFC 7296 section 2.15)",
                                    draft.secret.size()),
                       "make one with: openssl rand -base64 32, and write 0s before it");
}

/// Two secrets for the same identities: which one would be used?
void check_unique_secrets(Reader& reader, const Document& document)
{
    std::map<std::pair<SecretDraft::Type, std::set<model::Identity>>, const Origin*> first;
    for (const auto& [draft, origin] : document.secrets) {
        if (draft.type == SecretDraft::Type::kPrivate || origin.is_bad("type") || origin.is_bad("id"))
            continue;
        const std::set<model::Identity> ids(draft.ids.begin(), draft.ids.end());
        const auto [at, is_new] = first.emplace(std::pair(draft.type, ids), &origin);
        if (!is_new)
            reader.error(origin, "id",
                         "the same identities have a secret already (" + reader.place_text(at->second->line) + ")",
                         "remove one, or say with id whose it is");
    }
}

}  // namespace

void check_connections(Reader& reader, Document& document)
{
    for (auto& parsed : document.connections) {
        auto& [connection, children] = parsed.value;
        for (const auto& child : children)
            connection.children.push_back(child.value.child);
        for (auto& child : connection.children)
            child.engine = document.settings.engine;
        report_connection(reader, parsed, model::validate(connection));
        if (links_are_known(document))
            check_path(reader, document, parsed);
    }
    check_unique_names(reader, document.connections, [](const ConnectionDraft& d) { return d.connection.name; });
    check_unique_names(reader, document.authorities, [](const model::Authority& authority) { return authority.name; });
    for (const auto& secret : document.secrets)
        check_secret(reader, secret);
    check_unique_secrets(reader, document);
}

}  // namespace ipsecgw::config
