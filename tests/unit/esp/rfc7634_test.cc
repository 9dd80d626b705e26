// RFC 7634 appendix A: a whole ESP packet, from its plaintext to the wire.
#include "support/hex.h"
#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

const char* const kKeymat =
    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"  // key
    "a0a1a2a3";                                                         // salt
const char* const kInner =
    "45000054a6f200004001e778c6336405c000020508005b7a3a080000553bec10"
    "0007362708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223"
    "2425262728292a2b2c2d2e2f3031323334353637";
const char* const kEsp =
    "0102030400000005"  // SPI, sequence number
    "1011121314151617"  // IV
    "24039428b97f417e3c13753a4f05087b67c352e6a7fab1b982d466ef407ae5c6"
    "14ee8099d52844eb61aa95dfab4c02f72aa71e7c4c4f64c9befe2facc638e8f3"
    "cbec163fac469b502773f6fb94e664da9165b82829f641e0"
    "76aaa8266b7fb0f7b11b369907e1ad43";  // tag

class Rfc7634 : public EspTest {
  protected:
    Rfc7634()
    {
        params_ = outbound_params(suite("chacha20poly1305"));
        params_.spi = 0x01020304;
        params_.first_sequence = 5;
        params_.keymat = base::SecretBytes(hex(kKeymat));
    }
    model::SaParams params_;
};

TEST_F(Rfc7634, SealsAppendixA)
{
    auto built = build_out(params_);
    built.sa->iv_base = 0x1011121314151617 - 5;
    const auto sealed = seal(*built.sa, {hex(kInner)});
    ASSERT_EQ(sealed.size(), 1u);
    EXPECT_EQ(Bytes(sealed[0].begin() + 20, sealed[0].end()), hex(kEsp));
}

TEST_F(Rfc7634, OpensAppendixA)
{
    auto built = build_in(mirrored(params_));
    Bytes packet =
        hex("450000000000000040320000"
            "c0000201"
            "c6336407");
    const Bytes esp = hex(kEsp);
    packet.insert(packet.end(), esp.begin(), esp.end());
    packet[3] = static_cast<uint8_t>(packet.size());
    const auto opened = open(*built.sa, {packet});
    ASSERT_EQ(opened.size(), 1u);
    EXPECT_EQ(opened[0], hex(kInner));
}

}  // namespace
}  // namespace ipsecgw::test
