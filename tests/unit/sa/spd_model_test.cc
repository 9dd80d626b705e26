// The Spd against a list that is searched from end to end, over random policies and packets of both families.
#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "sa/spd.h"
#include "sa_test_support.h"
#include "spd_test_support.h"

namespace ipsecgw::sa {
namespace {

// Decides by the text of model/policy.h and RFC 4301 section 4.4.1 alone, with addresses as arrays of bits.
class NaiveSpd {
 public:
    void add(const model::Policy& policy) { policies_.push_back(policy); }
    void remove(const std::string& name)
    {
        std::erase_if(policies_, [&name](const auto& p) { return p.name == name; });
    }

    [[nodiscard]] const model::Policy* match(const FlowKey& packet, model::PolicyDirection direction) const
    {
        const bool out = direction == model::PolicyDirection::kOutbound;
        const Side local = out ? Side{packet.source, packet.source_port} : Side{packet.destination, packet.destination_port};
        const Side remote = out ? Side{packet.destination, packet.destination_port} : Side{packet.source, packet.source_port};
        const model::Policy* best = nullptr;
        int best_bits = 0;
        for (const auto& policy : policies_) {
            if (policy.action != model::Action::kProtect && policy.direction != model::PolicyDirection::kBoth &&
                policy.direction != direction)
                continue;
            const auto bits = longest_pair(policy, packet, local, remote);
            if (!bits)
                continue;
            if (best == nullptr || policy.priority < best->priority ||
                (policy.priority == best->priority && *bits > best_bits)) {
                best = &policy;
                best_bits = *bits;
            }
        }
        return best;
    }

 private:
    struct Side {
        const uint8_t* address;
        uint16_t port;
    };

    static bool covers(const model::TrafficSelector& selector, const FlowKey& packet, const Side& side)
    {
        if (selector.prefix.family() != packet.family)
            return false;
        for (int bit = 0; bit < selector.prefix.length; bit++) {
            const int shift = 7 - bit % 8;
            if ((selector.prefix.address.data()[bit / 8] >> shift & 1) != (side.address[bit / 8] >> shift & 1))
                return false;
        }
        if (selector.protocol != 0 && selector.protocol != packet.protocol)
            return false;
        if (selector.ports.first == 0 && selector.ports.last == 65535)
            return true;
        return packet.ports_known && side.port >= selector.ports.first && side.port <= selector.ports.last;
    }

    static std::optional<int> longest_pair(const model::Policy& policy, const FlowKey& packet, const Side& local,
                                           const Side& remote)
    {
        std::optional<int> bits;
        for (const auto& l : policy.local)
            for (const auto& r : policy.remote)
                if (covers(l, packet, local) && covers(r, packet, remote))
                    bits = std::max(bits.value_or(0), l.prefix.length + r.prefix.length);
        return bits;
    }

    std::vector<model::Policy> policies_;  // oldest first
};

// Few distinct bits, so that prefixes nest and collide often.
class Generator {
 public:
    explicit Generator(uint32_t seed) : random_(seed) {}

    [[nodiscard]] uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }

    net::IpAddress address(net::Family family)
    {
        uint8_t bytes[16] = {10};
        bytes[1] = static_cast<uint8_t>(below(2) << 7 | below(2));
        bytes[2] = static_cast<uint8_t>(below(2) << 7);
        bytes[3] = static_cast<uint8_t>(below(3));
        if (family == net::Family::kIpv4)
            return net::IpAddress::v4(bytes);
        bytes[7] = static_cast<uint8_t>(below(2));
        bytes[8] = static_cast<uint8_t>(below(2) << 7);
        bytes[15] = static_cast<uint8_t>(below(3));
        return net::IpAddress::v6(bytes);
    }

    uint16_t port()
    {
        constexpr uint16_t kPorts[] = {0, 1, 53, 80, 443, 1000, 65534, 65535};
        return kPorts[below(std::size(kPorts))];
    }

    uint8_t protocol()
    {
        constexpr uint8_t kProtocols[] = {0, test::kTcp, test::kUdp, test::kIcmp};
        return kProtocols[below(std::size(kProtocols))];
    }

    model::TrafficSelector selector()
    {
        const auto family = below(2) == 0 ? net::Family::kIpv4 : net::Family::kIpv6;
        constexpr uint8_t kV4[] = {0, 8, 9, 15, 16, 17, 24, 31, 32};
        constexpr uint8_t kV6[] = {0, 9, 16, 32, 63, 64, 65, 127, 128};
        model::TrafficSelector s;
        s.prefix = {address(family), family == net::Family::kIpv4 ? kV4[below(std::size(kV4))] : kV6[below(std::size(kV6))]};
        s.protocol = protocol();
        if (below(3) == 0) {
            s.ports = {port(), port()};
            if (s.ports.first > s.ports.last)
                std::swap(s.ports.first, s.ports.last);
            if (below(2) == 0)
                s.ports.last = s.ports.first;
        }
        return s;
    }

