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

// Release: a worker that sees the pointer sees the table behind it. The old one goes after a grace period.
void Tables::publish(std::unique_ptr<const Fib> fib)
{
    reclaimer_.retire(std::unique_ptr<const Fib>(fib_.exchange(fib.release(), std::memory_order_acq_rel)));
}

void Tables::publish(std::unique_ptr<const NeighbourTable> neighbours)
{
    reclaimer_.retire(
        std::unique_ptr<const NeighbourTable>(neighbours_.exchange(neighbours.release(), std::memory_order_acq_rel)));
}

}  // namespace ipsecgw::route
