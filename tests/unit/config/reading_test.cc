#include <gmock/gmock.h>

#include "base/text.h"
#include "unit/config/config_support.h"

namespace ipsecgw::config {
namespace {

TEST(ConfigReading, ASmallFileIsAGateway)
{
    const Loaded loaded = load_text(valid_text(), "t.cfg");
    EXPECT_EQ(text_of(loaded.errors) + text_of(loaded.warnings), "");
    const model::Gateway& gateway = loaded.gateway;
    ASSERT_EQ(gateway.ports.size(), 2U);
    EXPECT_EQ(gateway.ports[1].name, "wan");
    EXPECT_EQ(gateway.ports[1].role, model::PortRole::kUnprotected);
    EXPECT_EQ(gateway.ports[1].addresses[1].to_string(), "2001:db8::1/64");
    ASSERT_EQ(gateway.sas.size(), 2U);
    EXPECT_EQ(gateway.sas[0].spi, 0x1001U);
    EXPECT_EQ(gateway.sas[0].direction, model::Direction::kOutbound);
    EXPECT_TRUE(gateway.sas[0].esn);
    EXPECT_EQ(gateway.sas[0].suite.name(), "aes128gcm16");
    EXPECT_EQ(gateway.sas[1].direction, model::Direction::kInbound);
    ASSERT_EQ(gateway.policies.size(), 1U);
    EXPECT_EQ(gateway.policies[0].outbound_sa, "out");
    EXPECT_EQ(gateway.policies[0].inbound_sas, std::vector<std::string>{"in"});
}

TEST(ConfigReading, LookAsideDevicesAndTheSasThatWantThem)
{
    const auto with = [](const std::string& gateway, const std::string& sa) {
        std::string text = valid_text();
        text.insert(text.find("proposal"), sa);
        return "gateway = { " + gateway + " };\n" + text;
    };
    const Loaded loaded =
        load_text(with("lookaside = [ \"crypto_qat0\", \"crypto_openssl0\" ];", "engine = \"lookaside\"; "), "t.cfg");
    EXPECT_EQ(text_of(loaded.errors), "");
    EXPECT_EQ(loaded.gateway.settings.look_aside, (std::vector<std::string>{"crypto_qat0", "crypto_openssl0"}));
    EXPECT_EQ(loaded.gateway.sas[0].engine, model::EngineChoice::kLookAside);
    EXPECT_THAT(errors_of(with("", "engine = \"lookaside\"; ")),
                testing::HasSubstr("sas.[0].engine: no look-aside device is configured"));
    EXPECT_EQ(errors_of(with("", "hw_offload = \"auto\"; engine = \"lookaside\"; ")), "");
    EXPECT_THAT(errors_of(with("lookaside = [ \"a\", \"a\" ];", "")), testing::HasSubstr("\"a\" is named twice"));
}

TEST(ConfigReading, EverySettingArrives)
{
    const std::string text = R"(
gateway = { control_socket = "/tmp/gw.sock"; engine = "openssl"; max_sas = 10; mbufs = 2048; icmp_errors = false; nat_keepalive_seconds = 30; ike_retransmit_timeout_ms = 500; ike_retransmit_tries = 3; idle_sleep_us = 50; };
ports = ( { name = "one"; device = "0000:03:00.0"; role = "both"; addresses = [ "192.0.2.1/24", "2001:db8::1/64" ];
            mtu = 9000; rx_descriptors = 512; tx_descriptors = 2048; promiscuous = "yes"; } );
routes = ( { prefix = "0.0.0.0/0"; via = "192.0.2.254"; }, { prefix = "::/0"; via = "fe80::1"; port = "one"; },
           { prefix = "198.18.0.0/15"; port = "one"; } );
neighbours = ( { port = "one"; address = "192.0.2.254"; mac = "02:00:00:00:00:fe"; } );
sas = (
 { name = "o"; direction = "out"; spi = 0xffffffff; mode = "tunnel"; local = "2001:db8::1"; remote = "2001:db8::2"; proposal = "aes256-sha512-noesn";
   keymat = "2c7d0d8c1e1c7de5cbb0b2a3b7dbc0d10e2d07d6b3a5fa8e7d5eb39f7a1bd0a1"
            "c9e4c9a1d0f94bd3bb6a1d51e0a3fd9e5fdd4c1c9c6b2b8a7b1f0c2d3e4f5a69"
            "00d1c2b3a4958677685940312213f4e5d6c7b8a99a8b7c6d5e4f3021120f1e2d";
   udp_encap = { local_port = 4501; remote_port = "4502"; }; dscp = 46; ecn = "off"; copy_flow_label = true; hop_limit = 255;
   tfc_padding = 1400; engine = "cpu-crypto"; first_sequence = "0xfffffff0";
   lifetime = { soft_packets = 1; hard_packets = 18446744073709551615; soft_bytes = 3; hard_bytes = 0xffffffffff; soft_seconds = 5; hard_seconds = 6; }; },
 { name = "i"; direction = "in"; spi = "0x80000000"; mode = "tunnel"; local = "192.0.2.1"; remote = "192.0.2.2"; proposal = "null-sha256";
   keymat = "0x8c2b7a5e1f90d3446ab1c7e2905f3d18a7c4e6b2a7c4e6b28c2b7a5e1f90d344"; udp_encap = true; copy_dscp = "in"; replay_window = 4096; worker = 2; } );
policies = ( { name = "p"; priority = 5; action = "bypass"; direction = "in"; local_ts = "0.0.0.0/0[udp/4789]"; remote_ts = [ "10.0.0.0/8[udp]" ]; } );
)";
    std::string fixed = text;
    fixed.replace(fixed.find("18446744073709551615"), 20, "\"18446744073709551615\"");
    EXPECT_NE(errors_of(text).find("sas.[0].lifetime.hard_packets: does not fit 64 bits"), std::string::npos);
    const Loaded loaded = load_text(fixed, "t.cfg");
    ASSERT_EQ(text_of(loaded.errors), "");
    const model::Gateway& gateway = loaded.gateway;
    EXPECT_EQ(gateway.settings.control_socket, "/tmp/gw.sock");
    EXPECT_EQ(gateway.settings.engine, model::EngineChoice::kOpenssl);
    EXPECT_EQ(gateway.settings.max_sas, 10U);
    EXPECT_EQ(gateway.settings.mbufs, 2048U);
    EXPECT_FALSE(gateway.settings.icmp_errors);
    EXPECT_EQ(gateway.settings.nat_keepalive_seconds, 30U);
    EXPECT_EQ(gateway.settings.ike_retransmit_timeout_ms, 500U);
    EXPECT_EQ(gateway.settings.ike_retransmit_tries, 3U);
    EXPECT_EQ(gateway.settings.idle_sleep_us, 50U);
    const model::Port& port = gateway.ports[0];
    EXPECT_EQ(port.role, model::PortRole::kBoth);
    EXPECT_EQ(port.device, "0000:03:00.0");
    EXPECT_EQ(port.mtu, 9000);
    EXPECT_EQ(port.rx_descriptors, 512);
    EXPECT_EQ(port.tx_descriptors, 2048);
    EXPECT_TRUE(port.promiscuous);
    EXPECT_EQ(gateway.routes[0].port, "one");
    EXPECT_EQ(gateway.routes[1].via->to_string(), "fe80::1");
    EXPECT_FALSE(gateway.routes[2].via.has_value());
    EXPECT_EQ(gateway.neighbours[0].mac.to_string(), "02:00:00:00:00:fe");
    const model::SaParams& out = gateway.sas[0];
    EXPECT_EQ(out.spi, 0xffffffffU);
    EXPECT_EQ(out.keymat.size(), 96U);
    EXPECT_FALSE(out.esn);
    EXPECT_EQ(out.udp->local_port, 4501);
    EXPECT_EQ(out.udp->remote_port, 4502);
    EXPECT_EQ(out.tunnel.dscp, 46);
    EXPECT_EQ(out.tunnel.ecn, model::EcnPolicy::kOff);
    EXPECT_TRUE(out.tunnel.copy_flow_label);
    EXPECT_EQ(out.tunnel.hop_limit, 255);
    EXPECT_EQ(out.tfc_pad_to, 1400);
    EXPECT_EQ(out.engine, model::EngineChoice::kCpuCrypto);
    EXPECT_EQ(out.first_sequence, 0xfffffff0U);
    EXPECT_EQ(out.lifetime.hard_packets, UINT64_MAX);
    EXPECT_EQ(out.lifetime.hard_bytes, 0xffffffffffU);
    EXPECT_EQ(out.lifetime.soft_seconds, 5U);
    const model::SaParams& in = gateway.sas[1];
    EXPECT_EQ(in.spi, 0x80000000U);
    EXPECT_EQ(in.udp->local_port, 4500);
    EXPECT_TRUE(in.tunnel.copy_dscp_inward);
    EXPECT_EQ(in.replay_window, 4096);
    EXPECT_EQ(in.worker, 2);
    EXPECT_EQ(in.engine, model::EngineChoice::kOpenssl);  // the gateway's
    const model::Policy& policy = gateway.policies[0];
    EXPECT_EQ(policy.priority, 5U);
    EXPECT_EQ(policy.action, model::Action::kBypass);
    EXPECT_EQ(policy.direction, model::PolicyDirection::kInbound);
    EXPECT_EQ(policy.local[0].to_string(), "0.0.0.0/0[udp/4789]");
}

struct DscpCase {
    const char* out;
    const char* in;
    int outer;  // -1: copied
    bool inward;
};

TEST(ConfigReading, CopyDscpHasSwanctlsWords)
{
    static constexpr DscpCase kCases[] = {
        {"", "", -1, false},
        {"copy_dscp = \"out\";", "copy_dscp = \"out\";", -1, false},
        {"copy_dscp = \"in\";", "copy_dscp = \"in\";", 0, true},
        {"copy_dscp = \"yes\";", "copy_dscp = true;", -1, true},
        {"copy_dscp = \"no\";", "copy_dscp = false;", 0, false},
        {"copy_dscp = \"no\"; dscp = 46;", "", 46, false},
        {"dscp = 46;", "", 46, false},
    };
    for (const auto& item : kCases) {
        const Loaded loaded = load_text(kPorts + pair_text(item.out, item.in) + kPolicies, "t.cfg");
        ASSERT_EQ(text_of(loaded.errors), "") << item.out;
        const auto& dscp = loaded.gateway.sas[0].tunnel.dscp;
        EXPECT_EQ(dscp ? int{*dscp} : -1, item.outer) << item.out;
        EXPECT_EQ(loaded.gateway.sas[1].tunnel.copy_dscp_inward, item.inward) << item.in;
    }
    EXPECT_NE(errors_of(kPorts + pair_text("copy_dscp = \"out\"; dscp = 1;") + kPolicies)
                  .find("sas.[0].dscp: copy_dscp copies"),
              std::string::npos);
}

TEST(ConfigReading, SettingsWithoutEffectAreMentioned)
{
    const std::string text =
        kPorts + pair_text("replay_window = 64;", "hop_limit = 64; first_sequence = 1;") + kPolicies;
    EXPECT_EQ(warnings_of(text),
              "t.cfg:5: sas.[0].replay_window: it has no effect on an outbound SA\n  hint: remove it\n"
              "t.cfg:6: sas.[1].hop_limit: it has no effect on an inbound SA\n  hint: remove it\n"
              "t.cfg:6: sas.[1].first_sequence: it has no effect on an inbound SA\n  hint: remove it\n");
}

/// A text that is valid but for one change, and how the one problem reads.
struct Change {
    std::string from, to, expected;
};

void expect_each(const std::vector<Change>& changes, std::string (*problems)(const std::string&))
{
    for (const auto& change : changes) {
        std::string text = valid_text();
        const size_t at = text.find(change.from);
        ASSERT_NE(at, std::string::npos) << change.from;
        text.replace(at, change.from.size(), change.to);
        const std::string found = problems(text);
        EXPECT_TRUE(found.starts_with(change.expected)) << change.to << "\n" << found;
        EXPECT_EQ(std::count(found.begin(), found.end(), '\n'), 2) << found;  // one problem with its hint
    }
}

TEST(ConfigReading, WhatSettingsSayOfEachOther)
{
    expect_each(
        {
            {"\"10.1.0.1/24\"", "\"198.51.100.7/24\"",
             "t.cfg:3: ports.[1].addresses.[0]: 198.51.100.1/24 overlaps 198.51.100.7/24 of port \"lan\""},
            {"\"10.1.0.1/24\"", "\"198.51.100.1/24\"",
             "t.cfg:3: ports.[1].addresses.[0]: 198.51.100.1 is also an address of port \"lan\""},
            {"\"10.1.0.1/24\"", "\"10.1.0.255/24\"",
             "t.cfg:2: ports.[0].addresses: 10.1.0.255/24 is the broadcast address"},
            {"\"10.1.0.1/24\"", "\"10.1.0.1/0\"",
             "t.cfg:2: ports.[0].addresses: 10.1.0.1/0 puts every address on the link"},
            {"\"10.1.0.1/24\"", "\"10.1.0.1\"", "t.cfg:2: ports.[0].addresses: \"10.1.0.1\" has no prefix length"},
            {"\"10.1.0.1/24\"", "\"224.0.0.1/4\"", "t.cfg:2: ports.[0].addresses: 224.0.0.1/4 is a multicast address"},
            {"\"unprotected\"", "\"protected\"", "t.cfg:1: ports: no port is on the unprotected side"},
            {"\"protected\"", "\"unprotected\"", "t.cfg:1: ports: no port is on the protected side"},
            {"sa = \"out\"", "sa = \"uot\"",
             "t.cfg:8: policies.[0].sa: no SA is named \"uot\"\n  hint: SAs in this file: out, in"},
            {"sa = \"out\"", "sa = \"in\"",
             "t.cfg:8: policies.[0].sa: SA \"in\" is inbound\n  hint: inbound SAs belong in sa_in; outbound SAs in "
             "this file: out"},
            {"sa_in = \"in\"", "sa_in = \"out\"", "t.cfg:8: policies.[0].sa_in: SA \"out\" is outbound"},
            {"ports = (", "ports = ( 5,", "t.cfg:1: ports.[0]: wants a group, got a number"},
            {"ports = (",
             "gateway = { max_sas = 1; }; routes = ( { prefix = \"10.9.0.0/16\"; via = \"10.1.0.1\"; } ); ports = (",
             "t.cfg:1: routes.[0].via: 10.1.0.1 is our own address on port \"lan\""},
            {"ports = (", "routes = ( { prefix = \"10.1.0.0/24\"; via = \"10.1.0.9\"; } ); ports = (",
             "t.cfg:1: routes.[0].prefix: 10.1.0.0/24 is the link of port \"lan\" already"},
            {"ports = (", "routes = ( { prefix = \"10.9.0.0/24\"; via = \"10.1.0.9\"; port = \"wan\"; } ); ports = (",
             "t.cfg:1: routes.[0].via: 10.1.0.9 is not on the link of port \"wan\""},
            {"ports = (", "routes = ( { prefix = \"::/0\"; via = \"fe80::9\"; } ); ports = (",
             "t.cfg:1: routes.[0].via: fe80::9 is link-local: it says nothing about the port"},
            {"ports = (",
             "neighbours = ( { port = \"lam\"; address = \"10.1.0.9\"; mac = \"02:00:00:00:00:01\"; } ); ports = (",
             "t.cfg:1: neighbours.[0].port: no port is named \"lam\"\n  hint: ports in this file: lan, wan"},
            {"ports = (", "gateway = ( ); ports = (", "t.cfg:1: gateway: wants a group, got a list"},
            {"ports = (", "routes = { }; ports = (", "t.cfg:1: routes: wants a list of groups, got one group"},
        },
        errors_of);
}

TEST(ConfigReading, OneNameForTwoSas)
{
    std::string text = valid_text();
    text.replace(text.find("name = \"in\""), 11, "name = \"out\"");
    EXPECT_TRUE(errors_of(text).starts_with("t.cfg:6: sas.[1].name: \"out\" is taken by sas.[0] (t.cfg:5)\n"))
        << errors_of(text);
}

TEST(ConfigReading, OneSpiForTwoSas)
{
    const auto text = [](const std::string& more) {
        return kPorts + "sas = (\n" + sa_text("a", "in", "0x500", kKeyIn) + ",\n" + more + ");";
    };
    EXPECT_NE(errors_of(text(sa_text("b", "in", "0x500", kKeyOut)))
                  .find("t.cfg:6: sas.[1].spi: 0x500 is the SPI of inbound SA \"a\" already (t.cfg:5)"),
              std::string::npos);
    EXPECT_EQ(errors_of(text(sa_text("b", "out", "0x500", kKeyOut))), "");
}

TEST(ConfigReading, Doubts)
{
    expect_each(
        {
            {"remote_ts = \"10.2.0.0/24\"; sa = \"out\";", "remote_ts = \"10.2.0.0/24\";",
             "t.cfg:5: sas.[0].name: no policy names SA \"out\": nothing goes through it"},
        },
        [](const std::string& text) {
            const std::string all = warnings_of(text);
            EXPECT_NE(all.find("t.cfg:8: policies.[0].sa: the policy has no outbound SA: its packets are dropped"),
                      std::string::npos);
            return all.substr(0, all.find("t.cfg:8"));
        });
    expect_each(
        {
            {"local_ts = \"10.1.0.0/24\"", "local_ts = \"10.77.0.0/24\"",
             "t.cfg:8: policies.[0].local_ts: no link or route leads to 10.77.0.0/24"},
            {"198.51.100.1/24", "198.51.100.99/24",
             "t.cfg:5: sas.[0].local: 198.51.100.1 is no address of a port: the peer's packets may not arrive"},
            {"remote = \"198.51.100.2\"", "remote = \"192.0.2.2\"",
             "t.cfg:5: sas.[0].remote: no route leads to 192.0.2.2"},
            {"remote = \"198.51.100.2\"", "remote = \"10.1.0.2\"",
             "t.cfg:5: sas.[0].remote: 10.1.0.2 is reached by port \"lan\", which is protected"},
        },
        [](const std::string& text) {
            const std::string all = warnings_of(text);
            return all.substr(0, all.find("t.cfg:6"));  // the inbound SA says the same
        });
    EXPECT_EQ(warnings_of(kPorts),
              "t.cfg: policies: there is no policy: every packet is discarded\n"
              "  hint: add one with action protect, bypass or discard\n");
    std::string twice = valid_text();
    twice.replace(
        twice.rfind(");"), 2,
        ", { name = \"b\"; action = \"discard\"; local_ts = \"10.1.0.0/24\"; remote_ts = \"10.2.0.0/24\"; });");
    EXPECT_NE(
        warnings_of(twice).find("policies.[1].name: it never matches: policy \"site\" has its selectors and priority"),
        std::string::npos);
}

TEST(ConfigReading, TransportModeJoinsTwoHosts)
{
    const std::string sas = pair_text("mode = \"transport\";", "mode = \"transport\";");
    EXPECT_NE(errors_of(kPorts + sas + kPolicies).find("policies.[0].local_ts: 10.1.0.0/24 is more than 198.51.100.1"),
              std::string::npos);
    const std::string hosts =
        "policies = ( { name = \"h\"; action = \"protect\"; local_ts = \"198.51.100.1[udp/4789]\"; "
        "remote_ts = \"198.51.100.2[udp]\"; sa = \"out\"; sa_in = \"in\"; } );";
    EXPECT_EQ(errors_of(kPorts + sas + hosts), "");
    EXPECT_EQ(errors_of(kPorts + pair_text("mode = \"transport\"; df = \"set\";") + hosts),
              "t.cfg:5: sas.[0].df: it shapes a tunnel header, and this SA has none\n"
              "  hint: transport mode keeps the packet's own IP header: remove it, or use mode tunnel\n");
}

TEST(ConfigReading, AnEmptyFileSaysWhatIsMissing)
{
    EXPECT_EQ(errors_of(""), "t.cfg: ports: it is missing\n  hint: it is a list of groups: see ports\n");
}

TEST(ConfigReading, ManySasLoadInLinearTime)
{
    std::string text = kPorts + "gateway = { max_sas = 20000; };\nsas = (\n";
    for (unsigned i = 0; i < 20000; i++)
        text += (i == 0 ? "" : ",\n") + sa_text("sa" + std::to_string(i), "in", std::to_string(256 + i),
                                                kKeyIn.substr(0, 32) + base::format("%08x", i));
    const Loaded loaded = load_text(text + ");\n", "t.cfg");
    EXPECT_TRUE(loaded.errors.empty()) << text_of(loaded.errors).substr(0, 1000);
    EXPECT_EQ(loaded.gateway.sas.size(), 20000U);
}

}  // namespace
}  // namespace ipsecgw::config
