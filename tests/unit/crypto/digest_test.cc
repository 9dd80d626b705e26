#include "crypto/digest.h"

#include <gtest/gtest.h>

#include "support/hex.h"

namespace ipsecgw::crypto {
namespace {

using test::bytes_of;
using test::hex;

std::vector<uint8_t> digest_of(Hash hash, const std::vector<uint8_t>& message)
{
    std::vector<uint8_t> digest(digest_bytes(hash));
    sha2(hash, message, digest);
    return digest;
}

TEST(Digest, HashesFips180ExampleAbc)
{
    EXPECT_EQ(digest_of(Hash::kSha256, bytes_of("abc")),
              hex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    EXPECT_EQ(digest_of(Hash::kSha384, bytes_of("abc")),
              hex("cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"));
    EXPECT_EQ(digest_of(Hash::kSha512, bytes_of("abc")),
              hex("ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
                  "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"));
    const auto digest = sha1(bytes_of("abc"));
    EXPECT_EQ(std::vector<uint8_t>(digest.begin(), digest.end()), hex("a9993e364706816aba3e25717850c26c9cd0d89d"));
}

TEST(Digest, HashesNothingAndMoreThanABlock)
{
    EXPECT_EQ(digest_of(Hash::kSha256, {}), hex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"));
    EXPECT_EQ(digest_of(Hash::kSha256, bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
              hex("248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"));
}

}  // namespace
}  // namespace ipsecgw::crypto
