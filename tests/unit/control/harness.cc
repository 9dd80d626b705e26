#include "harness.h"

#include <cstring>
#include <utility>

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>

namespace ipsecgw::control {

model::SaParams sa_params(const std::string& name, model::Direction direction, uint32_t spi)
{
    model::SaParams sa;
    sa.name = name;
    sa.direction = direction;
    sa.spi = spi;
    sa.local = ip("192.0.2.1");
    sa.remote = ip("192.0.2.2");
    sa.suite = {model::Encryption::kAesGcm16, 128, model::Integrity::kNone};
    sa.keymat = base::SecretBytes(sa.suite.layout().keymat_bytes());
    for (uint8_t& byte : sa.keymat.mutable_view())
        byte = static_cast<uint8_t>(spi);
    return sa;
}

model::Policy protect(const std::string& name, const std::string& outbound_sa, std::vector<std::string> inbound_sas)
{
    model::Policy policy;
    policy.name = name;
    policy.action = model::Action::kProtect;
    policy.local = {selector("10.1.0.0/16")};
    policy.remote = {selector("10.2.0.0/16")};
    policy.outbound_sa = outbound_sa;
    policy.inbound_sas = std::move(inbound_sas);
    return policy;
}

sa::FlowKey flow(const char* source, const char* destination)
{
    sa::FlowKey key{};
    std::memcpy(key.source, ip(source).data(), 16);
    std::memcpy(key.destination, ip(destination).data(), 16);
    key.family = ip(source).family();
    key.protocol = 17;
    key.source_port = 1000;
    key.destination_port = 2000;
    key.ports_known = true;
    return key;
}

std::vector<uint8_t> take_bytes(rte_mbuf* m)
{
    const auto* bytes = rte_pktmbuf_mtod(m, const uint8_t*);
    std::vector<uint8_t> out(bytes, bytes + rte_pktmbuf_data_len(m));
    rte_pktmbuf_free(m);
    return out;
}

ControlTest::ControlTest(HarnessSpec spec) : name_(std::move(spec.name))
{
    const uint16_t worker_count = spec.workers;
    const uint32_t max_sas = spec.max_sas;
    pool = std::make_unique<dpdk::MbufPool>(
        dpdk::MbufPool::create(
            {.name = name_ + "control_test", .count = 4095, .private_bytes = worker::kPacketInfoBytes})
            .value());
    qsbr = dpdk::Qsbr::create(worker_count).value();
    reclaimer = std::make_unique<dpdk::Reclaimer>(*qsbr);
    sad = sa::Sad::create(max_sas, *reclaimer).value();
    spd = sa::Spd::create(worker_count, *reclaimer).value();
    tables = route::Tables::create(*reclaimer).value();
    punt = worker::PuntQueue::create(1024).value();
    engines = esp::Engines::create({.workers = worker_count,
                                    .max_sas = max_sas,
                                    .cpu_crypto = false,
                                    .look_aside = std::move(spec.look_aside)})
                  .value();
    open_port("inside", model::PortRole::kProtected, std::move(spec.inside), spec.inside_mac);
    open_port("outside", model::PortRole::kUnprotected, std::move(spec.outside), spec.outside_mac);
    data.workers = worker_count;
    data.sad = sad.get();
    data.spd = spd.get();
    data.tables = tables.get();
    data.qsbr = qsbr.get();
    data.punt = punt.get();
    data.pool = pool->get();
    ControlPlane::Parts parts;
    for (uint16_t i = 0; i < worker_count; i++) {
        workers.push_back(worker::Worker::create(data, i, -1).value());
        parts.workers.push_back(workers.back().get());
        parts.lcores.push_back(0);
    }
    worker::Worker::link(workers);
    parts.data = &data;
    parts.reclaimer = reclaimer.get();
    parts.engines = engines.get();
    parts.version = "test";
    parts.now_ns = [this] { return now; };
    control = std::make_unique<ControlPlane>(std::move(parts));
}

ControlTest::~ControlTest()
{
    control.reset();
    workers.clear();
    // Before the tables go: what is retired is freed with nothing left that reads it.
    reclaimer->poll(SIZE_MAX);
    sad.reset();
    spd.reset();
    tables.reset();
    reclaimer.reset();
    engines.reset();
    punt.reset();
    ports.clear();
    for (const char* port : {"inside", "outside"})
        rte_vdev_uninit(("net_ring_" + name_ + port).c_str());
    for (auto* rings : {&to_gateway, &from_gateway})
        for (rte_ring* ring : *rings) {
            void* m = nullptr;
            while (rte_ring_dequeue(ring, &m) == 0)
                rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
            rte_ring_free(ring);
        }
    EXPECT_EQ(pool->in_use(), 0u) << "mbufs leaked";
}

void ControlTest::open_port(const char* port, model::PortRole role, std::vector<net::Prefix> addresses,
                            net::MacAddress mac)
{
    const std::string word = name_ + port;
    rte_ring* in = rte_ring_create((word + "_in").c_str(), 256, -1, 0);
    rte_ring* out = rte_ring_create((word + "_out").c_str(), 256, -1, 0);
    ASSERT_NE(in, nullptr);
    ASSERT_NE(out, nullptr);
    to_gateway.push_back(in);
    from_gateway.push_back(out);
    ASSERT_GE(rte_eth_from_rings(word.c_str(), &in, 1, &out, 1, 0), 0);
    ports.push_back(dpdk::Port::open({.name = word, .device = "net_ring_" + word, .workers = 1}, pool->get()).value());
    ASSERT_TRUE(ports.back().start());
    worker::PortView view;
    view.index = static_cast<uint16_t>(data.ports.size());
    view.port_id = ports.back().id();
    view.name = port;
    view.role = role;
    view.mac = mac;
    view.addresses = std::move(addresses);
    data.ports.push_back(std::move(view));
}

void ControlTest::step(uint64_t advance_ns)
{
    now += advance_ns;
    control->handle_punts(now);
    control->tick(now);
}

void ControlTest::turn_workers()
{
    // Twice: a worker without a transmit queue of its own gives its packets to another.
    for (int round = 0; round < 2; round++)
        for (const auto& worker : workers)
            worker->turn();
}

std::vector<std::vector<uint8_t>> ControlTest::sent(uint16_t port)
{
    turn_workers();
    std::vector<std::vector<uint8_t>> frames;
    void* m = nullptr;
    while (rte_ring_dequeue(from_gateway[port], &m) == 0)
        frames.push_back(take_bytes(static_cast<rte_mbuf*>(m)));
    return frames;
}

void ControlTest::arrive(uint16_t port, const std::vector<uint8_t>& frame)
{
    ASSERT_EQ(rte_ring_enqueue(to_gateway[port], packet(frame)), 0);
    turn_workers();
}

uint64_t ControlTest::dropped(const char* reason) const
{
    for (const auto& row : control->drops())
        if (row.reason == reason)
            return row.packets;
    ADD_FAILURE() << "no reason is called " << reason;
    return 0;
}

sa::OutboundSa* ControlTest::bound(const char* policy) const
{
    // A policy that has taken the place of one is found in the SPD under the name with a mark more.
    const sa::PolicyEntry* entry = spd->find(policy);
    if (entry == nullptr)
        entry = spd->find(std::string(policy) + '\x01');
    return entry->outbound.load(std::memory_order_acquire);
}

bool ControlTest::may_carry(uint32_t spi, const sa::FlowKey& key) const
{
    const sa::InboundSa* sa = sad->find(spi);
    const sa::SelectorSet* selectors = sa == nullptr ? nullptr : sa->selectors.load(std::memory_order_acquire);
    return selectors != nullptr && selectors->allows(key);
}

rte_mbuf* ControlTest::packet(const std::vector<uint8_t>& bytes)
{
    rte_mbuf* m = rte_pktmbuf_alloc(pool->get());
    std::memset(static_cast<void*>(&worker::info(m)), 0, sizeof(worker::PacketInfo));
    std::memcpy(rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())), bytes.data(), bytes.size());
    return m;
}

SaStatus ControlTest::status(const char* sa) const
{
    for (auto& row : control->list_sas({}, SIZE_MAX))
        if (row.name == sa)
            return row;
    ADD_FAILURE() << "no SA is called " << sa;
    return {};
}

}  // namespace ipsecgw::control
