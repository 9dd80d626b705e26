#include "crypto/prf.h"

#include <gtest/gtest.h>

#include "support/hex.h"

namespace ipsecgw::crypto {
namespace {

using test::bytes_of;
using test::counting;
using test::hex;

std::vector<uint8_t> octets(const base::SecretBytes& secret)
{
    return {secret.view().begin(), secret.view().end()};
}

/// prf+ and the expand step of HKDF are the same function.
TEST(Prf, ExpandsAsRfc5869AppendixA)
{
    const Prf first(Hash::kSha256, hex("077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5"));
    EXPECT_EQ(octets(first.expand(counting(10, 0xf0), 42).value()),
              hex("3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"));
    const Prf second(Hash::kSha256, hex("06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244"));
    EXPECT_EQ(octets(second.expand(counting(80, 0xb0), 82).value()),
              hex("b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
                  "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87"));
}

/// Computed with Python's hmac module.
TEST(Prf, ExpandsWithTheLongerHashes)
{
    EXPECT_EQ(octets(Prf(Hash::kSha384, counting(48)).expand(counting(40), 120).value()),
              hex("f84abe2d742cdb24a7888caa0a2dc510997ef17055e2452732218d529f733955cadc8e0e250f1bf285914ee6d1bb8310d8e0"
                  "a66fb6d7f9654004ce1a817a19ca12108a601321fffabe123890c4dc543d092fc3da7818095b0bdd40f0c9baf2b9ae024cf8"
                  "1e90e5736a65d0c343f83bdd79adc303bc0acde9"));
    const auto longest = octets(Prf(Hash::kSha512, counting(64)).expand(counting(40), 255 * 64).value());
    EXPECT_EQ(std::vector<uint8_t>(longest.end() - 16, longest.end()), hex("5409eaa226c361c0f038d6931d777cde"));
}

TEST(Prf, RefusesMoreThan255Outputs)
{
    const Prf prf(Hash::kSha256, counting(32));
    EXPECT_TRUE(prf.expand(counting(8), 255 * 32));
    EXPECT_FALSE(prf.expand(counting(8), 255 * 32 + 1));
}

TEST(Prf, ComputesRfc4231Case2InParts)
{
    const Prf prf(Hash::kSha256, bytes_of("Jefe"));
    const auto expected = hex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(octets(prf.compute(bytes_of("what do ya want for nothing?"))), expected);
    EXPECT_EQ(octets(prf.compute(bytes_of("what do ya want "), bytes_of("for nothing?"))), expected);
    EXPECT_EQ(prf.bytes(), 32u);
}

}  // namespace
}  // namespace ipsecgw::crypto
