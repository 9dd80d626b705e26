#include "churn.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/text.h"

namespace ipsecgw::bench {

namespace {

constexpr uint32_t kPerTick = 32;  // of each kind between two ticks of the control plane

}  // namespace

base::Result<void> Churn::replace(uint32_t sa)
{
    // SPIs and names are not used again: a removed SA may still be on its way out.
    const uint32_t spi = kFirstSpi + what_.sas + ++serial_;
    std::vector<std::string>& names = live_[sa];
    if (names.empty())
        names.push_back(sa_name(sa));
    names.push_back(base::format("%s-%u", sa_name(sa).c_str(), serial_));
    model::SaParams params = rig_.params_of(what_, sa);
    params.name = names.back();
    params.spi = spi;
    GW_TRY(rig_.control().install_sa(std::move(params)));
    GW_TRY(bind(sa));
    rig_.set_spi(sa, spi);
    // A worker that is quiescent from now on has dealt with every packet that was made for the old one.
    old_.push_back({sa, rig_.qsbr().start()});
    return {};
}

base::Result<void> Churn::bind(uint32_t sa)
{
    const std::vector<std::string>& names = live_[sa];
    if (what_.direction == model::Direction::kOutbound)
        return rig_.control().rebind_policy(policy_name(sa), names.back(), {});
    return rig_.control().rebind_policy(policy_name(sa), "", names);
}

base::Result<void> Churn::remove_old()
{
    for (; !old_.empty() && rig_.qsbr().passed(old_.front().token); old_.pop_front()) {
        std::vector<std::string>& names = live_[old_.front().sa];
        const std::string oldest = names.front();
        names.erase(names.begin());
        GW_TRY(bind(old_.front().sa));
        GW_TRY(rig_.control().remove_sa(oldest));
    }
    return {};
}

base::Result<void> Churn::change_policy()
{
    // One out, the next time in again; then its neighbour.
    const uint32_t spare = what_.all_policies() - what_.sas;
    const uint32_t number = what_.sas + static_cast<uint32_t>(policy_serial_ / 2 % spare);
    if (policy_serial_++ % 2 == 0)
        return rig_.control().remove_policy(policy_name(number));
    return rig_.control().add_policy(Rig::policy_of(what_, number));
}

namespace {

/// Hands out what is due of a rate.
class Pace {
  public:
    explicit Pace(uint32_t per_second) : per_second_(per_second) {}

    /// How many are due `ns` after the start, at most kPerTick; they count as made.
    uint32_t take(uint64_t ns)
    {
        const auto due = static_cast<uint64_t>(static_cast<double>(ns) * per_second_ / base::kNsPerSecond);
        const auto count = static_cast<uint32_t>(std::min<uint64_t>(due - made_, kPerTick));
        made_ += count;
        behind_ = made_ < due;
        return count;
    }
    [[nodiscard]] bool is_behind() const { return behind_; }
    [[nodiscard]] double rate(uint64_t ns) const { return static_cast<double>(made_) * base::kNsPerSecond / static_cast<double>(ns); }

  private:
    uint32_t per_second_;
    uint64_t made_ = 0;
    bool behind_ = false;
};

}  // namespace

base::Result<void> Churn::run(const std::function<bool()>& done)
{
    const uint64_t begin = base::monotonic_ns();
    Pace replacements(what_.churn);
    Pace changes(what_.policy_changes);
    uint32_t sa = 0;
    while (!done()) {
        const uint64_t now = base::monotonic_ns();
        for (uint32_t i = replacements.take(now - begin); i > 0; i--) {
            GW_TRY(replace(sa));
            sa = sa + 1 == what_.sas ? 0 : sa + 1;
        }
        for (uint32_t i = changes.take(now - begin); i > 0; i--)
            GW_TRY(change_policy());
        GW_TRY(remove_old());
        rig_.control().tick(now);
        if (!replacements.is_behind() && !changes.is_behind())
            std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    rate_ = replacements.rate(base::monotonic_ns() - begin);
    policy_rate_ = changes.rate(base::monotonic_ns() - begin);
    return {};
}

}  // namespace ipsecgw::bench
