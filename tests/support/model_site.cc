#include "support/model_site.h"

#include <dlfcn.h>
#include <stdexcept>

#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/text.h"
#include "support/gateway.h"
#include "worker/packet_info.h"

namespace ipsecgw::test {

namespace {

constexpr uint32_t kLanSlots = 4096;
constexpr uint32_t kWireSlots = 4096;
constexpr uint32_t kMbufs = 16383;

int other(int number)
{
    return 3 - number;
}

/// The driver registers itself when it is loaded.
void load_driver()
{
    static const bool loaded = dlopen(IPSECGW_MODEL_DRIVER, RTLD_NOW | RTLD_GLOBAL) != nullptr;
    if (!loaded)
        throw std::runtime_error(dlerror());
}

int next_number()
{
    static int number = 0;
    return number++;
}

std::vector<uint8_t> rss_key()
{
    std::vector<uint8_t> key(52);
    for (size_t i = 0; i < key.size(); i++)
        key[i] = static_cast<uint8_t>(i * 151 + 89);
    return key;
}

void drain(rte_ring* ring)
{
    void* m = nullptr;
    while (rte_ring_dequeue(ring, &m) == 0)
        rte_pktmbuf_free(static_cast<rte_mbuf*>(m));
}

std::vector<dpdk::Ring> rings(size_t count, uint32_t slots)
{
    std::vector<dpdk::Ring> made;
    for (size_t i = 0; i < count; i++)
        made.push_back(must(dpdk::Ring::create(slots, dpdk::Producers::kMany, SOCKET_ID_ANY)));
    return made;
}

std::vector<rte_ring*> bare(const std::vector<dpdk::Ring>& owners)
{
    std::vector<rte_ring*> all;
    for (const auto& ring : owners)
        all.push_back(ring.get());
    return all;
}

}  // namespace

ModelSite::ModelSite(int number, const ModelSiteSpec& spec, rte_mempool* pool, rte_ring* from_wire, rte_ring* to_wire)
    : number_(number), pool_(pool)
{
    open_lan(spec.workers);
    open_wan(spec, from_wire, to_wire);
    make_engines(spec);
    make_tables(spec);
    make_control(spec);
}

void ModelSite::open_lan(uint16_t workers)
{
    lan_in_ = rings(workers, kLanSlots);
    lan_out_ = rings(workers, kLanSlots);
    auto in = bare(lan_in_), out = bare(lan_out_);
    const std::string name = base::format("lan%d", next_number());
    if (rte_eth_from_rings(name.c_str(), in.data(), workers, out.data(), workers, 0) < 0)
        throw std::runtime_error("no ring port " + name);
    lan_device_ = "net_ring_" + name;
    lan_ = std::make_unique<dpdk::Port>(
        must(dpdk::Port::open({.name = "lan", .device = lan_device_, .workers = workers}, pool_)));
    must(lan_->start());
    const std::string n = std::to_string(number_);
    add_view(*lan_, "lan", model::PortRole::kProtected, {"10." + n + ".0.1/24"});
}

void ModelSite::open_wan(const ModelSiteSpec& spec, rte_ring* from_wire, rte_ring* to_wire)
{
    load_driver();
    const int id = next_number();
    const std::string name = base::format("wire%d", id);
    if (rte_eth_from_rings(name.c_str(), &from_wire, 1, &to_wire, 1, 0) < 0)
        throw std::runtime_error("no ring port " + name);
    wire_ = "net_ring_" + name;
    model_ = base::format("net_inline_ipsec%d", id);
    std::string arguments = base::format("backing=%s,queues=%u", wire_.c_str(), spec.workers);
    if (!spec.model.empty())
        arguments += "," + spec.model;
    if (rte_vdev_init(model_.c_str(), arguments.c_str()) != 0)
        throw std::runtime_error("no model port with " + arguments);
    wan_ = std::make_unique<dpdk::Port>(must(
        dpdk::Port::open({.name = "wan", .device = model_, .workers = spec.workers, .rss_key = rss_key()}, pool_)));
    must(wan_->start());
    const std::string n = std::to_string(number_);
    add_view(*wan_, "wan", model::PortRole::kUnprotected, {"192.0.2." + n + "/24", "2001:db8:ff::" + n + "/64"});
}

void ModelSite::add_view(const dpdk::Port& port, const std::string& name, model::PortRole role,
                         const std::vector<std::string>& addresses)
{
    worker::PortView view;
    view.index = static_cast<uint16_t>(data_.ports.size());
    view.port_id = port.id();
    view.name = name;
    view.role = role;
    view.mac.bytes = {0x02, 0, 0, 0, static_cast<uint8_t>(number_), static_cast<uint8_t>(view.index)};
    for (const auto& address : addresses)
        view.addresses.push_back(must(net::Prefix::parse(address)));
    view.rx_queues = port.rx_queues();
    view.tx_queues = port.tx_queues();
    data_.ports.push_back(std::move(view));
}

void ModelSite::make_engines(const ModelSiteSpec& spec)
{
    esp::Engines::Options options{.workers = spec.workers, .max_sas = spec.max_sas};
    if (!spec.crypto_driver.empty()) {
        crypto_device_ = base::format("%s_m%d", spec.crypto_driver.c_str(), next_number());
        const std::string arguments = base::format("max_nb_queue_pairs=%u", spec.workers);
        if (rte_vdev_init(crypto_device_.c_str(), arguments.c_str()) != 0)
            throw std::runtime_error("no crypto device " + crypto_device_);
        options.look_aside = {crypto_device_};
    }
    engines_ = must(esp::Engines::create(options));
}

void ModelSite::make_tables(const ModelSiteSpec& spec)
{
    qsbr_ = must(dpdk::Qsbr::create(spec.workers));
    reclaimer_ = std::make_unique<dpdk::Reclaimer>(*qsbr_);
    spd_ = must(sa::Spd::create(spec.workers, *reclaimer_));
    sad_ = must(sa::Sad::create(spec.max_sas, *reclaimer_));
    tables_ = must(route::Tables::create(*reclaimer_));
    punt_ = must(worker::PuntQueue::create(1024));
    data_.workers = spec.workers;
    data_.sad = sad_.get();
    data_.spd = spd_.get();
    data_.tables = tables_.get();
    data_.qsbr = qsbr_.get();
    data_.punt = punt_.get();
    data_.pool = pool_;
    data_.engines = engines_.get();
    data_.icmp_errors = false;
    data_.idle_sleep_us = 20;  // on threads: there are more of them than cores
}

void ModelSite::make_control(const ModelSiteSpec& spec)
{
    const uint16_t port_id = wan_->id();
    const offload::Steering::Port outside{port_id, wan_->rx_queues(), spec.dialect};
    steering_ = offload::Steering::create({&outside, 1}, spec.workers, rss_key());
    events_ = must(dpdk::PortEvents::create({&port_id, 1}));
    provider_ = must(offload::RteSecurityProvider::create({&port_id, 1}, spec.max_sas, SOCKET_ID_ANY));
    control::ControlPlane::Parts parts;
    parts.data = &data_;
    parts.reclaimer = reclaimer_.get();
    parts.engines = engines_.get();
    parts.provider = provider_.get();
    parts.steering = steering_.get();
    parts.port_events = events_.get();
    parts.version = "test";
    parts.now_ns = spec.now_ns;
    for (uint16_t i = 0; i < spec.workers; i++) {
        workers_.push_back(must(worker::Worker::create(data_, i, SOCKET_ID_ANY)));
        parts.workers.push_back(workers_.back().get());
        parts.lcores.push_back(0);
    }
    worker::Worker::link(workers_);
    control_ = std::make_unique<control::ControlPlane>(std::move(parts));
    const std::string n = std::to_string(number_), m = std::to_string(other(number_));
    model::Gateway tables;
    tables.neighbours = {
        {"lan", must(net::IpAddress::parse("10." + n + ".0.5")), must(net::MacAddress::parse("02:aa:00:00:00:05"))}};
    for (const std::string& peer : {"192.0.2." + m, "2001:db8:ff::" + m})
        tables.neighbours.push_back(
            {"wan", must(net::IpAddress::parse(peer)), {{0x02, 0, 0, 0, static_cast<uint8_t>(other(number_)), 1}}});
    tables.routes = {
        {must(net::Prefix::parse("10." + m + ".0.0/24")), must(net::IpAddress::parse("192.0.2." + m)), "wan"}};
    must(control_->load(tables));
}

ModelSite::~ModelSite()
{
    stop();
    control_.reset();
    workers_.clear();
    punt_.reset();
    reclaimer_->poll(SIZE_MAX);
    sad_.reset();
    spd_.reset();
    tables_.reset();
    reclaimer_.reset();
    provider_.reset();
    steering_.reset();
    events_.reset();
    for (const auto& ring : lan_in_)
        drain(ring.get());
    for (const auto& ring : lan_out_)
        drain(ring.get());
    lan_.reset();
    wan_.reset();
    engines_.reset();
    if (!crypto_device_.empty())
        rte_vdev_uninit(crypto_device_.c_str());
    for (const std::string& device : {lan_device_, model_, wire_})
        rte_vdev_uninit(device.c_str());
}

control::SaStatus ModelSite::sa(const std::string& name) const
{
    for (auto& row : control_->list_sas({}, SIZE_MAX))
        if (row.name == name)
            return row;
    ADD_FAILURE() << "no SA is called " << name;
    return {};
}

uint64_t ModelSite::dropped(const std::string& reason) const
{
    for (const auto& row : control_->drops())
        if (row.reason == reason)
            return row.packets;
    ADD_FAILURE() << "no reason is called " << reason;
    return 0;
}

bool ModelSite::from_lan(const Bytes& packet, uint16_t queue)
{
    const Bytes bytes = frame(lan_mac().to_string(), "02:aa:00:00:00:05", packet);
    rte_mbuf* m = rte_pktmbuf_alloc(pool_);
    if (m == nullptr)
        throw std::runtime_error("no mbuf");
    std::copy(bytes.begin(), bytes.end(), rte_pktmbuf_append(m, static_cast<uint16_t>(bytes.size())));
    if (rte_ring_enqueue(lan_in(queue), m) == 0)
        return true;
    rte_pktmbuf_free(m);
    return false;
}

std::vector<Bytes> ModelSite::to_lan()
{
    std::vector<Bytes> packets;
    for (const auto& ring : lan_out_) {
        void* object = nullptr;
        while (rte_ring_dequeue(ring.get(), &object) == 0) {
            auto* m = static_cast<rte_mbuf*>(object);
            const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
            packets.push_back(without_ethernet(Bytes(data, data + m->pkt_len)));
            rte_pktmbuf_free(m);
        }
    }
    return packets;
}

uint32_t ModelSite::turn()
{
    uint32_t packets = 0;
    for (const auto& one : workers_)
        packets += one->turn();
    control_turn();
    return packets;
}

void ModelSite::control_turn()
{
    const uint64_t now = base::monotonic_ns();
    control_->handle_punts(now);
    control_->tick(now);
}

void ModelSite::start()
{
    for (const auto& one : workers_)
        threads_.emplace_back([&one] { one->run(); });
}

void ModelSite::stop()
{
    if (threads_.empty())
        return;
    for (const auto& one : workers_)
        one->stop();
    for (auto& thread : threads_)
        thread.join();
    threads_.clear();
}

ModelPair::ModelPair(const ModelSiteSpec& first, const ModelSiteSpec& second, Wires wires)
    : pool_(
          std::make_unique<dpdk::MbufPool>(must(dpdk::MbufPool::create({.name = base::format("pair%d", next_number()),
                                                                        .count = kMbufs,
                                                                        .private_bytes = worker::kPacketInfoBytes})))),
      wires_(rings(wires == Wires::kDirect ? 2 : 4, kWireSlots))
{
    sites_.push_back(std::make_unique<ModelSite>(1, first, pool_->get(), arrival(1), wire(1)));
    sites_.push_back(std::make_unique<ModelSite>(2, second, pool_->get(), arrival(2), wire(2)));
}

ModelPair::~ModelPair()
{
    sites_.clear();
    for (const auto& ring : wires_)
        drain(ring.get());
    EXPECT_EQ(pool_->in_use(), 0u) << "mbufs leaked";
}

void ModelPair::run()
{
    for (uint32_t packets = 1; packets != 0;)
        packets = site(1).turn() + site(2).turn();
}

model::SaParams model_sa(const std::string& name, int from, model::Direction direction, uint32_t spi,
                         model::HwOffload offload)
{
    model::SaParams sa;
    sa.name = name;
    sa.direction = direction;
    sa.spi = spi;
    const int local = direction == model::Direction::kOutbound ? from : other(from);
    sa.local = must(net::IpAddress::parse("192.0.2." + std::to_string(local)));
    sa.remote = must(net::IpAddress::parse("192.0.2." + std::to_string(other(local))));
    sa.suite = {model::Encryption::kAesGcm16, 128, model::Integrity::kNone};
    sa.keymat = base::SecretBytes(sa.suite.layout().keymat_bytes());
    for (size_t i = 0; i < sa.keymat.mutable_view().size(); i++)
        sa.keymat.mutable_view()[i] = static_cast<uint8_t>(spi >> (i % 4 * 8));
    sa.hw_offload = offload;
    return sa;
}

model::Policy model_policy(int number, const std::string& outbound_sa, std::vector<std::string> inbound_sas)
{
    model::Policy policy;
    policy.name = "tunnel";
    policy.action = model::Action::kProtect;
    policy.local = {must(model::TrafficSelector::parse("10." + std::to_string(number) + ".0.0/24"))};
    policy.remote = {must(model::TrafficSelector::parse("10." + std::to_string(other(number)) + ".0.0/24"))};
    policy.outbound_sa = outbound_sa;
    policy.inbound_sas = std::move(inbound_sas);
    return policy;
}

Bytes model_packet(int from, const Bytes& text)
{
    const std::string n = std::to_string(from), m = std::to_string(other(from));
    return udp_packet({.source = "10." + n + ".0.5", .destination = "10." + m + ".0.5"}, 1000, 2000, text);
}

}  // namespace ipsecgw::test