    model::Policy policy(std::string name)
    {
        model::Policy p;
        p.name = std::move(name);
        p.priority = 100 + below(4);
        p.action = static_cast<model::Action>(below(3));
        p.direction = static_cast<model::PolicyDirection>(below(3));
        for (uint32_t i = 0; i <= below(3); i++)
            p.local.push_back(selector());
        for (uint32_t i = 0; i <= below(3); i++)
            p.remote.push_back(selector());
        return p;
    }

    FlowKey packet()
    {
        FlowKey key{};
        key.family = below(2) == 0 ? net::Family::kIpv4 : net::Family::kIpv6;
        std::memcpy(key.source, address(key.family).data(), 16);
        std::memcpy(key.destination, address(key.family).data(), 16);
        key.protocol = protocol();
        key.ports_known = below(4) != 0;
        if (key.ports_known || below(2) == 0) {
            key.source_port = port();
            key.destination_port = port();
        }
        return key;
    }

 private:
    std::mt19937 random_;
};

class SpdModel : public test::Reader, public testing::WithParamInterface<uint32_t> {
 protected:
    void compare(const FlowKey& packet)
    {
        for (const auto direction : {model::PolicyDirection::kOutbound, model::PolicyDirection::kInbound}) {
            const auto* expected = naive_.match(packet, direction);
            const auto* found = direction == model::PolicyDirection::kOutbound ? spd_->match_outbound(packet)
                                                                               : spd_->match_inbound(packet);
            ASSERT_EQ(found, expected == nullptr ? nullptr : spd_->find(expected->name))
                << (expected == nullptr ? "nothing expected" : expected->name);
            if (found != nullptr) {
                ASSERT_EQ(found->action, expected->action);
            }
        }
    }

    NaiveSpd naive_;
    std::unique_ptr<Spd> spd_ = std::move(Spd::create(1, reclaimer_)).value();
};

TEST_P(SpdModel, AgreesWithALinearSearch)
{
    Generator generator(GetParam());
    std::vector<std::string> names;
    const uint32_t most = 20 + GetParam() * 40;
    uint64_t matched = 0;
    for (int step = 0; step < 3000; step++) {
        if (names.size() < most && generator.below(8) < 5) {
            const auto policy = generator.policy("p" + std::to_string(step));
            if (spd_->add(policy)) {
                naive_.add(policy);
                names.push_back(policy.name);
            }
        } else if (!names.empty()) {
            const auto at = names.begin() + generator.below(static_cast<uint32_t>(names.size()));
            ASSERT_TRUE(spd_->remove(*at));
            naive_.remove(*at);
            names.erase(at);
        }
        for (int i = 0; i < 20; i++) {
            const FlowKey packet = generator.packet();
            ASSERT_NO_FATAL_FAILURE(compare(packet)) << "step " << step;
            matched += spd_->match_outbound(packet) != nullptr ? 1 : 0;
        }
        qsbr_->quiescent(0);
        reclaimer_.poll();
    }
    EXPECT_GT(matched, 1000u) << "the packets test something";
    ASSERT_EQ(spd_->count(), names.size());
    for (const auto& name : names)
        ASSERT_TRUE(spd_->remove(name));
    EXPECT_EQ(spd_->tuples(net::Family::kIpv4), 0u);
    EXPECT_EQ(spd_->tuples(net::Family::kIpv6), 0u);
}

// What an SA lets in is the same question as what a policy of these selectors matches inbound.
TEST_P(SpdModel, SelectorSetAgreesToo)
{
    Generator generator(GetParam() + 100);
    for (int round = 0; round < 300; round++) {
        auto policy = generator.policy("only");
        policy.direction = model::PolicyDirection::kBoth;
        NaiveSpd naive;
        naive.add(policy);
        std::vector<SelectorSet::Pair> pairs;
        for (const auto& local : policy.local)
            for (const auto& remote : policy.remote)
                pairs.push_back({local, remote});
        const SelectorSet set(pairs);
        for (int i = 0; i < 200; i++) {
            const FlowKey packet = generator.packet();
            ASSERT_EQ(set.allows(packet), naive.match(packet, model::PolicyDirection::kInbound) != nullptr);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Seeds, SpdModel, testing::Range(0u, 8u));

}  // namespace
}  // namespace ipsecgw::sa
