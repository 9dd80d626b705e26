#include "route/tables.h"

namespace ipsecgw::route {

base::Result<std::unique_ptr<Tables>> Tables::create(dpdk::Reclaimer& reclaimer)
{
    auto fib = GW_TRY(Fib::build({}));
    auto tables = std::unique_ptr<Tables>(new Tables(reclaimer));
    tables->publish(std::move(fib));
    tables->publish(std::make_unique<const NeighbourTable>(std::vector<NeighbourEntry>{}));
    return tables;
}

Tables::~Tables()
{
    delete fib_.load(std::memory_order_relaxed);
    delete neighbours_.load(std::memory_order_relaxed);
}

void Tables::publish(std::unique_ptr<const Fib> fib)
{
    std::unique_ptr<const Fib> old(fib_.exchange(fib.release(), std::memory_order_acq_rel));
    generation_.fetch_add(1, std::memory_order_acq_rel);
    reclaimer_.retire(std::move(old));
}

void Tables::publish(std::unique_ptr<const NeighbourTable> neighbours)
{
    std::unique_ptr<const NeighbourTable> old(neighbours_.exchange(neighbours.release(), std::memory_order_acq_rel));
    generation_.fetch_add(1, std::memory_order_acq_rel);
    reclaimer_.retire(std::move(old));
}

}  // namespace ipsecgw::route
