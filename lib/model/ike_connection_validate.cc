#include <algorithm>
#include <set>

#include "base/text.h"
#include "model/findings_internal.h"
#include "model/ike_connection.h"
#include "model/name.h"

namespace ipsecgw::model {
namespace {

constexpr uint16_t kMinReplayWindow = 32;  // as for a manually keyed SA
constexpr uint16_t kMaxReplayWindow = 4096;

void check_proposals(const std::string& field, const std::vector<Proposal>& proposals, ProtocolId protocol,
                     Findings& findings)
{
    for (size_t i = 0; i < proposals.size(); i++) {
        const std::string item = field + ".[" + std::to_string(i) + "]";
        const Proposal& proposal = proposals[i];
        if (proposal.protocol != protocol || proposal.of(TransformType::kEncryption).empty())
            findings.add(item, "\"" + proposal.to_string() + "\" is no proposal of this protocol", {});
        if (std::find(proposals.begin(), proposals.begin() + static_cast<std::ptrdiff_t>(i), proposal) !=
            proposals.begin() + static_cast<std::ptrdiff_t>(i))
            findings.add(item, "\"" + proposal.to_string() + "\" is there twice", "remove one");
    }
}

void check_addresses(const std::string& field, const std::vector<net::Prefix>& prefixes, Findings& findings)
{
    for (size_t i = 0; i < prefixes.size(); i++) {
        const auto& prefix = prefixes[i];
        const bool is_host = prefix.length == net::address_bits(prefix.family());
        const auto& address = prefix.address;
        const char* kind = is_host && address.is_unspecified() ? "the unspecified address"
                           : address.is_multicast()            ? "multicast"
                           : address.is_loopback()             ? "loopback"
                                                               : nullptr;
        if (kind != nullptr)
            findings.add(field + ".[" + std::to_string(i) + "]", prefix.to_string() + " is " + kind,
                         "write the address packets have on the wire, or %any");
        if (prefix != prefix.network())
            findings.add(field + ".[" + std::to_string(i) + "]", prefix.to_string() + " has bits set after its prefix",
                         "write " + prefix.network().to_string());
    }
}

void check_auth(const IkeConnection& c, Findings& findings)
{
    const bool local_psk = c.local.auth.method == AuthMethod::kPsk;
    const bool remote_psk = c.remote.auth.method == AuthMethod::kPsk;
    if (local_psk && !c.local.certs.empty())
        findings.add("local.certs", "auth is psk, which has no certificates", "remove them, or use auth pubkey");
    if (!local_psk && c.local.certs.empty())
        findings.add("local.certs", "auth is " + c.local.auth.to_string() + " and no certificate is named",
                     "name the file with ours; its key goes into secrets as type private");
    if (!c.local.id.is_any() && c.local.id.is_pattern())
        findings.add("local.id", "it is a pattern, and we are somebody", "write one identity");
    if (remote_psk && !c.remote.certs.empty())
        findings.add("remote.certs", "auth is psk, which has no certificates", "remove them, or use auth pubkey");
    if (remote_psk && !c.remote.cacerts.empty())
        findings.add("remote.cacerts", "auth is psk, which has no certificates", "remove them, or use auth pubkey");
    if (remote_psk && c.remote.revocation != Revocation::kRelaxed)
        findings.add("remote.revocation", "auth is psk, which has no certificates", "remove it");
    if (c.ppk_required && !c.ppk_id)
        findings.add("ppk_required", "no PPK is named", "set ppk_id, and put the PPK into secrets as type ppk");
    if (c.ppk_id && c.ppk_id->is_pattern())
        findings.add("ppk_id", "it is a pattern", "write the id of one PPK");
}

void check_limit(const std::string& prefix, const char* unit, const RekeyLimit& limit, Findings& findings)
{
    const auto number = [](uint64_t n) { return std::to_string(n); };
    const auto name = [&](const char* what) { return prefix + what + unit; };
    if (limit.rekey != 0 && limit.life && *limit.life != 0 && *limit.life <= limit.rekey)
        findings.add(name("life_"), number(*limit.life) + " is not beyond rekey_" + unit + ", " + number(limit.rekey),
                     "an SA is rekeyed before it ends: 10 % beyond is usual");
    if (limit.rand && *limit.rand >= limit.rekey && *limit.rand != 0)
        findings.add(name("rand_"), number(*limit.rand) + " is not below rekey_" + unit + ", " + number(limit.rekey),
                     "it is taken off: the rest is when rekeying may begin");
}

using Selectors = std::vector<ChildSelector>;

/// A selector of one side needs one of its family and protocol on the other.
void check_pairs(const std::string& field, const Selectors& mine, const Selectors& others, Findings& findings)
{
    for (size_t i = 0; i < mine.size(); i++) {
        const auto& selector = mine[i];
        const auto fits = [&](const ChildSelector& o) {
            const bool family =
                selector.is_dynamic || o.is_dynamic || selector.selector.prefix.family() == o.selector.prefix.family();
            const uint8_t a = selector.selector.protocol, b = o.selector.protocol;
            return family && (a == b || a == 0 || b == 0);
        };
        const std::string item = field + ".[" + std::to_string(i) + "]";
        if (!others.empty() && std::none_of(others.begin(), others.end(), fits))
            findings.add(item, selector.to_string() + " has no partner of its family and protocol on the other side",
                         "add one there, or remove this one");
        if (std::find(mine.begin(), mine.begin() + static_cast<std::ptrdiff_t>(i), selector) !=
            mine.begin() + static_cast<std::ptrdiff_t>(i))
            findings.add(item, selector.to_string() + " is there twice", "remove one");
    }
}

void check_transport(const std::string& prefix, const ChildConfig& child, Findings& findings)
{
    const auto check_hosts = [&](const char* field, const Selectors& selectors) {
        for (size_t i = 0; i < selectors.size(); i++) {
            const auto& p = selectors[i].selector.prefix;
            if (!selectors[i].is_dynamic && p.length != net::address_bits(p.family()))
                findings.add(prefix + field + ".[" + std::to_string(i) + "]",
                             p.to_string() + " is more than one host, and transport mode joins two",
                             "write dynamic or the host's address, or use mode tunnel");
        }
    };
    check_hosts("local_ts", child.local_ts);
    check_hosts("remote_ts", child.remote_ts);
    if (child.tfc_pad_to != 0)
        findings.add(prefix + "tfc_padding", "a transport mode packet has no inner packet to pad behind",
                     "remove it, or use mode tunnel");
}

void check_child(const std::string& prefix, const IkeConnection& c, const ChildConfig& child, Findings& findings)
{
    if (const auto named = check_name(child.name); !named)
        findings.add(prefix + "name", named.error().what, named.error().hint);
    check_proposals(prefix + "esp_proposals", child.esp_proposals, ProtocolId::kEsp, findings);
    check_pairs(prefix + "local_ts", child.local_ts, child.remote_ts, findings);
    check_pairs(prefix + "remote_ts", child.remote_ts, child.local_ts, findings);
    check_limit(prefix, "time", child.time_s, findings);
    check_limit(prefix, "bytes", child.bytes, findings);
    check_limit(prefix, "packets", child.packets, findings);
    if (child.mode == Mode::kTransport)
        check_transport(prefix, child, findings);
    if (child.replay_window != 0 && (child.replay_window < kMinReplayWindow || child.replay_window > kMaxReplayWindow))
        findings.add(prefix + "replay_window", std::to_string(child.replay_window) + " is not 0 (off) or 32 to 4096",
                     {});
    const auto offers_esn = [](const Proposal& p) { return p.has({TransformType::kSequenceNumbers, kEsn, 0}); };
    if (child.replay_window == 0 && (child.esp_proposals.empty() ||
                                     std::any_of(child.esp_proposals.begin(), child.esp_proposals.end(), offers_esn)))
        findings.add(prefix + "replay_window", "ESN needs a window (RFC 4303 section 2.2.1)",
                     "write esp_proposals without esn, or a window of 32 to 4096");
    if (c.remote_address())
        return;
    static constexpr const char* kHint = "name the peer's address in remote_addrs, or let the peer begin";
    if (child.start_action != StartAction::kNone)
        findings.add(prefix + "start_action", "there is nobody to initiate to", kHint);
    if (child.close_action != StartAction::kNone)
        findings.add(prefix + "close_action", "there is nobody to initiate to", kHint);
    if (child.dpd_action != DpdAction::kClear)
        findings.add(prefix + "dpd_action", "there is nobody to initiate to", kHint);
}

void check_times(const IkeConnection& c, Findings& findings)
{
    if (c.rekey_time_s != 0 && c.effective_rand_time_s() >= c.rekey_time_s)
        findings.add(c.rand_time_s ? "rand_time" : "over_time",
                     "what is taken off at random is not below rekey_time, " + std::to_string(c.rekey_time_s) + " s",
                     "set rand_time below rekey_time");
}

}  // namespace

std::vector<base::Error> validate(const IkeConnection& connection)
{
    Findings findings;
    const IkeConnection& c = connection;
    if (const auto named = check_name(c.name); !named)
        findings.add("name", named.error().what, named.error().hint);
    check_addresses("local_addrs", c.local_addrs, findings);
    check_addresses("remote_addrs", c.remote_addrs, findings);
    const auto remote = c.remote_address();
    if (remote && !c.local_addrs.empty() &&
        std::none_of(c.local_addrs.begin(), c.local_addrs.end(),
                     [&](const net::Prefix& p) { return p.family() == remote->family(); }))
        findings.add("local_addrs", "none is of the family of " + remote->to_string(), "add one, or write %any");
    if (c.local_port == 0)
        findings.add("local_port", "0 is no port", "500 and 4500 are IKE's");
    if (c.remote_port == 0)
        findings.add("remote_port", "0 is no port", "500 and 4500 are IKE's");
    check_proposals("proposals", c.proposals, ProtocolId::kIke, findings);
    check_times(c, findings);
    check_auth(c, findings);
    if (c.children.empty() && c.childless != Childless::kForce)
        findings.add("children", "it has none, so nothing would be protected",
                     "add one: children = ( { name = \"net\"; ... } )");
    std::set<std::string_view> names;
    for (size_t i = 0; i < c.children.size(); i++) {
        const std::string prefix = "children.[" + std::to_string(i) + "].";
        check_child(prefix, c, c.children[i], findings);
        if (!names.insert(c.children[i].name).second)
            findings.add(prefix + "name", "\"" + c.children[i].name + "\" is taken by another child",
                         "names are unique in a connection");
    }
    return findings.take();
}

}  // namespace ipsecgw::model
