// Grace periods: when may the control thread free what workers could still be reading?
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>

#include "base/result.h"

struct rte_rcu_qsbr;

namespace ipsecgw::dpdk {

/// One rte_rcu_qsbr variable over the workers of a gateway.
///
/// Threads: `online`, `offline`, `quiescent` by worker `id` about itself; the rest by the one writer.
/// A worker that blocks while online stalls reclamation, not the packet path.
///
/// Memory order: the writer unpublishes and takes a token; a worker tells the token it has seen, or that it is offline.
/// - quiescent(), offline(): a release store behind the worker's last use; passed() acquires it, so what is freed then
///   nobody reads any more.
/// - start() releases the token, quiescent() acquires it: a worker that has told the token sees what was unpublished, and
///   every number published before, as gone or new.
/// - A worker that comes online must not be overlooked while it reads what was there before. It stores "online", then
///   loads pointers; the writer stores the pointer, then loads "online". Both have a sequentially consistent fence
///   between, online() in rte_rcu, start() here: rte_rcu_qsbr_start() only releases, and a release store does not keep a
///   later load behind it, neither in C++ nor on an Arm CPU with RCpc loads (LDAPR). On x86 it was never wrong.
class Qsbr {
 public:
    static base::Result<std::unique_ptr<Qsbr>> create(uint16_t max_readers);
    ~Qsbr();
    Qsbr(const Qsbr&) = delete;
    Qsbr& operator=(const Qsbr&) = delete;

    void online(uint16_t id) noexcept;
    void offline(uint16_t id) noexcept;
    /// Reader holds no reference obtained before this call.
    void quiescent(uint16_t id) noexcept;

    /// Token for everything unpublished before this call.
    [[nodiscard]] uint64_t start() noexcept;
    /// True when every online reader has been quiescent since `token`. Does not wait.
    [[nodiscard]] bool passed(uint64_t token) noexcept;

 private:
    explicit Qsbr(rte_rcu_qsbr* variable) : variable_(variable) {}
    rte_rcu_qsbr* variable_;
};

/// Objects unpublished and waiting for their grace period, oldest first.
///
/// Threads: the one writer only. Destroying it runs everything left, so destroy it after the workers have stopped.
class Reclaimer {
 public:
    explicit Reclaimer(Qsbr& qsbr) : qsbr_(qsbr) {}
    ~Reclaimer();
    Reclaimer(const Reclaimer&) = delete;
    Reclaimer& operator=(const Reclaimer&) = delete;

    /// Calls `free` once no worker can hold what the caller has just unpublished.
    void retire(std::function<void()> free);
    /// The same, but after the grace period also waits until `is_idle`: for what workers reach by other ways than what was
    /// unpublished, such as packets in a device. Such objects are freed in their order, and hold up each other only.
    void retire_when(std::function<bool()> is_idle, std::function<void()> free);
    /// Owner form: any unique_ptr, with its deleter.
    template <class T, class D>
    void retire(std::unique_ptr<T, D> object)
    {
        if (object)
            retire(releasing(std::move(object)));
    }
    template <class T, class D>
    void retire_when(std::function<bool()> is_idle, std::unique_ptr<T, D> object)
    {
        if (object)
            retire_when(std::move(is_idle), releasing(std::move(object)));
    }

    /// Frees what is due, at most `budget` objects; returns how many. Never waits.
    size_t poll(size_t budget = 1024);
    [[nodiscard]] size_t pending() const noexcept { return waiting_.size() + lingering_.size(); }

 private:
    struct Waiting {
        uint64_t token;
        std::function<void()> free;
        std::function<bool()> is_idle = nullptr;  // null: always
    };
    template <class T, class D>
    static std::function<void()> releasing(std::unique_ptr<T, D> object)
    {
        return [holder = std::make_shared<std::unique_ptr<T, D>>(std::move(object))] { holder->reset(); };
    }
    size_t poll(std::deque<Waiting>& waiting, size_t budget);

    Qsbr& qsbr_;
    std::deque<Waiting> waiting_;
    std::deque<Waiting> lingering_;  // with is_idle
};

}  // namespace ipsecgw::dpdk
