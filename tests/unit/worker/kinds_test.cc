// The wire of one kind opens in every other: whoever does the work, it is the same ESP.
#include <algorithm>
#include <array>

#include <gtest/gtest.h>

#include "support/site.h"

namespace ipsecgw::worker {
namespace {

using namespace test;
using sa::OffloadKind;

constexpr std::array kKinds = {OffloadKind::kSoftware, OffloadKind::kLookAside, OffloadKind::kInlineCrypto,
                               OffloadKind::kFullProtocol};

class Kinds : public testing::TestWithParam<std::tuple<OffloadKind, OffloadKind>> {
  protected:
    void SetUp() override
    {
        for (const OffloadKind each : {sealing_, opening_})
            if (const std::string why = why_kind_is_absent(each); !why.empty())
                GTEST_SKIP() << why;
    }
    /// Both families over one pair of sites; what arrives is what was sent.
    void carry(const Tunnel& tunnel)
    {
        const auto one = make_site({.number = 1, .kind = sealing_}), two = make_site({.number = 2, .kind = opening_});
        install(*one, 1, tunnel);
        install(*two, 2, tunnel);
        for (const bool ipv6 : {false, true}) {
            for (const size_t size : {24u, 65u, 127u, 1300u}) {
                const Bytes packet = udp_packet(between_hosts(1, ipv6), 1000, 2000, text(size));
                one->receive_ip(kLan, packet);
                for (const auto& sealed : one->sent_ip(kWan)) {
                    EXPECT_EQ(defect(sealed), "");
                    two->receive_ip(kWan, sealed);
                }
                EXPECT_EQ(two->sent_ip(kLan), std::vector<Bytes>{after_a_hop(after_a_hop(packet))})
                    << tunnel.suite.name() << " " << size << " " << one->drop_report() << two->drop_report();
            }
        }
        EXPECT_EQ(one->all_drops() + two->all_drops(), 0u) << one->drop_report() << two->drop_report();
    }
    [[nodiscard]] bool both_can(const Tunnel& tunnel) const
    {
        return why_not(tunnel, sealing_).empty() && why_not(tunnel, opening_).empty();
    }

    const OffloadKind sealing_ = std::get<0>(GetParam()), opening_ = std::get<1>(GetParam());
};

TEST_P(Kinds, EachOpensWhatTheOtherSealsInEverySuite)
{
    size_t carried = 0;
    for (const auto& suite : model::all_esp_suites()) {
        const bool esn = both_can({.suite = suite, .esn = true});
        if (!both_can({.suite = suite, .esn = esn}))
            continue;
        carry({.suite = suite, .esn = esn});
        carried++;
    }
    EXPECT_GE(carried, 15u);
}

TEST_P(Kinds, EachOpensWhatTheOtherSealsInEveryShape)
{
    for (const bool outer_ipv6 : {false, true}) {
        for (const bool udp : {false, true}) {
            const Tunnel tunnel{.udp = udp, .outer_ipv6 = outer_ipv6};
            if (both_can(tunnel))
                carry(tunnel);
        }
    }
}

std::string pair_name(const testing::TestParamInfo<std::tuple<OffloadKind, OffloadKind>>& pair)
{
    std::string name = std::string(sa::to_string(std::get<0>(pair.param))) + "_to_" +
                       std::string(sa::to_string(std::get<1>(pair.param)));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
}
INSTANTIATE_TEST_SUITE_P(All, Kinds, testing::Combine(testing::ValuesIn(kKinds), testing::ValuesIn(kKinds)), pair_name);

}  // namespace
}  // namespace ipsecgw::worker
