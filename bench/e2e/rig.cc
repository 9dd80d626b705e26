#include "rig.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <unistd.h>
#include <utility>

#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/byte_order.h"
#include "base/text.h"
#include "worker/packet_info.h"

namespace ipsecgw::bench {

using base::Error;
using base::ErrorCode;
using base::Result;

namespace {

constexpr uint32_t kRingSlots = 1024;
constexpr uint32_t kPuntSlots = 256;
constexpr uint16_t kMtu = 1500;
constexpr uint32_t kMbufsPerWorker = 2048;
constexpr uint32_t kFirstOtherNet = 0x20000000;
constexpr uint32_t kFewestSas = 64;  // that tables and pools are made for

net::IpAddress address(uint32_t host_order)
{
    uint8_t bytes[4];
    base::store_be32(bytes, host_order);
    return net::IpAddress::v4(bytes);
}

net::MacAddress station(uint8_t last)
{
    return {{0x02, 0, 0, 0, 1, last}};
}

void free_queued(const dpdk::Ring& ring)
{
    void* m = nullptr;
    while (rte_ring_dequeue(ring.get(), &m) == 0)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
}

model::HwOffload offload_of(Kind kind)
{
    switch (kind) {
        case Kind::kSoftware:
            break;
        case Kind::kInlineCrypto:
            return model::HwOffload::kCrypto;
        case Kind::kFullProtocol:
            return model::HwOffload::kFull;
    }
    return model::HwOffload::kNo;
}

/// What tables and pools are made for: replaced SAs stay for a while.
uint32_t capacity(const Case& what)
{
    constexpr uint32_t kReplaced = 16'384;
    return std::max(what.sas, kFewestSas) + (what.churn != 0 ? kReplaced : 0);
}

double resident_bytes()
{
    uint64_t size = 0, resident = 0;
    std::ifstream("/proc/self/statm") >> size >> resident;
    return static_cast<double>(resident) * static_cast<double>(getpagesize());
}

int next_number()
{
    static int number = 0;
    return number++;
}

}  // namespace

std::string sa_name(uint32_t number)
{
    return base::format("sa%u", number);
}

std::string policy_name(uint32_t number)
{
    return base::format("policy%u", number);
}

base::SecretBytes keymat_of(const model::EspSuite& suite)
{
    base::SecretBytes key(suite.layout().keymat_bytes());
    uint8_t byte = 0x17;
    for (uint8_t& b : key.mutable_view())
        b = byte++;
    return key;
}

Result<std::unique_ptr<Rig>> Rig::create(const Case& what)
{
    std::unique_ptr<Rig> rig(new Rig(next_number(), what.sas));
    rig->pool_ = std::make_unique<dpdk::MbufPool>(
        GW_TRY(dpdk::MbufPool::create({.name = base::format("e2e%d", rig->number_),
                                       .count = std::bit_ceil(kMbufsPerWorker * (what.workers + 1u)) - 1,
                                       .private_bytes = worker::kPacketInfoBytes,
                                       .largest_mtu = kMtu})));
    rig->engines_ = GW_TRY(esp::Engines::create({.workers = what.workers, .max_sas = capacity(what)}));
    rig->data_.workers = what.workers;
    rig->sides_.resize(2);
    GW_TRY(rig->add_port(what, kInside));
    GW_TRY(rig->add_port(what, kOutside));
    const std::array outside = {rig->port_id(kOutside)};
    rig->provider_ = GW_TRY(offload::RteSecurityProvider::create(outside, capacity(what), -1));
    GW_TRY(rig->make_tables(what));
    GW_TRY(rig->make_workers(what));
    GW_TRY(rig->make_control());
    GW_TRY(rig->install(what));
    return rig;
}

Rig::~Rig()
{
    control_.reset();
    workers_.clear();
    if (reclaimer_)
        reclaimer_->poll(SIZE_MAX);
    sad_.reset();
    spd_.reset();
    tables_.reset();
    reclaimer_.reset();
    provider_.reset();
    punt_.reset();
    for (Side& side : sides_) {
        side.port.reset();
        for (auto device = side.devices.rbegin(); device != side.devices.rend(); ++device)
            rte_vdev_uninit(device->c_str());
        for (const auto& ring : side.in)
            free_queued(ring);
        for (const auto& ring : side.out)
            free_queued(ring);
    }
}

Result<void> Rig::add_port(const Case& what, uint16_t index)
{
    Side& side = sides_[index];
    std::vector<rte_ring*> in, out;
    for (uint16_t queue = 0; queue < what.workers; queue++) {
        side.in.push_back(GW_TRY(dpdk::Ring::create(kRingSlots, dpdk::Producers::kOne, -1)));
        side.out.push_back(GW_TRY(dpdk::Ring::create(kRingSlots, dpdk::Producers::kOne, -1)));
        in.push_back(side.in.back().get());
        out.push_back(side.out.back().get());
    }
    const std::string ring_name = base::format("e2e%dp%u", number_, index);
    if (rte_eth_from_rings(ring_name.c_str(), in.data(), what.workers, out.data(), what.workers, 0) < 0)
        return Error{ErrorCode::kResourceExhausted, "no ring port " + ring_name};
    side.devices.push_back("net_ring_" + ring_name);
    if (index == kOutside && what.kind != Kind::kSoftware) {
        const std::string model = base::format("net_inline_ipsec%d", number_);
        const std::string args = base::format("backing=%s,queues=%u,cipher=none,max_sessions=%u",
                                              side.devices.back().c_str(), what.workers, capacity(what));
        if (rte_vdev_init(model.c_str(), args.c_str()) != 0)
            return Error{ErrorCode::kUnavailable, "the model port did not start", "is its driver loaded? see --pmd"};
        side.devices.push_back(model);
    }
    side.port = std::make_unique<dpdk::Port>(GW_TRY(dpdk::Port::open(
        {.name = ring_name, .device = side.devices.back(), .workers = what.workers, .mtu = kMtu}, pool_->get())));
    GW_TRY(side.port->start());

    worker::PortView view;
    view.index = index;
    view.port_id = side.port->id();
    view.name = index == kInside ? "inside" : "outside";
    view.role = index == kInside ? model::PortRole::kProtected : model::PortRole::kUnprotected;
    view.mac = {{0x02, 0, 0, 0, 0, static_cast<uint8_t>(index + 1)}};
    view.mtu = kMtu;
    view.addresses = {index == kInside ? net::Prefix{address((kOurHost & ~0xffu) + 1), 16}
                                       : net::Prefix{address(kOurGateway), 24}};
    view.rx_queues = view.tx_queues = what.workers;
    data_.ports.push_back(view);
    return {};
}

Result<void> Rig::make_tables(const Case& what)
{
    qsbr_ = GW_TRY(dpdk::Qsbr::create(what.workers));
    reclaimer_ = std::make_unique<dpdk::Reclaimer>(*qsbr_);
    sad_ = GW_TRY(sa::Sad::create(capacity(what), *reclaimer_));
    spd_ = GW_TRY(sa::Spd::create(what.workers, *reclaimer_));
    tables_ = GW_TRY(route::Tables::create(*reclaimer_));
    punt_ = GW_TRY(worker::PuntQueue::create(kPuntSlots));
    data_.sad = sad_.get();
    data_.spd = spd_.get();
    data_.tables = tables_.get();
    data_.qsbr = qsbr_.get();
    data_.punt = punt_.get();
    data_.pool = pool_->get();
    data_.engines = engines_.get();
    return {};
}

Result<void> Rig::make_workers(const Case& what)
{
    for (uint16_t index = 0; index < what.workers; index++)
        workers_.push_back(GW_TRY(worker::Worker::create(data_, index, -1)));
    worker::Worker::link(workers_);
    return {};
}

Result<void> Rig::make_control()
{
    control::ControlPlane::Parts parts;
    parts.data = &data_;
    parts.reclaimer = reclaimer_.get();
    parts.engines = engines_.get();
    parts.provider = provider_.get();
    for (const auto& worker : workers_) {
        parts.workers.push_back(worker.get());
        parts.lcores.push_back(worker->index() + 1u);
    }
    control_ = std::make_unique<control::ControlPlane>(std::move(parts));
    model::Gateway base;
    base.routes = {{net::Prefix{address(kFirstPeerHost), 9}, address(kPeerGateway), "outside"}};
    base.neighbours = {{"inside", address(kOurHost), station(5)}, {"outside", address(kPeerGateway), station(2)}};
    return control_->load(base);
}

Result<void> Rig::install(const Case& what)
{
    for (uint32_t number = 0; number < what.all_policies(); number++)
        GW_TRY(control_->add_policy(policy_of(what, number)));
    const double before = resident_bytes();
    for (uint32_t number = 0; number < what.sas; number++)
        GW_TRY(install_one(what, number));
    bytes_per_sa_ = (resident_bytes() - before) / what.sas;
    return {};
}

model::SaParams Rig::params_of(const Case& what, uint32_t number)
{
    model::SaParams params;
    params.name = sa_name(number);
    params.direction = what.direction;
    params.spi = kFirstSpi + number;
    params.local = address(kOurGateway);
    params.remote = address(kPeerGateway);
    params.suite = what.suite;
    params.keymat = keymat_of(what.suite);
    params.engine = what.engine;
    params.hw_offload = offload_of(what.kind);
    if (what.direction == model::Direction::kInbound)
        params.worker = static_cast<uint16_t>(number % what.workers);
    return params;
}

model::Policy Rig::policy_of(const Case& what, uint32_t number)
{
    model::Policy policy;
    policy.name = policy_name(number);
    policy.local = {{net::Prefix{address(kOurHost & ~0xffffu), 16}, 0, {}}};
    if (number >= what.sas) {
        // Nets of the sizes that people use, where the case's packets do not go.
        constexpr std::array<uint8_t, 4> kLengths = {32, 30, 28, 24};
        policy.action = model::Action::kDiscard;
        policy.remote = {{net::Prefix{address(kFirstOtherNet + (number << 8)), kLengths[number % kLengths.size()]}, 0, {}}};
        return policy;
    }
    policy.action = model::Action::kProtect;
    policy.remote = {{net::Prefix{address(kFirstPeerHost + number), 32}, 0, {}}};
    if (what.direction == model::Direction::kOutbound)
        policy.outbound_sa = sa_name(number);
    else
        policy.inbound_sas = {sa_name(number)};
    return policy;
}

Result<void> Rig::install_one(const Case& what, uint32_t number)
{
    model::SaParams params = params_of(what, number);
    set_spi(number, params.spi);
    return control_->install_sa(std::move(params));
}

control::SaStatus Rig::first_sa() const
{
    return control_->list_sas({}, 1).at(0);
}

std::string Rig::drops() const
{
    std::vector<std::string> words;
    for (const auto& row : control_->drops())
        if (row.packets != 0)
            words.push_back(
                base::format("%s %llu", std::string(row.reason).c_str(), static_cast<unsigned long long>(row.packets)));
    return base::join(words);
}

}  // namespace ipsecgw::bench
