#include "esp/extension_headers.h"

#include <vector>

#include <gtest/gtest.h>

#include "net/headers.h"

namespace ipsecgw::esp {
namespace {

struct Chain {
    std::vector<uint8_t> bytes = std::vector<uint8_t>(40);
    size_t field = 6;

    Chain() { bytes[0] = 0x60; }
    /// `length_byte` is the header's second byte, `size` its real size.
    Chain& add(uint8_t protocol, uint8_t length_byte, size_t size)
    {
        bytes[field] = protocol;
        field = bytes.size();
        bytes.resize(bytes.size() + size);
        bytes[field + 1] = length_byte;
        return *this;
    }
    Chain& end(uint8_t protocol)
    {
        bytes[field] = protocol;
        return *this;
    }
    uint8_t* find() { return last_next_header(bytes.data(), static_cast<uint32_t>(bytes.size())); }
};

TEST(ExtensionHeaders, PlainHeaderNamesItsPayloadItself)
{
    Chain chain;
    chain.end(net::kProtoEsp);
    EXPECT_EQ(chain.find(), chain.bytes.data() + 6);
}

TEST(ExtensionHeaders, FindsTheFieldOfTheLastHeader)
{
    Chain chain;
    chain.add(net::kProtoHopByHop, 0, 8).add(net::kProtoRouting, 2, 24).add(net::kProtoDestination, 1, 16);
    chain.end(net::kProtoEsp);
    EXPECT_EQ(chain.find(), chain.bytes.data() + 40 + 8 + 24);
}

TEST(ExtensionHeaders, CountsAuthenticationHeadersInWords)
{
    Chain chain;
    chain.add(net::kProtoAh, 4, 24).end(net::kProtoEsp);  // RFC 4302 section 2.2: 32-bit words minus 2
    EXPECT_EQ(chain.find(), chain.bytes.data() + 40);
}

TEST(ExtensionHeaders, RefusesFragments)
{
    Chain chain;
    chain.add(net::kProtoFragment, 0, 8).end(net::kProtoEsp);
    EXPECT_EQ(chain.find(), nullptr);
}

TEST(ExtensionHeaders, RefusesLengthsThatEndNoHeader)
{
    Chain chain;
    chain.add(net::kProtoHopByHop, 1, 16).end(net::kProtoEsp);
    for (uint32_t length = 0; length <= chain.bytes.size(); ++length)
        EXPECT_EQ(last_next_header(chain.bytes.data(), length) != nullptr, length == 40 || length == 56) << length;
    chain.bytes[41] = 255;  // a header that claims more than there is
    EXPECT_EQ(chain.find(), nullptr);
}

}  // namespace
}  // namespace ipsecgw::esp
