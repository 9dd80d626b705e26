#include "model/sa_params.h"

#include <functional>

#include <gtest/gtest.h>

namespace ipsecgw::model {
namespace {

SaParams outbound(const char* suite = "aes128gcm16")
{
    SaParams sa;
    sa.name = "east-out";
    sa.direction = Direction::kOutbound;
    sa.spi = 0x1001;
    sa.local = *net::IpAddress::parse("198.51.100.1");
    sa.remote = *net::IpAddress::parse("198.51.100.2");
    sa.suite = *parse_esp_suite(suite);
    sa.keymat = base::SecretBytes(sa.suite.layout().keymat_bytes());
    return sa;
}

SaParams inbound()
{
    SaParams sa = outbound();
    sa.name = "east-in";
    sa.direction = Direction::kInbound;
    return sa;
}

SaParams over_ipv6()
{
    SaParams sa = outbound();
    sa.local = *net::IpAddress::parse("2001:db8::1");
    sa.remote = *net::IpAddress::parse("2001:db8::2");
    return sa;
}

SaParams transport()
{
    SaParams sa = outbound();
    sa.mode = Mode::kTransport;
    return sa;
}

std::string text_of(const std::vector<base::Error>& errors)
{
    std::string out;
    for (const auto& error : errors)
        out += error.what + " (" + error.hint + ")\n";
    return out;
}

struct SaCase {
    const char* title;
    std::function<SaParams()> base;
    std::function<void(SaParams&)> change;
    const char* starts_with;  // of the one error; null: valid
};

void run(const std::vector<SaCase>& cases)
{
    for (const auto& item : cases) {
        SaParams sa = item.base();
        item.change(sa);
        const auto errors = validate(sa);
        if (item.starts_with == nullptr) {
            EXPECT_TRUE(errors.empty()) << item.title << ": " << text_of(errors);
            continue;
        }
        ASSERT_EQ(errors.size(), 1U) << item.title << ": " << text_of(errors);
        EXPECT_TRUE(errors[0].what.starts_with(item.starts_with)) << item.title << ": " << errors[0].what;
        EXPECT_FALSE(errors[0].hint.empty()) << item.title;
        EXPECT_EQ(errors[0].code, base::ErrorCode::kInvalidArgument);
    }
}

base::Result<net::IpAddress> address(const char* text)
{
    return net::IpAddress::parse(text);
}
SaParams plain_outbound()
{
    return outbound();
}

TEST(SaParams, EverySuiteIsValidWithItsKeymat)
{
    for (const auto& suite : all_esp_suites())
        EXPECT_TRUE(validate(outbound(suite.name().c_str())).empty()) << suite.name();
}

TEST(SaParams, IdentityAndAddresses)
{
    run({
        {"plain", plain_outbound, [](SaParams&) {}, nullptr},
        {"no name", plain_outbound, [](SaParams& sa) { sa.name = ""; }, "name: it is empty"},
        {"name with a space", plain_outbound, [](SaParams& sa) { sa.name = "a b"; }, "name: it has a space"},
        {"name of 63", plain_outbound, [](SaParams& sa) { sa.name = std::string(63, 'n'); }, nullptr},
        {"name of 64", plain_outbound, [](SaParams& sa) { sa.name = std::string(64, 'n'); }, "name: it is longer"},
        {"SPI 0", plain_outbound, [](SaParams& sa) { sa.spi = 0; }, "spi: 0x0 is reserved"},
        {"SPI 255", plain_outbound, [](SaParams& sa) { sa.spi = 255; }, "spi: 0xff is reserved"},
        {"SPI 256", plain_outbound, [](SaParams& sa) { sa.spi = 256; }, nullptr},
        {"last SPI", plain_outbound, [](SaParams& sa) { sa.spi = 0xffffffff; }, nullptr},
        {"unspecified local", plain_outbound, [](SaParams& sa) { sa.local = *address("0.0.0.0"); },
         "local: 0.0.0.0 is the unspecified address"},
        {"multicast remote", plain_outbound, [](SaParams& sa) { sa.remote = *address("224.0.0.5"); },
         "remote: 224.0.0.5 is a multicast address"},
        {"broadcast remote", plain_outbound, [](SaParams& sa) { sa.remote = *address("255.255.255.255"); },
         "remote: 255.255.255.255 is the broadcast address"},
        {"loopback local", plain_outbound, [](SaParams& sa) { sa.local = *address("127.0.0.1"); },
         "local: 127.0.0.1 is a loopback address"},
        {"loopback remote", over_ipv6, [](SaParams& sa) { sa.remote = *address("::1"); },
         "remote: ::1 is a loopback address"},
        {"two families", plain_outbound, [](SaParams& sa) { sa.remote = *address("2001:db8::2"); },
         "remote: 2001:db8::2 and local 198.51.100.1 are of different families"},
        {"to itself", plain_outbound, [](SaParams& sa) { sa.remote = sa.local; },
         "remote: 198.51.100.1 is also the local"},
        {"IPv6", over_ipv6, [](SaParams&) {}, nullptr},
    });
}

TEST(SaParams, SequenceAndWindow)
{
    const auto window = [](uint16_t packets, bool esn) {
        return [=](SaParams& sa) {
            sa.replay_window = packets;
            sa.esn = esn;
        };
    };
    run({
        {"window off", inbound, window(0, false), nullptr},
        {"window off with ESN", inbound, window(0, true), "replay_window: ESN needs a window"},
        {"window 31", inbound, window(31, false), "replay_window: 31 is not 0 (off) or 32 to 4096"},
        {"window 32", inbound, window(32, true), nullptr},
        {"window 100", inbound, window(100, true), nullptr},
        {"window 4096", inbound, window(4096, true), nullptr},
        {"window 4097", inbound, window(4097, true), "replay_window: 4097 is not"},
        {"window of an outbound SA is the receiver's", plain_outbound, window(0, true), nullptr},
        {"first 0", plain_outbound, [](SaParams& sa) { sa.first_sequence = 0; }, "first_sequence: the first packet"},
        {"last without ESN", plain_outbound, [](SaParams& sa) { sa.first_sequence = 0xffffffff; }, nullptr},
        {"beyond without ESN", plain_outbound, [](SaParams& sa) { sa.first_sequence = 0x100000000; },
         "first_sequence: it is beyond 4294967295"},
        {"beyond with ESN", plain_outbound,
         [](SaParams& sa) {
             sa.esn = true;
             sa.first_sequence = 0x100000000;
         },
         nullptr},
        {"first on inbound", inbound, [](SaParams& sa) { sa.first_sequence = 2; }, "first_sequence: an inbound SA"},
    });
}

TEST(SaParams, TunnelHeaderKnobsByDirection)
{
    const auto dscp = [](SaParams& sa) { sa.tunnel.dscp = 46; };
    const auto df = [](SaParams& sa) { sa.tunnel.df = DfPolicy::kClear; };
    const auto label = [](SaParams& sa) { sa.tunnel.copy_flow_label = true; };
    const auto hops = [](SaParams& sa) { sa.tunnel.hop_limit = 255; };
    const auto tfc = [](SaParams& sa) { sa.tfc_pad_to = 1400; };
    const auto inward = [](SaParams& sa) { sa.tunnel.copy_dscp_inward = true; };
    const auto ecn_off = [](SaParams& sa) { sa.tunnel.ecn = EcnPolicy::kOff; };
    run({
        {"dscp out", plain_outbound, dscp, nullptr},
        {"dscp 64", plain_outbound, [](SaParams& sa) { sa.tunnel.dscp = 64; }, "dscp: 64 is not 0 to 63"},
        {"dscp in", inbound, dscp, "dscp: it shapes packets we send"},
        {"df out", plain_outbound, df, nullptr},
        {"df in", inbound, df, "df: it shapes packets we send"},
        {"df over IPv6", over_ipv6, df, "df: the outer header is IPv6"},
        {"flow label over IPv6", over_ipv6, label, nullptr},
        {"flow label over IPv4", plain_outbound, label, "copy_flow_label: the outer header is IPv4"},
        {"flow label in", inbound, label, "copy_flow_label: it shapes packets we send"},
        {"hop limit", plain_outbound, hops, nullptr},
        {"hop limit 0", plain_outbound, [](SaParams& sa) { sa.tunnel.hop_limit = 0; }, "hop_limit: packets with"},
        {"hop limit in", inbound, hops, "hop_limit: it shapes packets we send"},
        {"tfc out", plain_outbound, tfc, nullptr},
        {"tfc in", inbound, tfc, "tfc_padding: it shapes packets we send"},
        {"inward in", inbound, inward, nullptr},
        {"inward out", plain_outbound, inward, "copy_dscp: copying the outer DSCP inward"},
        {"ecn off out", plain_outbound, ecn_off, nullptr},
        {"ecn off in", inbound, ecn_off, nullptr},
        {"transport", transport, [](SaParams&) {}, nullptr},
        {"transport dscp", transport, dscp, "dscp: it shapes a tunnel header"},
        {"transport df", transport, df, "df: it shapes a tunnel header"},
        {"transport flow label", transport, label, "copy_flow_label: it shapes a tunnel header"},
        {"transport hop limit", transport, hops, "hop_limit: it shapes a tunnel header"},
        {"transport ecn", transport, ecn_off, "ecn: it shapes a tunnel header"},
        {"transport copy_dscp", transport, inward, "copy_dscp: it shapes a tunnel header"},
        {"transport tfc", transport, tfc, "tfc_padding: a transport mode packet"},
    });
}

TEST(SaParams, LimitsPortsAndWorker)
{
    run({
        {"udp", plain_outbound, [](SaParams& sa) { sa.udp.emplace(); }, nullptr},
        {"udp transport", transport, [](SaParams& sa) { sa.udp.emplace(); }, nullptr},
        {"udp local 0", plain_outbound,
         [](SaParams& sa) {
             sa.udp = {0, 4500};
         },
         "udp_encap.local_port: 0"},
        {"udp remote 0", inbound,
         [](SaParams& sa) {
             sa.udp = {4500, 0};
         },
         "udp_encap.remote_port: 0"},
        {"worker in", inbound, [](SaParams& sa) { sa.worker = 3; }, nullptr},
        {"worker out", plain_outbound, [](SaParams& sa) { sa.worker = 3; }, "worker: all workers seal"},
        {"soft = hard", plain_outbound, [](SaParams& sa) { sa.lifetime = {10, 10, 0, 0, 0, 0}; },
         "lifetime.soft_packets: the soft limit"},
        {"soft > hard", plain_outbound, [](SaParams& sa) { sa.lifetime = {0, 0, 11, 10, 0, 0}; },
         "lifetime.soft_bytes: the soft limit"},
        {"soft > hard seconds", inbound, [](SaParams& sa) { sa.lifetime = {0, 0, 0, 0, 61, 60}; },
         "lifetime.soft_seconds: the soft limit"},
        {"soft alone", plain_outbound, [](SaParams& sa) { sa.lifetime = {5, 0, 5, 0, 5, 0}; }, nullptr},
        {"soft < hard", plain_outbound, [](SaParams& sa) { sa.lifetime = {5, 6, 5, 6, 5, 6}; }, nullptr},
    });
}

struct KeymatCase {
    const char* suite;
    size_t bytes;
    const char* what;
    const char* hint;
};

TEST(SaParams, AWrongKeymatLengthIsExplained)
{
    static constexpr KeymatCase kCases[] = {
        {"aes256gcm16", 32,
         "keymat: aes256gcm16 wants 36 bytes, 32 of key then 4 of salt (RFC 4106 section 8.1), got 32",
         "the salt is missing: append its 4 bytes"},
        {"aes256gcm16", 20,
         "keymat: aes256gcm16 wants 36 bytes, 32 of key then 4 of salt (RFC 4106 section 8.1), got 20",
         "20 bytes are right for aes128gcm16: change the proposal or the key"},
        {"aes128gcm12", 0, "keymat: aes128gcm12 wants 20 bytes, 16 of key then 4 of salt (RFC 4106 section 8.1), got 0",
         "make it with: openssl rand -hex 20"},
        {"aes128-sha256", 16,
         "keymat: aes128-sha256 wants 48 bytes, 16 of key then 32 of integrity key (RFC 7296 section 2.17), got 16",
         "the integrity key is missing: append its 32 bytes"},
        {"aes128ctr-sha256", 48,
         "keymat: aes128ctr-sha256 wants 52 bytes, 16 of key then 4 of nonce then 32 of integrity key "
         "(RFC 3686 section 5.1), got 48",
         "the nonce is missing: its 4 bytes follow the cipher's key"},
        {"chacha20poly1305", 32,
         "keymat: chacha20poly1305 wants 36 bytes, 32 of key then 4 of salt (RFC 7634 section 2), got 32",
         "the salt is missing: append its 4 bytes"},
        {"aes128gmac", 16, "keymat: aes128gmac wants 20 bytes, 16 of key then 4 of salt (RFC 4543 section 5.4), got 16",
         "the salt is missing: append its 4 bytes"},
        {"null-sha512", 65, "keymat: null-sha512 wants 64 bytes, 64 of integrity key (RFC 4868 section 2.1.1), got 65",
         "make it with: openssl rand -hex 64"},
    };
    for (const auto& item : kCases) {
        SaParams sa = outbound(item.suite);
        sa.keymat = base::SecretBytes(item.bytes);
        const auto errors = validate(sa);
        ASSERT_EQ(errors.size(), 1U) << item.suite;
        EXPECT_EQ(errors[0].what, item.what);
        EXPECT_EQ(errors[0].hint, item.hint);
    }
}

TEST(SaParams, AllErrorsComeAtOnce)
{
    SaParams sa = inbound();
    sa.name.clear();
    sa.spi = 7;
    sa.remote = *address("::");
    sa.keymat = {};
    sa.replay_window = 1;
    sa.tunnel.dscp = 1;
    EXPECT_EQ(validate(sa).size(), 7U) << text_of(validate(sa));  // the addresses give two
}

TEST(SaParams, ACloneIsEqualAndIndependent)
{
    SaParams sa = inbound();
    sa.keymat.mutable_view()[0] = 0x5a;
    sa.udp.emplace();
    sa.lifetime.hard_packets = 9;
    sa.worker = 2;
    sa.esn = true;
    sa.tunnel.copy_dscp_inward = true;
    SaParams copy = sa.clone();
    sa.keymat.mutable_view()[0] = 0;
    EXPECT_EQ(copy.keymat.view()[0], 0x5a);
    EXPECT_EQ(copy.name, sa.name);
    EXPECT_EQ(copy.spi, sa.spi);
    EXPECT_EQ(copy.suite, sa.suite);
    EXPECT_EQ(copy.lifetime.hard_packets, 9U);
    EXPECT_TRUE(copy.udp.has_value() && copy.esn && copy.tunnel.copy_dscp_inward);
    EXPECT_EQ(copy.worker, 2);
    EXPECT_TRUE(validate(copy).empty());
}

}  // namespace
}  // namespace ipsecgw::model
