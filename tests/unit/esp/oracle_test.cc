// scapy, and RFC 4303 composed from the primitives of Python's cryptography package, open what we seal and seal what we
// open.
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <sys/wait.h>

#include "base/text.h"
#include "support/hex.h"
#include "unit/esp/sa_pair.h"

#ifndef ESP_ORACLE
#error "ESP_ORACLE is the command that runs tests/support/esp_oracle.py"
#endif

namespace ipsecgw::test {
namespace {

constexpr uint32_t kHighHalf = 3;

/// One SA's worth of packets.
struct Case {
    model::EspSuite suite;
    model::Mode mode;
    Family outer, inner;
    bool udp, esn;
};

std::vector<Case> cases()
{
    using enum Family;
    using enum model::Mode;
    std::vector<Case> out;
    for (const auto& suite : model::all_esp_suites())
        for (const bool esn : {false, true}) {
            out.push_back({suite, kTunnel, kIpv4, kIpv4, false, esn});
            out.push_back({suite, kTunnel, kIpv4, kIpv6, true, esn});
            out.push_back({suite, kTunnel, kIpv6, kIpv4, false, esn});
            out.push_back({suite, kTunnel, kIpv6, kIpv6, true, esn});
            out.push_back({suite, kTransport, kIpv4, kIpv4, false, esn});
            out.push_back({suite, kTransport, kIpv4, kIpv4, true, esn});
            out.push_back({suite, kTransport, kIpv6, kIpv6, false, esn});
            out.push_back({suite, kTransport, kIpv6, kIpv6, true, esn});
        }
    return out;
}

model::SaParams params_of(const Case& c)
{
    auto params = outbound_params(c.suite, c.outer);
    params.mode = c.mode;
    params.esn = c.esn;
    if (c.udp) {
        params.udp = model::UdpEncapsulation{};
        params.engine = model::EngineChoice::kOpenssl;  // so that more than one engine is heard
    }
    if (c.esn)
        params.first_sequence = (uint64_t{kHighHalf} << 32) + 1;
    return params;
}

std::vector<Bytes> packets_of(const Case& c, const model::SaParams& params)
{
    std::vector<Bytes> out;
    for (const size_t bytes : {8u, 37u, 1401u}) {
        const PacketSpec spec{.family = c.inner, .payload_bytes = bytes, .protocol = 253, .tos = 0x2a};
        out.push_back(c.mode == model::Mode::kTransport ? host_packet(params, spec) : make_packet(spec));
    }
    return out;
}

std::string to_hex(std::span<const uint8_t> bytes)
{
    std::string out;
    for (const uint8_t byte : bytes)
        out += base::format("%02x", byte);
    return out;
}

const char* encryption_word(model::Encryption encryption)
{
    switch (encryption) {
        case model::Encryption::kNull:
            return "null";
        case model::Encryption::kAesCbc:
            return "cbc";
        case model::Encryption::kAesCtr:
            return "ctr";
        case model::Encryption::kAesGcm8:
        case model::Encryption::kAesGcm12:
        case model::Encryption::kAesGcm16:
            return "gcm";
        case model::Encryption::kAesGmac:
            return "gmac";
        case model::Encryption::kChaCha20Poly1305:
            return "chacha";
    }
    return "";
}

const char* integrity_word(model::Integrity integrity)
{
    switch (integrity) {
        case model::Integrity::kNone:
            return "-";
        case model::Integrity::kHmacSha256:
            return "sha256";
        case model::Integrity::kHmacSha384:
            return "sha384";
        case model::Integrity::kHmacSha512:
            return "sha512";
    }
    return "";
}

/// A line of the oracle's case file. The keys are this test's fixed pattern.
std::string describe(const Case& c, const model::SaParams& params, uint32_t sequence, const Bytes& plain)
{
    const auto layout = c.suite.layout();
    const auto keymat = params.keymat.view();
    std::ostringstream out;
    out << "enc=" << encryption_word(c.suite.encryption) << " auth=" << integrity_word(c.suite.integrity)
        << " icv=" << int{layout.icv_bytes} << " key=" << to_hex(keymat.first(layout.key_bytes))
        << " salt=" << to_hex(keymat.subspan(layout.key_bytes, layout.salt_bytes))
        << " auth_key=" << to_hex(keymat.last(layout.integrity_key_bytes)) << " spi=" << params.spi
        << " seq=" << sequence << " esn=" << (c.esn ? std::to_string(kHighHalf) : "-")
        << " mode=" << (c.mode == model::Mode::kTunnel ? "tunnel" : "transport") << " udp=" << c.udp
        << " source=" << params.local.to_string() << " destination=" << params.remote.to_string()
        << " plain=" << to_hex(plain);
    return out.str();
}

class Oracle : public EspTest {
  protected:
    /// Exit status of the oracle.
    static int run(const std::string& arguments)
    {
        const int status = std::system((std::string(ESP_ORACLE) + " " + arguments).c_str());
        return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    }
    static std::string path(const char* name)
    {
        return testing::TempDir() + "esp_oracle_" + std::to_string(getpid()) + "_" + name;
    }
};

TEST_F(Oracle, OpensWhatWeSeal)
{
    const std::string file = path("sealed");
    std::ofstream out(file);
    for (const Case& c : cases()) {
        const auto params = params_of(c);
        const auto sa = build_out(params).sa;
        const auto packets = packets_of(c, params);
        const auto sealed = seal(*sa, packets);
        ASSERT_EQ(sealed.size(), packets.size());
        for (uint32_t i = 0; i < packets.size(); ++i)
            out << describe(c, params, i + 1, packets[i]) << " sealed=" << to_hex(sealed[i]) << "\n";
    }
    out.close();
    const int status = run("open " + file);
    std::remove(file.c_str());
    if (status == 77)
        GTEST_SKIP() << "python3-scapy is not installed";
    EXPECT_EQ(status, 0);
}

TEST_F(Oracle, SealsWhatWeOpen)
{
    const std::string file = path("plain");
    const std::string result = path("result");
    std::ofstream out(file);
    for (const Case& c : cases()) {
        const auto params = params_of(c);
        const auto packets = packets_of(c, params);
        for (uint32_t i = 0; i < packets.size(); ++i)
            out << describe(c, params, i + 1, packets[i]) << "\n";
    }
    out.close();
    const int status = run("seal " + file + " " + result);
    std::ifstream in(result);
    std::remove(file.c_str());
    std::remove(result.c_str());
    if (status == 77)
        GTEST_SKIP() << "python3-scapy is not installed";
    ASSERT_EQ(status, 0);
    for (const Case& c : cases()) {
        const auto params = params_of(c);
        const auto sa = build_in(mirrored(params)).sa;
        if (c.esn)
            sa->replay.commit(uint64_t{kHighHalf} << 32);  // as after 3 * 2^32 packets
        const auto packets = packets_of(c, params);
        std::vector<Bytes> sealed;
        std::string line;
        while (sealed.size() < packets.size() && std::getline(in, line))
            sealed.push_back(hex(line));
        SCOPED_TRACE(describe(c, params, 1, {}));
        expect_same(open(*sa, sealed), packets);
    }
    EXPECT_EQ(dropped(), 0u);
}

}  // namespace
}  // namespace ipsecgw::test
