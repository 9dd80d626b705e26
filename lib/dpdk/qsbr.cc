#include "dpdk/qsbr.h"

#include <utility>

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
uint64_t Qsbr::start() noexcept { return rte_rcu_qsbr_start(variable_); }
bool Qsbr::passed(uint64_t token) noexcept { return rte_rcu_qsbr_check(variable_, token, false) == 1; }

Reclaimer::~Reclaimer()
{
    for (auto& waiting : waiting_)
        waiting.free();
}

void Reclaimer::retire(std::function<void()> free) { waiting_.push_back({qsbr_.start(), std::move(free)}); }

size_t Reclaimer::poll(size_t budget)
{
    size_t freed = 0;
    while (freed < budget && !waiting_.empty() && qsbr_.passed(waiting_.front().token)) {
        auto free = std::move(waiting_.front().free);
        waiting_.pop_front();
        free();
        freed++;
    }
    return freed;
}

}  // namespace ipsecgw::dpdk
