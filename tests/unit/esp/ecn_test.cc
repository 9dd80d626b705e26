#include "esp/ecn.h"

#include <gtest/gtest.h>

namespace ipsecgw::esp {
namespace {

TEST(Ecn, CombinesAsRfc6040Figure4)
{
    constexpr uint8_t kDrop = 0xff;
    // Rows: arriving inner header; columns: arriving outer header Not-ECT, ECT(0), ECT(1), CE, as in the figure.
    constexpr uint8_t kOrder[4] = {kNotEct, kEct0, kEct1, kCe};
    constexpr uint8_t kFigure4[4][4] = {
        {kNotEct, kNotEct, kNotEct, kDrop},
        {kEct0, kEct0, kEct1, kCe},
        {kEct1, kEct1, kEct1, kCe},
        {kCe, kCe, kCe, kCe},
    };
    for (int inner = 0; inner < 4; ++inner)
        for (int outer = 0; outer < 4; ++outer) {
            const uint8_t wanted = kFigure4[inner][outer];
            EXPECT_EQ(ecn_forbids(kOrder[inner], kOrder[outer]), wanted == kDrop);
            if (wanted != kDrop) {
                EXPECT_EQ(ecn_combine(kOrder[inner], kOrder[outer]), wanted) << "inner " << inner << " outer " << outer;
            }
        }
}

}  // namespace
}  // namespace ipsecgw::esp
