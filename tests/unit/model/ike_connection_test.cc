#include "model/ike_connection.h"

#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

namespace ipsecgw::model {
namespace {

net::Prefix prefix(const char* text)
{
    return *net::Prefix::parse(text);
}

ChildConfig child(const char* name)
{
    ChildConfig out;
    out.name = name;
    out.local_ts = {*ChildSelector::parse("10.1.0.0/16")};
    out.remote_ts = {*ChildSelector::parse("10.2.0.0/16")};
    return out;
}

IkeConnection connection()
{
    IkeConnection out;
    out.name = "site";
    out.local_addrs = {prefix("198.51.100.1")};
    out.remote_addrs = {prefix("198.51.100.2")};
    out.local.auth.method = out.remote.auth.method = AuthMethod::kPsk;
    out.local.id = *Identity::parse("moon");
    out.remote.id = *Identity::parse("sun");
    out.children.push_back(child("net"));
    return out;
}

std::string errors_of(const std::vector<base::Error>& errors)
{
    std::string out;
    for (const auto& error : errors)
        out += error.what + "\n";
    return out;
}

struct ConnectionCase {
    const char* name;
    std::function<void(IkeConnection&)> change;
    const char* what;  // null: it is valid
};

TEST(IkeConnection, ValidationNamesTheField)
{
    using C = IkeConnection;
    const ConnectionCase kCases[] = {
        {"plain", [](C&) {}, nullptr},
        {"no name", [](C& c) { c.name = ""; }, "name: it is empty"},
        {"any peer", [](C& c) { c.remote_addrs.clear(); }, nullptr},
        {"a range of peers", [](C& c) { c.remote_addrs = {prefix("198.51.100.0/24")}; }, nullptr},
        {"host bits", [](C& c) { c.remote_addrs = {prefix("198.51.100.2/24")}; },
         "remote_addrs.[0]: 198.51.100.2/24 has bits set"},
        {"multicast", [](C& c) { c.remote_addrs = {prefix("224.0.0.1")}; },
         "remote_addrs.[0]: 224.0.0.1/32 is multicast"},
        {"families", [](C& c) { c.remote_addrs = {prefix("2001:db8::2")}; },
         "local_addrs: none is of the family of 2001:db8::2"},
        {"port 0", [](C& c) { c.local_port = 0; }, "local_port: 0"},
        {"psk with certs", [](C& c) { c.local.certs = {"a"}; }, "local.certs: auth is psk"},
        {"psk with CAs", [](C& c) { c.remote.cacerts = {"a"}; }, "remote.cacerts: auth is psk"},
        {"pubkey without certs", [](C& c) { c.local.auth.method = AuthMethod::kPubkey; },
         "local.certs: auth is pubkey and no"},
        {"pubkey",
         [](C& c) {
             c.local.auth.method = AuthMethod::kPubkey;
             c.local.certs = {"a"};
         },
         nullptr},
        {"local pattern", [](C& c) { c.local.id = *Identity::parse("*.org"); }, "local.id: it is a pattern"},
        {"remote pattern", [](C& c) { c.remote.id = *Identity::parse("*.org"); }, nullptr},
        {"ppk required", [](C& c) { c.ppk_required = true; }, "ppk_required: no PPK is named"},
        {"ppk pattern", [](C& c) { c.ppk_id = Identity{}; }, "ppk_id: it is a pattern"},
        {"no child", [](C& c) { c.children.clear(); }, "children: it has none"},
        {"childless",
         [](C& c) {
             c.children.clear();
             c.childless = Childless::kForce;
         },
         nullptr},
        {"same name", [](C& c) { c.children.push_back(child("net")); }, "children.[1].name: \"net\" is taken"},
        {"ESP in IKE", [](C& c) { c.proposals = default_esp_proposals(); }, "proposals.[0]: \"aes128gcm16"},
        {"IKE in ESP", [](C& c) { c.children[0].esp_proposals = default_ike_proposals(); },
         "children.[0].esp_proposals.[0]:"},
        {"rand", [](C& c) { c.rand_time_s = 4 * 3600; }, "rand_time: what is taken off"},
        {"life", [](C& c) { c.children[0].time_s.life = 3600; },
         "children.[0].life_time: 3600 is not beyond rekey_time, 3600"},
        {"rand bytes",
         [](C& c) {
             c.children[0].bytes = {100, {}, 100};
         },
         "children.[0].rand_bytes: 100 is not below"},
        {"families of selectors", [](C& c) { c.children[0].remote_ts = {*ChildSelector::parse("::/0")}; },
         "children.[0].local_ts.[0]: 10.1.0.0/16 has no partner"},
        {"dynamic", [](C& c) { c.children[0].remote_ts = {ChildSelector{}}; }, nullptr},
        {"transport of nets", [](C& c) { c.children[0].mode = Mode::kTransport; },
         "children.[0].local_ts.[0]: 10.1.0.0/16 is more than one host"},
        {"window", [](C& c) { c.children[0].replay_window = 31; }, "children.[0].replay_window: 31"},
        {"window off with ESN", [](C& c) { c.children[0].replay_window = 0; }, "children.[0].replay_window: ESN needs"},
        {"window off",
         [](C& c) {
             c.children[0].replay_window = 0;
             c.children[0].esp_proposals = *parse_esp_proposals("aes128gcm16");
         },
         nullptr},
        {"start to nobody",
         [](C& c) {
             c.remote_addrs.clear();
             c.children[0].start_action = StartAction::kTrap;
         },
         "children.[0].start_action: there is nobody"},
        {"restart to nobody",
         [](C& c) {
             c.remote_addrs.clear();
             c.children[0].dpd_action = DpdAction::kRestart;
         },
         "children.[0].dpd_action: there is nobody"},
    };
    for (const auto& item : kCases) {
        IkeConnection c = connection();
        item.change(c);
        const std::string text = errors_of(validate(c));
        if (item.what == nullptr)
            EXPECT_EQ(text, "") << item.name;
        else
            EXPECT_EQ(text.rfind(item.what, 0), 0U) << item.name << ": " << text;
    }
}

TEST(IkeConnection, AllErrorsComeAtOnce)
{
    IkeConnection c = connection();
    c.name.clear();
    c.local_port = c.remote_port = 0;
    c.children[0].replay_window = 5;
    c.ppk_required = true;
    EXPECT_EQ(validate(c).size(), 5U) << errors_of(validate(c));
}

TEST(IkeConnection, WhomItIsAbout)
{
    IkeConnection c = connection();
    EXPECT_EQ(c.remote_address()->to_string(), "198.51.100.2");
    EXPECT_TRUE(c.accepts(*net::IpAddress::parse("198.51.100.1"), *net::IpAddress::parse("198.51.100.2")));
    EXPECT_FALSE(c.accepts(*net::IpAddress::parse("198.51.100.1"), *net::IpAddress::parse("198.51.100.3")));
    EXPECT_FALSE(c.accepts(*net::IpAddress::parse("198.51.100.3"), *net::IpAddress::parse("198.51.100.2")));
    c.remote_addrs.clear();
    EXPECT_FALSE(c.remote_address());
    EXPECT_TRUE(c.accepts(*net::IpAddress::parse("198.51.100.1"), *net::IpAddress::parse("203.0.113.9")));
}

/// swanctl.conf: life is 10 % beyond rekey, rand is what is between.
TEST(IkeConnection, LifetimesFollowFromRekeyTimes)
{
    const IkeConnection c = connection();
    EXPECT_EQ(c.effective_over_time_s(), 1440U);
    EXPECT_EQ(c.effective_rand_time_s(), 1440U);
    EXPECT_EQ(c.children[0].time_s.effective_life(), 3960U);
    EXPECT_EQ(c.children[0].time_s.effective_rand(), 360U);
    EXPECT_EQ(c.children[0].bytes.effective_life(), 0U);
    const RekeyLimit huge{UINT64_MAX, {}, {}};
    EXPECT_EQ(huge.effective_life(), UINT64_MAX);
    EXPECT_EQ(huge.effective_rand(), 0U);
    const RekeyLimit never_ends{100, 0, {}};
    EXPECT_EQ(never_ends.effective_rand(), 0U);
}

TEST(IkeConnection, ReadsAuthWords)
{
    for (const char* text : {"psk", "pubkey", "rsa", "ecdsa-sha384", "ed25519", "pubkey-sha256-sha512"})
        EXPECT_EQ(AuthRule::parse(text)->to_string(), text);
    EXPECT_EQ(AuthRule::parse("ike:rsa/pss-sha256")->to_string(), "rsa-sha256");
    for (const char* text :
         {"", "eap", "eap-mschapv2", "xauth", "rsa-sha1", "psk-sha256", "sha256", "rsa-ecdsa", "pubkeys"}) {
        const auto rule = AuthRule::parse(text);
        ASSERT_FALSE(rule) << text;
        EXPECT_FALSE(rule.error().hint.empty()) << text;
    }
}

TEST(IkeConnection, ReadsDynamicSelectors)
{
    for (const char* text :
         {"dynamic", "dynamic[udp/4789]", "dynamic[ipv6-icmp]", "10.1.0.0/16", "192.168.50.1/32[udp/4789]"}) {
        const auto selector = ChildSelector::parse(text);
        ASSERT_TRUE(selector) << text;
        EXPECT_EQ(selector->to_string(), text);
    }
    for (const char* text : {"dynamics", "dynamic udp", "dynamic[udp", "dynamic[/9]", "10.1.0.0/33"})
        EXPECT_FALSE(ChildSelector::parse(text)) << text;
}

std::string secret(std::string_view text)
{
    const auto bytes = parse_secret(text);
    return bytes ? std::string(bytes->view().begin(), bytes->view().end()) : "error: " + bytes.error().what;
}

TEST(IkeConnection, ReadsSecrets)
{
    EXPECT_EQ(secret("0sc2VjcmV0"), "secret");
    EXPECT_EQ(secret("0sc2VjcmU="), "secre");
    EXPECT_EQ(secret("0sc2VjcmU"), "secre");
    EXPECT_EQ(secret("0x736563"), "sec");
    EXPECT_EQ(secret("plain 0s"), "plain 0s");
    for (const char* text : {"", "0s", "0x", "0sc2V!cmV0", "0xabc", "0sc2VjcmV0="}) {
        const auto bytes = parse_secret(text);
        ASSERT_FALSE(bytes) << text;
        if (text[0] != 0 && text[2] != 0) {
            EXPECT_EQ((bytes.error().what + bytes.error().hint).find(text + 2), std::string::npos) << text;
        }
    }
}

}  // namespace
}  // namespace ipsecgw::model
