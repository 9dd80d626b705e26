// Everything workers share, as references: who owns it is the composition root's business.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "dpdk/qsbr.h"
#include "esp/engine.h"
#include "model/gateway.h"
#include "net/address.h"
#include "route/tables.h"
#include "sa/sad.h"
#include "sa/spd.h"
#include "worker/punt.h"

struct rte_mempool;

namespace ipsecgw::worker {

/// A configured port as workers see it. Read-only while workers run.
struct PortView {
    uint16_t index = 0;    // ours: position in the configuration; tables use it
    uint16_t port_id = 0;  // DPDK's
    std::string name;
    model::PortRole role = model::PortRole::kProtected;
    net::MacAddress mac;
    uint16_t mtu = 1500;
    std::vector<net::Prefix> addresses;  // ours on this port, link-local included
    uint16_t rx_queues = 1;              // queue q is polled by worker q % workers
    /// Worker w owns queue w; with fewer queues than workers, worker w hands its packets to worker w % tx_queues.
    uint16_t tx_queues = 1;
};

struct DataPlane {
    uint16_t workers = 1;
    std::vector<PortView> ports;
    sa::Sad* sad = nullptr;
    sa::Spd* spd = nullptr;
    route::Tables* tables = nullptr;
    dpdk::Qsbr* qsbr = nullptr;
    PuntQueue* punt = nullptr;
    rte_mempool* pool = nullptr;            // for packets workers make: ICMP
    const esp::Engines* engines = nullptr;  // null: a worker's first packets pay for what its engines set up per thread
    bool icmp_errors = true;
    uint32_t reassembly = 128;  // packets for the gateway that a worker puts together at a time; 0: none
    /// 0: poll without pause; otherwise sleep so long after 1,000 empty turns (shared machines).
    uint32_t idle_sleep_us = 0;
};

}  // namespace ipsecgw::worker
