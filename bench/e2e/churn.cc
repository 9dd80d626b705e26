#include "churn.h"

#include <thread>
#include <utility>

#include "base/clock.h"
#include "base/text.h"

namespace ipsecgw::bench {

namespace {

constexpr uint32_t kPerTick = 32;  // replacements between two ticks of the control plane

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

base::Result<void> Churn::run(const std::function<bool()>& done)
{
    const uint64_t begin = base::monotonic_ns();
    uint64_t made = 0;
    uint32_t sa = 0;
    while (!done()) {
        const uint64_t now = base::monotonic_ns();
        const auto due = static_cast<uint64_t>(static_cast<double>(now - begin) * what_.churn / base::kNsPerSecond);
        for (uint32_t i = 0; made < due && i < kPerTick; i++, made++) {
            GW_TRY(replace(sa));
            sa = sa + 1 == what_.sas ? 0 : sa + 1;
        }
        GW_TRY(remove_old());
        rig_.control().tick(now);
        if (made >= due)
            std::this_thread::sleep_for(std::chrono::microseconds(50));
    }
    rate_ = static_cast<double>(made) * base::kNsPerSecond / static_cast<double>(base::monotonic_ns() - begin);
    return {};
}

}  // namespace ipsecgw::bench
