// Every order of delivery of two actions that cross, and many with loss, repetition and delay: whatever happens on the
// way, both ends agree in the end, and rekeying alone never interrupts traffic.
#include <random>

#include "unit/ike/ladder.h"

namespace ipsecgw::ike {
namespace {

enum class Action { kRekeyChild, kRekeyIke, kDeleteChild, kDeleteIke, kNewChild };
constexpr Action kActions[] = {Action::kRekeyChild, Action::kRekeyIke, Action::kDeleteChild, Action::kDeleteIke,
                               Action::kNewChild};
constexpr const char* kNames[] = {"RekeyChild", "RekeyIke", "DeleteChild", "DeleteIke", "NewChild"};

using Pair = std::tuple<Action, Action>;

/// Answers "which of n" from a list, and remembers how many there were: an odometer over all lists.
class Choices {
  public:
    size_t of(size_t count)
    {
        if (next_ == taken_.size())
            taken_.push_back(0), counts_.push_back(count);
        counts_[next_] = count;
        return taken_[next_++];
    }
    /// The next list. False: that was the last.
    bool advance()
    {
        next_ = 0;
        while (!taken_.empty() && ++taken_.back() >= counts_[taken_.size() - 1])
            taken_.pop_back(), counts_.pop_back();
        return !taken_.empty();
    }
    [[nodiscard]] std::string text() const
    {
        std::string out;
        for (const size_t one : taken_)
            out += std::to_string(one) + " ";
        return out;
    }

  private:
    std::vector<size_t> taken_, counts_;
    size_t next_ = 0;
};

/// One run of two actions.
class World : public Ladder {
  public:
    void TestBody() override {}

    void begin(Action moons, Action suns)
    {
        load([](auto& c) {
            auto second = c.children[0];
            second.name = "other";
            for (auto* side : {&second.local_ts, &second.remote_ts}) {
                const bool is_first = (*side)[0].to_string().starts_with("10.1.");
                *side = {model::ChildSelector::parse(is_first ? "10.3.0.0/16" : "10.4.0.0/16").value()};
            }
            c.children.push_back(second);
        });
        initiate(moon);
        run();
        watch_traffic = is_rekey(moons) && is_rekey(suns);
        act(moon, moons);
        act(sun, suns);
    }
    void begin_establishing()
    {
        load();
        initiate(moon);
    }
    void act(Side& side, Action action)
    {
        switch (action) {
            case Action::kRekeyChild:
                rekey_child(side);
                break;
            case Action::kRekeyIke:
                rekey_ike(side);
                break;
            case Action::kDeleteChild:
                terminate_child(side);
                break;
            case Action::kDeleteIke:
                terminate_ike(side);
                break;
            case Action::kNewChild:
                initiate(side, "other");
                break;
        }
    }
    static bool is_rekey(Action action) { return action == Action::kRekeyChild || action == Action::kRekeyIke; }

    Packet take_at(size_t index)
    {
        Packet packet = std::move(wire[index]);
        wire.erase(wire.begin() + static_cast<std::ptrdiff_t>(index));
        return packet;
    }
    [[nodiscard]] size_t in_wire() const { return wire.size(); }
    [[nodiscard]] const Packet& at(size_t index) const { return wire[index]; }
    using Ladder::deliver;
    using Ladder::expect_settled;
    using Ladder::pass;

    /// Lets `seconds` pass without a delivery: retransmissions come to lie beside what is late.
    void stall(double seconds)
    {
        now_ns += static_cast<uint64_t>(seconds * 1e9);
        for (Side* side : {&moon, &sun})
            call(*side, [&](const Turn& turn) { side->engine->tick(turn); });
    }

