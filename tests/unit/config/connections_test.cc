#include <algorithm>

#include "base/text.h"
#include "config/schema.h"
#include "unit/config/config_support.h"

namespace ipsecgw::config {
namespace {

const std::string kRoutes = "routes = ( { prefix = \"0.0.0.0/0\"; via = \"198.51.100.254\"; } );\n";
const std::string kSecret =
    R"(secrets = ( { type = "ike"; id = [ "moon", "sun" ]; secret = "0sm5oIbJTHHk0M7/Z7w+0uK4Yb2zI6cVNq3VfC1f8P2a4="; } );
)";

/// A connection with settings of its own, of `local` and of its child.
std::string connection_text(const std::string& more = {}, const std::string& local = {}, const std::string& child = {})
{
    return "connections = ( { name = \"site\"; local_addrs = \"198.51.100.1\"; remote_addrs = \"198.51.100.2\"; " +
           more + "\n local = { auth = \"psk\"; id = \"moon\"; " + local +
           " }; remote = { auth = \"psk\"; id = \"sun\"; };\n" +
           " children = ( { name = \"net\"; local_ts = \"10.1.0.0/24\"; remote_ts = \"10.2.0.0/24\"; " + child +
           " } ); } );\n";
}

Loaded load(const std::string& connections, const std::string& secrets = kSecret)
{
    return load_text(kPorts + kRoutes + connections + secrets, "t.cfg");
}

/// The problems without the file's name and line.
std::string problems(const std::vector<Problem>& all)
{
    std::string out;
    for (const auto& problem : all)
        out += problem.setting + ": " + problem.what + "\n";
    return out;
}

TEST(ConfigConnections, ReadsWhatSwanctlSays)
{
    const Loaded loaded =
        load(connection_text(
                 "version = 2; mobike = \"no\"; reauth_time = 0; local_port = 4500; remote_port = 4500; "
                 "proposals = \"aes128-sha256-x25519, default\"; encap = \"yes\"; dpd_delay = \"30s\"; "
                 "keyingtries = 0; unique = \"replace\"; rekey_time = \"2h\"; over_time = 600; rand_time = \"5m\"; "
                 "fragmentation = \"force\"; childless = \"never\"; send_cert = \"always\"; send_certreq = false; "
                 "ppk_id = \"ppk-1\"; ppk_required = true;",
                 "",
                 "mode = \"tunnel\"; esp_proposals = [ \"aes128gcm128-x25519-esn\", \"aes256-sha512\" ]; "
                 "rekey_time = \"10m\"; life_time = \"11m\"; rand_time = 30; rekey_bytes = 1000000; "
                 "life_packets = 5000; rekey_packets = 4000; start_action = \"trap|start\"; close_action = \"trap\"; "
                 "dpd_action = \"restart\"; inactivity = \"1d\"; priority = 7; replay_window = 1024; "
                 "hw_offload = \"packet\"; copy_df = false; copy_ecn = \"no\"; copy_dscp = \"in\"; tfc_padding = 1400; "
                 "policies_fwd_out = \"yes\";"),
             kSecret.substr(0, kSecret.rfind(')')) + ", { type = \"ppk\"; id = \"ppk-1\"; secret = \"0x" + kKeyIn +
                 "\"; } );");
    ASSERT_EQ(text_of(loaded.errors) + text_of(loaded.warnings), "");
    ASSERT_EQ(loaded.gateway.connections.size(), 1U);
    const auto& c = loaded.gateway.connections[0];
    EXPECT_EQ(c.name, "site");
    EXPECT_EQ(c.remote_address()->to_string(), "198.51.100.2");
    EXPECT_EQ(c.local_port, 4500);
    EXPECT_EQ(c.remote_port, 4500);
    ASSERT_EQ(c.proposals.size(), 3U);
    EXPECT_EQ(c.proposals[0].to_string(), "aes128-sha256-prfsha256-x25519");
    EXPECT_TRUE(c.encap && c.ppk_required && !c.send_certreq);
    EXPECT_EQ(c.dpd_delay_s, 30U);
    EXPECT_EQ(c.keyingtries, 0U);
    EXPECT_EQ(c.unique, model::UniquePolicy::kReplace);
    EXPECT_EQ(c.rekey_time_s, 7200U);
    EXPECT_EQ(c.over_time_s, 600U);
    EXPECT_EQ(c.rand_time_s, 300U);
    EXPECT_EQ(c.fragmentation, model::Fragmentation::kForce);
    EXPECT_EQ(c.childless, model::Childless::kNever);
    EXPECT_EQ(c.send_cert, model::SendCert::kAlways);
    EXPECT_EQ(c.ppk_id->to_string(), "ppk-1");
    EXPECT_EQ(c.local.id.to_string(), "moon");
    EXPECT_EQ(c.remote.auth.method, model::AuthMethod::kPsk);
    ASSERT_EQ(c.children.size(), 1U);
    const auto& child = c.children[0];
    EXPECT_EQ(child.name, "net");
    EXPECT_EQ(child.esp_proposals.size(), 2U);
    EXPECT_EQ(child.local_ts[0].to_string(), "10.1.0.0/24");
    EXPECT_EQ(child.time_s.rekey, 600U);
    EXPECT_EQ(child.time_s.life, 660U);
    EXPECT_EQ(child.time_s.rand, 30U);
    EXPECT_EQ(child.bytes.rekey, 1000000U);
    EXPECT_EQ(child.packets.life, 5000U);
    EXPECT_EQ(child.start_action, model::StartAction::kTrapStart);
    EXPECT_EQ(child.close_action, model::StartAction::kTrap);
    EXPECT_EQ(child.dpd_action, model::DpdAction::kRestart);
    EXPECT_EQ(child.inactivity_s, 86400U);
    EXPECT_EQ(child.priority, 7U);
    EXPECT_EQ(child.replay_window, 1024);
    EXPECT_EQ(child.hw_offload, model::HwOffload::kFull);
    EXPECT_EQ(child.tunnel.df, model::DfPolicy::kClear);
    EXPECT_EQ(child.tunnel.ecn, model::EcnPolicy::kOff);
    EXPECT_EQ(child.tunnel.dscp, 0);
    EXPECT_TRUE(child.tunnel.copy_dscp_inward);
    EXPECT_EQ(child.tfc_pad_to, 1400);
    ASSERT_EQ(loaded.gateway.secrets.size(), 2U);
    EXPECT_EQ(loaded.gateway.secrets[0].secret.size(), 32U);
    EXPECT_EQ(loaded.gateway.secrets[0].ids.size(), 2U);
    EXPECT_EQ(loaded.gateway.secrets[1].type, model::SecretType::kPpk);
    EXPECT_EQ(loaded.gateway.secrets[1].secret.size(), 20U);
}

/// What is not written is what the model says, which is what the reference says.
TEST(ConfigConnections, DocumentedDefaultsAreTheDefaults)
{
    std::map<std::string, std::string> more;
    for (const auto& row : schema()) {
        const std::string fallback(row.spec.fallback);
        if (!row.section.starts_with("connections") || row.spec.is_required || fallback.empty())
            continue;
        const bool is_number = row.spec.kind == Kind::kNumber && base::parse_unsigned(fallback);
        const bool is_time = row.spec.kind == Kind::kTime && fallback.find(' ') == std::string::npos &&
                             fallback.find('_') == std::string::npos;
        const bool is_text = row.spec.kind == Kind::kWord || fallback == "none" || fallback == "default" ||
                             fallback == "%any" || is_time;
        if (row.spec.name == "certs" || row.spec.name == "cacerts" || row.spec.name == "ppk_id" ||
            row.spec.name == "children" || row.spec.name == "local_addrs" || row.spec.name == "remote_addrs")
            continue;
        if (is_number || row.spec.kind == Kind::kFlag)
            more[row.section] += std::string(row.spec.name) + " = " + fallback + "; ";
        else if (is_text)
            more[row.section] += std::string(row.spec.name) + " = \"" + fallback + "\"; ";
    }
    const Loaded plain = load(connection_text());
    const Loaded written = load(connection_text(more["connections"], "", more["connections.children"]));
    ASSERT_EQ(text_of(plain.errors) + text_of(written.errors), "");
    const auto& a = plain.gateway.connections[0];
    const auto& b = written.gateway.connections[0];
    EXPECT_TRUE(a.proposals.empty());
    EXPECT_EQ(b.proposals, model::default_ike_proposals());
    const auto numbers = [](const model::IkeConnection& c) {
        const auto& child = c.children[0];
        return base::format(
            "%u %u %d %u %u %d %u %u %u %d %d %d %d %d|%d %lu %lu %lu %d %d %d %u %u %u %d %d %d %d %d %u",
            c.local_port, c.remote_port, c.encap, c.dpd_delay_s, c.keyingtries, static_cast<int>(c.unique),
            c.rekey_time_s, c.effective_over_time_s(), c.effective_rand_time_s(), static_cast<int>(c.fragmentation),
            static_cast<int>(c.childless), static_cast<int>(c.send_cert), c.send_certreq, c.ppk_required,
            static_cast<int>(child.mode), child.time_s.rekey, child.bytes.rekey, child.packets.rekey,
            static_cast<int>(child.start_action), static_cast<int>(child.close_action),
            static_cast<int>(child.dpd_action), child.inactivity_s, child.priority, child.replay_window,
            static_cast<int>(child.hw_offload), static_cast<int>(child.tunnel.df), static_cast<int>(child.tunnel.ecn),
            child.tunnel.dscp.has_value(), child.tunnel.copy_dscp_inward, child.tfc_pad_to);
    };
    EXPECT_EQ(numbers(a), numbers(b));
    EXPECT_NE(more["connections"].find("rekey_time = \"4h\""), std::string::npos);
}

TEST(ConfigConnections, AllErrorsHaveTheirSettings)
{
    EXPECT_EQ(
        problems(load("connections = ( {\n name = \"a b\"; local_addrs = \"moon.example.org\"; version = 1;\n"
                      " proposals = \"aes128-sha1-x25519\"; mobike = \"yes\"; rekey_time = \"4 weeks\";\n"
                      " local = { auth = \"eap\"; id = \"two words\"; certs = \"/nonexistent.pem\"; };\n"
                      " remote = { atuh = \"psk\"; revocation = \"hard\"; };\n"
                      " vips = \"0.0.0.0\";\n"
                      " children = ( {\n  name = \"n\"; esp_proposals = \"des-md5\"; mode = \"beet\";\n"
                      "  local_ts = \"10.1.0.0/33\"; start_action = \"begin\"; ipcomp = \"yes\"; } ); } );\n")
                     .errors),
        "connections.[0].name: it has a space, quote, comma, backslash or non-ASCII character\n"
        "connections.[0].local_addrs: \"moon.example.org\" is no address or prefix\n"
        "connections.[0].version: 1 is out of range\n"
        "connections.[0].proposals: refused: \"sha1\" is too weak or obsolete for IKE (RFC 8247)\n"
        "connections.[0].mobike: \"yes\" is none of no\n"
        "connections.[0].rekey_time: \"4 weeks\" is no time\n"
        "connections.[0].local.auth: \"eap\" is not implemented\n"
        "connections.[0].local.id: \"two words\" has a space or a character that is not ASCII, or nothing after its "
        "type\n"
        "connections.[0].local.certs: \"/nonexistent.pem\" cannot be opened: No such file or directory\n"
        "connections.[0].remote.atuh: no such setting\n"
        "connections.[0].remote.revocation: \"hard\" is none of relaxed, ifuri, strict\n"
        "connections.[0].vips: no such setting\n"
        "connections.[0].children.[0].esp_proposals: refused: \"des\" is too weak or obsolete for ESP (RFC 8221)\n"
        "connections.[0].children.[0].mode: \"beet\" is none of tunnel, transport\n"
        "connections.[0].children.[0].local_ts: \"10.1.0.0/33\" has no valid prefix length\n"
        "connections.[0].children.[0].start_action: \"begin\" is none of none, trap, start, trap|start\n"
        "connections.[0].children.[0].ipcomp: no such setting\n");
}

TEST(ConfigConnections, HintsKnowSwanctl)
{
    const auto hint = [](const std::string& connections) {
        const auto errors = load(connections).errors;
        return errors.size() == 1 ? errors[0].hint : text_of(errors);
    };
    EXPECT_EQ(hint(connection_text("vips = \"0.0.0.0\";")),
              "virtual addresses are not implemented: name addresses in local_ts and remote_ts");
    EXPECT_EQ(hint(connection_text("proposal = \"x\";")),
              "the setting is proposals in a connection, esp_proposals in a child");
    EXPECT_EQ(hint(connection_text("", "", "esp_proposal = \"x\";")), "did you mean esp_proposals?");
    EXPECT_EQ(hint(connection_text("", "", "updown = \"x\";")),
              "no scripts are run: the gateway makes its own policies");
    EXPECT_EQ(hint(connection_text("rekey_tme = 1;")), "did you mean rekey_time?");
    EXPECT_EQ(hint(connection_text("rekey_time = \"1 day\";")),
              "write seconds, or a unit after them: 90s, 10m, 4h, 1d");
}

TEST(ConfigConnections, WhatContradictsIsAnErrorWhereItStands)
{
    EXPECT_EQ(problems(load(connection_text("rand_time = \"4h\"; ppk_required = true;", "certs = \"/dev/null\";",
                                            "life_time = 60; replay_window = 5;"))
                           .errors),
              "connections.[0].rand_time: what is taken off at random is not below rekey_time, 14400 s\n"
              "connections.[0].ppk_required: no PPK is named\n"
              "connections.[0].local.certs: auth is psk, which has no certificates\n"
              "connections.[0].children.[0].life_time: 60 is not beyond rekey_time, 3600\n"
              "connections.[0].children.[0].replay_window: 5 is not 0 (off) or 32 to 4096\n");
}

TEST(ConfigConnections, PathsAreCheckedAgainstThePorts)
{
    std::string text = connection_text();
    const auto with = [&](const std::string& local, const std::string& remote) {
        std::string changed = text;
        changed.replace(changed.find("198.51.100.1\""), 12, local);
        changed.replace(changed.find("198.51.100.2\""), 12, remote);
        return problems(load(changed).warnings);
    };
    EXPECT_EQ(with("198.51.100.1", "203.0.113.9"), "");
    EXPECT_EQ(with("198.51.100.9", "203.0.113.9"),
              "connections.[0].local_addrs: 198.51.100.9 is no address of a port: the peer's packets may not arrive\n");
    EXPECT_EQ(with("10.1.0.1", "10.1.0.9"),
              "connections.[0].local_addrs: 10.1.0.1 is on port \"lan\", which is protected\n"
              "connections.[0].remote_addrs: 10.1.0.9 is reached by port \"lan\", which is protected\n");
}

TEST(ConfigConnections, SecretsAreChecked)
{
    const auto of = [](const std::string& items) {
        const Loaded loaded = load(connection_text(), "secrets = ( " + items + " );");
        return problems(loaded.errors) + problems(loaded.warnings);
    };
    EXPECT_EQ(of("{ type = \"ike\"; id = \"sun\"; }"), "secrets.[0].secret: it is missing\n");
    EXPECT_EQ(of("{ type = \"private\"; id = \"sun\"; }"),
              "secrets.[0].file: it is missing\nsecrets.[0].id: a private key belongs to its certificate, not to an "
              "identity\n");
    EXPECT_EQ(of("{ type = \"ike\"; secret = \"short\"; }"),
              "secrets.[0].secret: it has 5 bytes: who hears the exchange can guess it (RFC 7296 section 2.15)\n");
    EXPECT_EQ(of("{ type = \"ike\"; secret = \"0x000102030405060708090a0b0c0d0e0f\"; }"),
              "secrets.[0].secret: the key is a pattern, good for a trial only\n");
    EXPECT_EQ(of("{ type = \"ike\"; secret = \"" + kKeyIn + "\"; }, { type = \"ike\"; secret = \"" + kKeyOut + "\"; }"),
              "secrets.[1].id: the same identities have a secret already (t.cfg:8)\n");
    EXPECT_EQ(of("{ type = \"psk\"; secret = \"" + kKeyIn + "\"; }"),
              "secrets.[0].type: \"psk\" is none of ike, ppk, private\n");
    EXPECT_EQ(of("{ type = \"ike\"; secret = 17; }"), "secrets.[0].secret: wants a string, got a number\n");
}

/// Whatever is wrong with a secret, and whatever setting it slips into, no message has it.
TEST(ConfigConnections, NoMessageShowsASecret)
{
    const std::string base64 = "m5oIbJTHHk0M7/Z7w+0uK4Yb2zI6cVNq3VfC1f8P2a4";
    const auto shows = [&](const Loaded& loaded, const std::string& secret) {
        const std::string all = text_of(loaded.errors) + text_of(loaded.warnings);
        for (size_t i = 0; i + 8 <= secret.size(); i++)
            if (all.find(secret.substr(i, 8)) != std::string::npos)
                return true;
        return false;
    };
    for (const std::string& written : {"0s" + base64 + "!", "0s" + base64, "0s" + base64 + "==="}) {
        for (const char* name : {"secret", "secrt", "secret-1", "id", "type", "psk", "file"}) {
            const Loaded loaded = load(connection_text(), "secrets = ( { type = \"ike\"; " + std::string(name) +
                                                              " = \"" + written + "\"; } );");
            EXPECT_FALSE(shows(loaded, base64)) << name << ": " << text_of(loaded.errors);
        }
        for (const char* name : {"id", "auth", "secret", "certs"})
            EXPECT_FALSE(shows(load(connection_text("", std::string(name) + " = \"" + written + "\";")), base64))
                << name;
    }
    const std::string phrase = "correct horse battery staple";
    for (const char* name : {"secret", "secrets", "secret1"})
        EXPECT_FALSE(shows(
            load(connection_text(), "secrets = ( { type = \"ike\"; " + std::string(name) + " = \"" + phrase + "\" } "),
            phrase));
}

TEST(ConfigConnections, FilesAreBesideTheirConfiguration)
{
    const TemporaryFolder folder;
    std::filesystem::create_directory(folder.path() + "/pki");
    folder.write("pki/a.pem", "x", 0644);
    folder.write("pki/a.key", "x", 0640);
    const std::string path = folder.write(
        "gw.cfg", kPorts + kRoutes +
                      "connections = ( { name = \"c\"; remote_addrs = \"%any\"; local = { certs = \"pki/a.pem\"; }; "
                      "remote = { cacerts = [ \"pki/a.pem\", \"pki/a.pem\" ]; certs = \"pki/a.pem,pki/a.pem\"; }; "
                      "children = ( { name = \"n\"; } ); } );\n"
                      "secrets = ( { type = \"private\"; file = \"pki/a.key\"; secret = \"of the file\"; } );\n"
                      "authorities = ( { name = \"ca\"; cacert = \"pki/a.pem\"; crl_uris = [ \"file://" +
                      folder.path() + "/pki/a.pem\", \"pki/a.pem\" ]; } );\n");
    const Loaded loaded = load_file(path);
    EXPECT_EQ(text_of(loaded.errors), "");
    ASSERT_EQ(loaded.warnings.size(), 1U);
    EXPECT_NE(loaded.warnings[0].what.find("pki/a.key\" holds a key and is open to group or others (mode 0640)"),
              std::string::npos);
    EXPECT_EQ(loaded.gateway.connections[0].local.certs, std::vector<std::string>{folder.path() + "/pki/a.pem"});
    EXPECT_EQ(loaded.gateway.connections[0].remote.certs.size(), 2U);
    EXPECT_TRUE(loaded.gateway.connections[0].remote_addrs.empty());
    ASSERT_EQ(loaded.gateway.private_keys.size(), 1U);
    EXPECT_EQ(loaded.gateway.private_keys[0].passphrase.size(), 11U);
    EXPECT_EQ(loaded.gateway.authorities[0].crls.size(), 2U);
    EXPECT_NE(problems(load(connection_text(),
                            "authorities = ( { name = \"a\"; cacert = \"/dev/null\"; crl_uris = "
                            "\"http://example.org/a.crl\"; } );")
                           .errors)
                  .find("authorities.[0].crl_uris: \"http://example.org/a.crl\" would be fetched, and nothing is"),
              std::string::npos);
}

/// A sample and its peer: what one says of itself the other accepts, with the same secret and selectors mirrored.
void expect_peers(const std::string& a, const std::string& b)
{
    SCOPED_TRACE(a);
    const Loaded left = load_file(SOURCE_ROOT "/config/" + a);
    const Loaded right = load_file(SOURCE_ROOT "/config/" + b);
    ASSERT_EQ(left.gateway.connections.size(), 1U);
    ASSERT_EQ(right.gateway.connections.size(), 1U);
    const auto& mine = left.gateway.connections[0];
    const auto& theirs = right.gateway.connections[0];
    EXPECT_TRUE(theirs.remote.id.matches(mine.local.id) && mine.remote.id.matches(theirs.local.id));
    EXPECT_EQ(mine.local.auth, theirs.remote.auth);
    EXPECT_TRUE(mine.remote_address().has_value());
    ASSERT_EQ(left.gateway.secrets.size(), right.gateway.secrets.size());
    for (size_t i = 0; i < left.gateway.secrets.size(); i++)
        EXPECT_TRUE(std::ranges::equal(left.gateway.secrets[i].secret.view(), right.gateway.secrets[i].secret.view()));
    const auto covers = [](const std::vector<model::ChildSelector>& outer,
                           const std::vector<model::ChildSelector>& inner) {
        return outer[0] == inner[0] ||
               (!outer[0].is_dynamic && outer[0].selector.prefix.contains(inner[0].selector.prefix.address));
    };
    for (const auto& child : mine.children) {
        const bool found = std::ranges::any_of(theirs.children, [&](const model::ChildConfig& other) {
            return other.mode == child.mode && covers(other.remote_ts, child.local_ts) &&
                   covers(other.local_ts, child.remote_ts);
        });
        EXPECT_TRUE(found) << child.name;
    }
}

TEST(ConfigConnections, SamplesFitTheirPeers)
{
    expect_peers("ike-psk.cfg", "ike-psk-peer.cfg");
    expect_peers("ike-cert.cfg", "ike-cert-peer.cfg");
    expect_peers("ike-nat-t.cfg", "ike-nat-t-peer.cfg");
    expect_peers("ike-vxlan.cfg", "ike-vxlan-peer.cfg");
}

}  // namespace
}  // namespace ipsecgw::config
