#include <gtest/gtest.h>

#include "esp/seal.h"

namespace ipsecgw::esp {
namespace {

struct Layout {
    uint8_t iv, icv, align, outer;
};

void shape(sa::OutboundSa& sa, Layout layout)
{
    sa.iv_bytes = layout.iv;
    sa.icv_bytes = layout.icv;
    sa.align_bytes = layout.align;
    sa.outer_bytes = layout.outer;
}

constexpr Layout kLayouts[] = {
    {8, 16, 4, 20}, {8, 8, 4, 48}, {16, 16, 16, 20}, {16, 32, 16, 40}, {0, 24, 4, 28}, {8, 32, 4, 40},
};

TEST(Size, CountsAnAesGcmTunnelByHand)
{
    sa::OutboundSa sa{};
    shape(sa, {8, 16, 4, 20});
    // 20 IP + 8 ESP + 8 IV + 100 + 2 trailer + 2 pad + 16 ICV
    EXPECT_EQ(sealed_bytes(sa, 100), 156u);
    EXPECT_EQ(inner_mtu(sa, 156), 102u);
    EXPECT_EQ(inner_mtu(sa, 1500), 1446u);
}

TEST(Size, CountsAnAesCbcTunnelByHand)
{
    sa::OutboundSa sa{};
    shape(sa, {16, 16, 16, 28});
    // 20 IP + 8 UDP + 8 ESP + 16 IV + 112 text + 16 ICV
    EXPECT_EQ(sealed_bytes(sa, 100), 180u);
    EXPECT_EQ(inner_mtu(sa, 180), 110u);
    EXPECT_EQ(inner_mtu(sa, 195), 110u);
    EXPECT_EQ(inner_mtu(sa, 196), 126u);
}

TEST(Size, InnerMtuIsTheInverse)
{
    for (const Layout& layout : kLayouts)
        for (const bool transport : {false, true}) {
            sa::OutboundSa sa{};
            shape(sa, layout);
            if (transport) {
                sa.flags = sa::kSaTransport;
                sa.outer_bytes = 0;
            }
            for (uint32_t path = 0; path <= 9700; ++path) {
                const uint32_t inner = inner_mtu(sa, path);
                if (inner == 0 && path <= 200)
                    continue;
                EXPECT_LE(sealed_bytes(sa, inner), path);
                EXPECT_GT(sealed_bytes(sa, inner + 1), path);
            }
        }
}

TEST(Size, TfcPaddingMakesSmallPacketsLarge)
{
    sa::OutboundSa sa{};
    shape(sa, {8, 16, 4, 20});
    sa.tfc_pad_to = 1400;
    EXPECT_EQ(sealed_bytes(sa, 40), sealed_bytes(sa, 1400));
    EXPECT_GT(sealed_bytes(sa, 1420), sealed_bytes(sa, 1400));
    EXPECT_EQ(inner_mtu(sa, sealed_bytes(sa, 1400)), 1402u);
    EXPECT_EQ(inner_mtu(sa, sealed_bytes(sa, 1400) - 4), 0u);
}

}  // namespace
}  // namespace ipsecgw::esp