    void expect_agreement(Action moons, Action suns)
    {
        const auto has = [&](Action action) { return moons == action || suns == action; };
        const size_t others = (moons == Action::kNewChild ? 1U : 0U) + (suns == Action::kNewChild ? 1U : 0U);
        pass(600);
        const size_t ike_sas = has(Action::kDeleteIke) ? 0 : 1;
        const size_t children = ike_sas == 0 ? 0 : (has(Action::kDeleteChild) ? 0 : 1) + others;
        for (const Side* side : {&moon, &sun}) {
            EXPECT_EQ(side->engine->stats().ike_sas, ike_sas) << side->name;
            EXPECT_EQ(side->installed_children(), children) << side->name;
            EXPECT_EQ(side->sas.size(), 2 * children) << side->name;
            EXPECT_EQ(side->bindings.size(), children) << side->name;
            EXPECT_TRUE(side->host.reserved.empty()) << side->name;
        }
        for (const Side* side : {&moon, &sun}) {
            const Side& peer = side == &moon ? sun : moon;
            for (const auto& [policy, binding] : side->bindings) {
                const auto* out = side->outbound(policy);
                EXPECT_TRUE(out != nullptr && peer.inbound(out->spi) != nullptr) << side->name << " " << policy;
            }
        }
        if (is_rekey(moons) && is_rekey(suns)) {
            EXPECT_EQ(moon.child_downs + sun.child_downs + moon.ike_downs + sun.ike_downs, 0);
        }
    }
};

class Schedules : public testing::TestWithParam<Pair> {};
INSTANTIATE_TEST_SUITE_P(Crossing, Schedules,
                         testing::Combine(testing::ValuesIn(kActions), testing::ValuesIn(kActions)),
                         [](const auto& about) {
                             return std::string("Moon") + kNames[static_cast<int>(std::get<0>(about.param))] + "Sun" +
                                    kNames[static_cast<int>(std::get<1>(about.param))];
                         });

/// Delivers in an order of choice; `mishaps` times a packet is lost, comes twice, or all wait until something is sent
/// again.
void deliver_by(Choices& choices, World& world, int mishaps)
{
    for (int steps = 0; world.in_wire() != 0 && steps < 200; steps++) {
        const size_t count = world.in_wire();
        const size_t choice = choices.of(mishaps > 0 ? 3 * count + 1 : count);
        const size_t which = choice % count;
        mishaps -= choice >= count ? 1 : 0;
        if (choice < count)
            world.deliver(world.take_at(which));
        else if (choice < 2 * count)
            (void)world.take_at(which);
        else if (choice < 3 * count)
            world.deliver(Packet(world.at(which)));
        else
            world.stall(4.5);
    }
}

TEST_P(Schedules, AnyOrder)
{
    const auto [moons, suns] = GetParam();
    Choices choices;
    int runs = 0;
    do {
        World world;
        world.begin(moons, suns);
        deliver_by(choices, world, 0);
        world.expect_agreement(moons, suns);
        ASSERT_FALSE(HasFailure()) << "choices " << choices.text();
        runs++;
    } while (choices.advance());
    EXPECT_GE(runs, 6);
}

TEST(Establishing, FourMessagesWithAnyMishap)
{
    Choices choices;
    int runs = 0;
    do {
        World world;
        world.begin_establishing();
        deliver_by(choices, world, 1);
        world.pass(100);
        world.expect_settled();
        ASSERT_FALSE(testing::Test::HasFailure()) << "choices " << choices.text();
        runs++;
    } while (choices.advance());
    EXPECT_GE(runs, 50);
}

TEST_P(Schedules, LossRepetitionAndDelay)
{
    const auto [moons, suns] = GetParam();
    for (uint32_t seed = 1; seed <= 40; seed++) {
        std::mt19937 random(seed);
        World world;
        world.begin(moons, suns);
        std::string steps;
        for (int budget = 6; world.in_wire() != 0;) {
            const size_t which = random() % world.in_wire();
            const uint32_t fate = budget > 0 ? random() % 8 : 7;
            budget -= fate < 4 ? 1 : 0;
            steps += std::to_string(fate) + "@" + std::to_string(which) + " ";
            if (fate == 0)
                (void)world.take_at(which);
            else if (fate == 1)
                world.deliver(Packet(world.at(which)));
            else if (fate <= 3)
                world.stall(4.5);
            else
                world.deliver(world.take_at(which));
        }
        world.expect_agreement(moons, suns);
        ASSERT_FALSE(HasFailure()) << "seed " << seed << ": " << steps;
    }
}

}  // namespace
}  // namespace ipsecgw::ike
