#include "dpdk/qsbr.h"

#include <utility>

#include <rte_atomic.h>
#include <rte_common.h>
#include <rte_errno.h>
#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

namespace ipsecgw::dpdk {

base::Result<std::unique_ptr<Qsbr>> Qsbr::create(uint16_t max_readers)
{
    const size_t bytes = rte_rcu_qsbr_get_memsize(max_readers);
    auto* variable = static_cast<rte_rcu_qsbr*>(rte_zmalloc("qsbr", bytes, RTE_CACHE_LINE_SIZE));
    if (variable == nullptr)
        return base::Error{base::ErrorCode::kResourceExhausted, "no memory for the QSBR variable",
                           "give EAL more memory with -m"};
    if (rte_rcu_qsbr_init(variable, max_readers) != 0) {
        rte_free(variable);
        return base::Error{base::ErrorCode::kInternal, "rte_rcu_qsbr_init refused its arguments", ""};
    }
    for (uint16_t id = 0; id < max_readers; id++)
        rte_rcu_qsbr_thread_register(variable, id);
    return std::unique_ptr<Qsbr>(new Qsbr(variable));
}

Qsbr::~Qsbr() { rte_free(variable_); }

void Qsbr::online(uint16_t id) noexcept { rte_rcu_qsbr_thread_online(variable_, id); }
void Qsbr::offline(uint16_t id) noexcept { rte_rcu_qsbr_thread_offline(variable_, id); }
void Qsbr::quiescent(uint16_t id) noexcept { rte_rcu_qsbr_quiescent(variable_, id); }
uint64_t Qsbr::start() noexcept
{
    // Between the store that unpublished and the look at who is online: see the header.
    rte_atomic_thread_fence(__ATOMIC_SEQ_CST);
    return rte_rcu_qsbr_start(variable_);
}
bool Qsbr::passed(uint64_t token) noexcept { return rte_rcu_qsbr_check(variable_, token, false) == 1; }

Reclaimer::~Reclaimer()
{
    for (auto* waiting : {&waiting_, &lingering_})
        for (auto& one : *waiting)
            one.free();
}

void Reclaimer::retire(std::function<void()> free) { waiting_.push_back({qsbr_.start(), std::move(free)}); }

void Reclaimer::retire_when(std::function<bool()> is_idle, std::function<void()> free)
{
    lingering_.push_back({qsbr_.start(), std::move(free), std::move(is_idle)});
}

size_t Reclaimer::poll(std::deque<Waiting>& waiting, size_t budget)
{
    size_t freed = 0;
    while (freed < budget && !waiting.empty() && qsbr_.passed(waiting.front().token) &&
           (waiting.front().is_idle == nullptr || waiting.front().is_idle())) {
        auto free = std::move(waiting.front().free);
        waiting.pop_front();
        free();
        freed++;
    }
    return freed;
}

size_t Reclaimer::poll(size_t budget)
{
    const size_t freed = poll(waiting_, budget);
    return freed + poll(lingering_, budget - freed);
}

}  // namespace ipsecgw::dpdk
