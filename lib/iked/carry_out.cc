// The engine's effects, carried out in their order.
#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "base/log.h"
#include "base/text.h"
#include "iked/daemon.h"

namespace ipsecgw::iked {
namespace {

constexpr size_t kMaxOutbox = 65'536;     // messages
constexpr uint32_t kLinesForNobody = 20;  // log lines a second that no IKE SA of ours answers for

void log_failure(const char* what, const std::string& name, const base::Error& error)
{
    base::log(base::LogLevel::kError, "ike: %s %s: %s", what, name.c_str(), error.what.c_str());
}

void log_binding(const char* what, const std::string& sa, const ike::Binding& binding)
{
    base::log_each(base::LogLevel::kDebug, "ike: %s SA %s; policy %s: out %s, in %s", what, sa.c_str(),
              binding.policy.c_str(), binding.outbound_sa.empty() ? "nothing" : binding.outbound_sa.c_str(),
              binding.inbound_sas.empty() ? "nothing" : base::join(binding.inbound_sas).c_str());
}

/// Of no consequence to the data path: for observers alone.
template <class T>
concept Event =
    std::is_same_v<T, ike::IkeUp> || std::is_same_v<T, ike::IkeDown> || std::is_same_v<T, ike::IkeRekeyed> ||
    std::is_same_v<T, ike::ChildUp> || std::is_same_v<T, ike::ChildDown> || std::is_same_v<T, ike::ChildRekeyed>;
template <class T>
concept Observed = Event<T> || std::is_same_v<T, ike::InitiateDone> || std::is_same_v<T, ike::LogEvent>;

}  // namespace

void Daemon::carry_out()
{
    // What is carried out may tell the engine of a failure, which appends.
    if (std::exchange(is_carrying_out_, true))
        return;
    for (size_t i = 0; i < effects_.size(); i++) {
        ike::Effect effect = std::move(effects_[i]);
        std::visit(
            [this, &effect]<class T>(T& one) {
                if constexpr (Observed<T>)
                    for (const auto& [id, observer] : observers_)
                        observer(effect);
                if constexpr (!Event<T>)
                    carry_out(one);
            },
            effect);
    }
    effects_.clear();
    is_carrying_out_ = false;
}

void Daemon::carry_out(ike::Send& effect)
{
    if (outbox_.empty() && send(effect) == Sent::kGone)
        return;
    // What does not fit either is lost like any datagram.
    if (outbox_.size() < kMaxOutbox)
        outbox_.push_back(std::move(effect));
}

Daemon::Sent Daemon::send(const ike::Send& message)
{
    const auto sent = plane_.send(
        {message.local.address, message.remote.address, message.local.port, message.remote.port, message.bytes});
    if (!sent && sent.error().code == base::ErrorCode::kResourceExhausted)
        return Sent::kNoRoom;
    if (!sent && may_log_for_nobody())
        base::log(base::LogLevel::kWarning, "ike: sending to %s: %s", message.remote.to_string().c_str(),
                  sent.error().what.c_str());
    return Sent::kGone;
}

void Daemon::drain_outbox()
{
    while (!outbox_.empty() && send(outbox_.front()) == Sent::kGone)
        outbox_.pop_front();
    outbox_try_ns_ = options_.now_ns();
}

void Daemon::carry_out(ike::AddPolicy& effect)
{
    const std::string name = effect.policy.name;
    if (const auto added = plane_.add_policy(std::move(effect.policy), model::Owner::kIke); !added)
        log_failure("policy", name, added.error());
}

void Daemon::carry_out(ike::InstallInbound& effect)
{
    install(effect.child, std::move(effect.params), effect.binding);
}

void Daemon::carry_out(ike::InstallOutbound& effect)
{
    install(effect.child, std::move(effect.params), effect.binding);
}

void Daemon::install(ike::ChildSaId child, model::SaParams params, const ike::Binding& binding)
{
    const std::string name = params.name;
    log_binding("installing", name, binding);
    const bool is_inbound = params.direction == model::Direction::kInbound;
    if (key_log_)
        key_log_->add(params);
    auto done = plane_.install_sa(std::move(params), model::Owner::kIke);
    if (done) {
        const std::string& key = sas_.emplace(name, child).first->first;
        SasOfChild& names = sas_of_[child];
        (is_inbound ? names.inbound : names.outbound) = &key;
        done = plane_.rebind_policy(binding.policy, binding.outbound_sa, binding.inbound_sas);
    }
    if (done)
        return;
    log_failure("installing SA", name, done.error());
    engine_->install_failed(child, done.error(), turn());
}

void Daemon::carry_out(ike::RemoveInbound& effect)
{
    remove(effect.sa, effect.binding);
}

void Daemon::carry_out(ike::RemoveOutbound& effect)
{
    remove(effect.sa, effect.binding);
}

void Daemon::remove(const std::string& sa, const ike::Binding& binding)
{
    log_binding("removing", sa, binding);
    if (const auto bound = plane_.rebind_policy(binding.policy, binding.outbound_sa, binding.inbound_sas); !bound)
        log_failure("policy", binding.policy, bound.error());
    // One that could not be installed is not there.
    const auto known = sas_.find(sa);
    if (known == sas_.end())
        return;
    forget(sa, known->second);
    if (const auto removed = plane_.remove_sa(sa); !removed)
        log_failure("removing SA", sa, removed.error());
}

void Daemon::forget(const std::string& sa, ike::ChildSaId child)
{
    if (const auto names = sas_of_.find(child); names != sas_of_.end()) {
        SasOfChild& of = names->second;
        for (const std::string** name : {&of.inbound, &of.outbound})
            if (*name != nullptr && **name == sa)
                *name = nullptr;
        if (of.inbound == nullptr && of.outbound == nullptr)
            sas_of_.erase(names);
    }
    sas_.erase(sa);
}

void Daemon::carry_out(ike::RemovePolicy& effect)
{
    if (const auto removed = plane_.remove_policy(effect.policy); !removed)
        log_failure("policy", effect.policy, removed.error());
}

// A replacement stands before what it replaces goes, so that there is no moment without a policy.
void Daemon::carry_out(ike::Trap& effect)
{
    const std::string name = effect.policy.name;
    const auto old = traps_.find(name);
    model::Policy policy = std::move(effect.policy);
    policy.acquire = effect.on_packet == ike::OnPacket::kAcquire;
    if (old != traps_.end() && old->second.policy == name)
        policy.name += '\'';
    const std::string called = policy.name;
    if (const auto added = plane_.add_policy(std::move(policy), model::Owner::kIke); !added)
        return log_failure("policy", called, added.error());
    if (old != traps_.end()) {
        trap_of_policy_.erase(old->second.policy);
        static_cast<void>(plane_.remove_policy(old->second.policy));
    }
    traps_[name] = {called, {effect.connection, effect.child}};
    trap_of_policy_[called] = name;
}

void Daemon::carry_out(ike::Untrap& effect)
{
    const auto trap = traps_.find(effect.policy);
    if (trap == traps_.end())
        return;
    if (const auto removed = plane_.remove_policy(trap->second.policy); !removed)
        log_failure("policy", trap->second.policy, removed.error());
    trap_of_policy_.erase(trap->second.policy);
    traps_.erase(trap);
}

void Daemon::carry_out(ike::InitiateDone& effect)
{
    // A waiter may initiate again when it is called: it is taken out before.
    std::vector<Waiter> done;
    auto [waiter, end] = waiters_.equal_range(effect.connection);
    while (waiter != end) {
        Waiter& one = waiter->second;
        if (one.children.erase(effect.child) != 0 && one.failure.empty())
            one.failure = effect.failure;
        if (!one.children.empty()) {
            ++waiter;
            continue;
        }
        done.push_back(std::move(one));
        waiter = waiters_.erase(waiter);
    }
    for (const Waiter& one : done)
        one.done(one.failure);
}

void Daemon::carry_out(ike::LogEvent& effect)
{
    if (effect.ike_sa == 0 && !may_log_for_nobody())
        return;
    if (effect.connection.empty())
        base::log_each(effect.level, "ike: %s", effect.text.c_str());
    else if (effect.ike_sa == 0)
        base::log_each(effect.level, "ike %s: %s", effect.connection.c_str(), effect.text.c_str());
    else
        base::log_each(effect.level, "ike %s[%u]: %s", effect.connection.c_str(), effect.ike_sa, effect.text.c_str());
}

/// Strangers can cause any number of such lines.
bool Daemon::may_log_for_nobody()
{
    const uint64_t second = options_.now_ns() / base::kNsPerSecond;
    if (second != log_second_) {
        if (unlogged_ != 0)
            base::log(base::LogLevel::kWarning, "ike: %u more lines like these", unlogged_);
        log_second_ = second;
        logged_ = unlogged_ = 0;
    }
    if (logged_ < kLinesForNobody) {
        logged_++;
        return true;
    }
    unlogged_++;
    return false;
}

void Daemon::carry_out(ike::IkeKeys& effect)
{
    if (key_log_)
        key_log_->add(effect);
}

}  // namespace ipsecgw::iked
