#include <algorithm>
#include <random>
#include <set>
#include <vector>

#include <gtest/gtest.h>

#include "worker/groups.h"

namespace ipsecgw::worker {
namespace {

struct Sa {
    int number;
};

constexpr size_t kMost = 128;
constexpr size_t kAtOnce = 64;

/// (SA, packet) in the order in which they are to be taken, by sorting.
std::vector<std::pair<Sa*, rte_mbuf*>> sorted(const std::vector<rte_mbuf*>& packets, const std::vector<Sa*>& sas)
{
    std::vector<std::pair<Sa*, rte_mbuf*>> all;
    for (size_t i = 0; i < sas.size(); i++)
        all.emplace_back(sas[i], packets[i]);
    const auto first = [&sas](const Sa* sa) { return std::find(sas.begin(), sas.end(), sa); };
    std::stable_sort(all.begin(), all.end(), [&](const auto& a, const auto& b) { return first(a.first) < first(b.first); });
    return all;
}

TEST(Groups, PutTogetherWhatASortPutsTogether)
{
    std::mt19937 random(7);
    std::vector<Sa> all(1000);
    std::vector<rte_mbuf> frames(kMost);
    for (int round = 0; round < 3000; round++) {
        const size_t choices = size_t{1} << random() % 10;
        std::vector<rte_mbuf*> packets;
        std::vector<Sa*> sas;
        for (size_t i = 0; i < random() % (kMost + 1); i++) {
            packets.push_back(&frames[i]);
            sas.push_back(&all[random() % choices]);
        }
        std::vector<std::pair<Sa*, rte_mbuf*>> taken;
        const Groups<Sa, kMost> groups(packets, sas);
        groups.for_each<kAtOnce>([&taken](Sa& sa, std::span<rte_mbuf*> group) {
            EXPECT_FALSE(group.empty());
            EXPECT_LE(group.size(), kAtOnce);
            for (rte_mbuf* m : group)
                taken.emplace_back(&sa, m);
        });
        ASSERT_EQ(taken, sorted(packets, sas));
        ASSERT_EQ(groups.count(), std::set<Sa*>(sas.begin(), sas.end()).size());
    }
}

}  // namespace
}  // namespace ipsecgw::worker
