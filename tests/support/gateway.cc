#include "support/gateway.h"

#include <array>
#include <stdexcept>

#include <gtest/gtest.h>
#include <rte_bus_vdev.h>
#include <rte_eth_ring.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#include "base/text.h"
#include "esp/factory.h"
#include "worker/packet_info.h"

namespace ipsecgw::test {

namespace {

int next_number()
{
    static int number = 0;
    return number++;
}

std::vector<model::TrafficSelector> selectors(const std::vector<std::string>& texts)
{
    std::vector<model::TrafficSelector> all;
    for (const auto& text : texts)
        all.push_back(must(model::TrafficSelector::parse(text)));
    return all;
}

std::vector<Bytes> drain(rte_ring* ring)
{
    std::vector<Bytes> frames;
    void* object = nullptr;
    while (rte_ring_dequeue(ring, &object) == 0) {
        auto* m = static_cast<rte_mbuf*>(object);
        const auto* data = rte_pktmbuf_mtod(m, const uint8_t*);
        frames.emplace_back(data, data + m->pkt_len);
        rte_pktmbuf_free(m);
    }
    return frames;
}

}  // namespace

Gateway::Gateway(const GatewaySpec& spec) : kind_(spec.kind), number_(next_number())
{
    uint16_t mtu = 1500;
    for (const auto& port : spec.ports)
        mtu = std::max(mtu, port.mtu);
    pool_ = std::make_unique<dpdk::MbufPool>(must(dpdk::MbufPool::create({.name = "gw" + std::to_string(number_),
                                                                          .count = spec.mbufs,
                                                                          .private_bytes = worker::kPacketInfoBytes,
                                                                          .largest_mtu = mtu})));
    qsbr_ = must(dpdk::Qsbr::create(spec.workers));
    reclaimer_ = std::make_unique<dpdk::Reclaimer>(*qsbr_);
    data_.workers = spec.workers;
    make_engines();
    spd_ = must(sa::Spd::create(spec.workers, *reclaimer_));
    sad_ = must(sa::Sad::create(256, *reclaimer_));
    tables_ = must(route::Tables::create(*reclaimer_));
    punt_ = must(worker::PuntQueue::create(spec.punt_slots));
    data_.workers = spec.workers;
    data_.sad = sad_.get();
    data_.spd = spd_.get();
    data_.tables = tables_.get();
    data_.qsbr = qsbr_.get();
    data_.punt = punt_.get();
    data_.pool = pool_->get();
    data_.engines = engines_.get();
    data_.icmp_errors = spec.icmp_errors;
    data_.reassembly = spec.reassembly;
    for (const auto& port : spec.ports)
        add_port(port, static_cast<uint16_t>(data_.ports.size()));
    if (is_inline(kind_))
        make_provider();
    for (uint16_t i = 0; i < spec.workers; i++)
        workers_.push_back(must(worker::Worker::create(data_, i, SOCKET_ID_ANY)));
    worker::Worker::link(workers_);
    add_connected_routes();
}

Gateway::~Gateway()
{
    if (turns_)
        run();
    for (auto& port : ports_) {
        for (const auto& ring : port.rx)
            drain(ring.get());
        for (const auto& ring : port.tx)
            drain(ring.get());
    }
    workers_.clear();
    punt_.reset();
    tables_.reset();
    sad_.reset();
    spd_.reset();
    reclaimer_.reset();  // frees SAs, so before their engines
    in_ports_.clear();
    provider_.reset();
    for (auto& port : ports_) {
        port.port.reset();
        for (auto device = port.devices.rbegin(); device != port.devices.rend(); ++device)
            rte_vdev_uninit(device->c_str());
    }
    EXPECT_EQ(pool_->in_use(), 0u) << "mbufs leaked";
    engines_.reset();
    if (!crypto_device_.empty())
        rte_vdev_uninit(crypto_device_.c_str());
}

void Gateway::make_engines()
{
    esp::Engines::Options options{.workers = data_.workers, .max_sas = 64};
    if (kind_ == sa::OffloadKind::kLookAside) {
        crypto_device_ = base::format("%s_t%d", look_aside_driver().c_str(), number_);
        const std::string arguments = base::format("max_nb_queue_pairs=%u", data_.workers);
        if (rte_vdev_init(crypto_device_.c_str(), arguments.c_str()) != 0)
            throw std::runtime_error("no crypto device " + crypto_device_);
        options.look_aside = {crypto_device_};
    }
    engines_ = must(esp::Engines::create(options));
}

void Gateway::make_provider()
{
    std::vector<uint16_t> ids;
    for (const auto& port : data_.ports)
        if (port.role != model::PortRole::kProtected)
            ids.push_back(port.port_id);
    provider_ = must(offload::RteSecurityProvider::create(ids, 256, SOCKET_ID_ANY));
}

std::unique_ptr<offload::Installed> Gateway::put_into_port(const model::SaParams& params, sa::SaTag tag, uint16_t owner)
{
    if (!is_inline(kind_))
        return nullptr;
    for (const auto& port : data_.ports)
        if (port.role != model::PortRole::kProtected) {
            const uint16_t queue = port.rx_queues == 0 ? uint16_t{0} : static_cast<uint16_t>(owner % port.rx_queues);
            return must(provider_->prepare(params, kind_, tag, {port.port_id, queue, port.rx_queues}));
        }
    throw std::runtime_error("no port faces the unprotected side");
}

void Gateway::take_out_of_port(std::map<const void*, std::unique_ptr<offload::Installed>>::iterator at)
{
    reclaimer_->retire(std::move(at->second));
    in_ports_.erase(at);
}

void Gateway::add_port(const PortSpec& spec, uint16_t index)
{
    PortParts parts;
    const auto queues = [&](uint16_t wanted) { return wanted == 0 ? data_.workers : wanted; };
    const uint16_t rx = queues(spec.rx_queues), tx = queues(spec.tx_queues);
    std::vector<rte_ring*> rx_rings, tx_rings;
    for (uint16_t i = 0; i < rx; i++) {
        parts.rx.push_back(must(dpdk::Ring::create(4096, dpdk::Producers::kOne, SOCKET_ID_ANY)));
        rx_rings.push_back(parts.rx.back().get());
    }
    for (uint16_t i = 0; i < tx; i++) {
        parts.tx.push_back(must(dpdk::Ring::create(spec.tx_slots, dpdk::Producers::kOne, SOCKET_ID_ANY)));
        tx_rings.push_back(parts.tx.back().get());
    }
    const std::string name = base::format("g%dp%u", number_, index);
    if (rte_eth_from_rings(name.c_str(), rx_rings.data(), rx, tx_rings.data(), tx, 0) < 0)
        throw std::runtime_error("no ring port " + name);
    parts.devices.push_back("net_ring_" + name);
    if (is_inline(kind_) && spec.role != model::PortRole::kProtected) {
        if (const std::string why = why_kind_is_absent(kind_); !why.empty())
            throw std::runtime_error(why);
        const std::string arguments =
            base::format("backing=%s,queues=%u", parts.devices.front().c_str(), std::max(rx, tx));
        parts.devices.push_back("net_inline_ipsec_" + name);
        if (rte_vdev_init(parts.devices.back().c_str(), arguments.c_str()) != 0)
            throw std::runtime_error("no model NIC on " + name);
    }
    parts.port = std::make_unique<dpdk::Port>(must(dpdk::Port::open(
        {.name = spec.name, .device = parts.devices.back(), .workers = std::max(rx, tx), .mtu = spec.mtu},
        pool_->get())));
    must(parts.port->start());

    worker::PortView view;
    view.index = index;
    view.port_id = parts.port->id();
    view.name = spec.name;
    view.role = spec.role;
    view.mac.bytes = {0x02, 0, 0, 0, static_cast<uint8_t>(number_), static_cast<uint8_t>(index)};
    view.mtu = spec.mtu;
    for (const auto& address : spec.addresses)
        view.addresses.push_back(must(net::Prefix::parse(address)));
    view.rx_queues = rx;
    view.tx_queues = tx;
    data_.ports.push_back(view);
    ports_.push_back(std::move(parts));
}

void Gateway::publish_routes()
{
    tables_->publish(must(route::Fib::build(routes_)));
}

void Gateway::add_connected_routes()
{
    for (const auto& port : data_.ports) {
        for (const auto& prefix : port.addresses)
            routes_.push_back({prefix.network(), {.port = port.index, .gateway = {}}});
    }
    publish_routes();
}

void Gateway::add_route(const std::string& prefix, uint16_t port, const std::string& via)
{
    route::FibEntry entry{must(net::Prefix::parse(prefix)), {.port = port, .gateway = {}}};
    if (!via.empty())
        entry.next_hop.gateway = must(net::IpAddress::parse(via));
    routes_.push_back(entry);
    publish_routes();
}

void Gateway::add_neighbour(uint16_t port, const std::string& address, const std::string& mac_text)
{
    neighbours_.push_back({port, must(net::IpAddress::parse(address)), must(net::MacAddress::parse(mac_text))});
    tables_->publish(std::make_unique<const route::NeighbourTable>(neighbours_));
}

void Gateway::set_selectors(sa::InboundSa& sa, const std::vector<std::string>& local,
                            const std::vector<std::string>& remote)
{
    std::vector<sa::SelectorSet::Pair> pairs;
    for (const auto& ours : selectors(local)) {
        for (const auto& theirs : selectors(remote)) {
            if (ours.prefix.family() == theirs.prefix.family())
                pairs.push_back({ours, theirs});
        }
    }
    spd_->set_selectors(sa, std::make_unique<const sa::SelectorSet>(pairs));
}

sa::InboundSa& Gateway::add_inbound(const model::SaParams& params, const std::vector<std::string>& local,
                                    const std::vector<std::string>& remote, uint16_t owner)
{
    auto installed = put_into_port(params, sad_->next_inbound_tag(), owner);
    auto built = must(esp::build_inbound(params, owner, *engines_, SOCKET_ID_ANY, kind_));
    sa::InboundSa* sa = must(sad_->publish(std::move(built.sa)));
    if (!local.empty())
        set_selectors(*sa, local, remote);
    if (installed != nullptr) {
        must(installed->activate());
        in_ports_[sa] = std::move(installed);
    }
    return *sa;
}

sa::OutboundSa& Gateway::add_outbound(const model::SaParams& params)
{
    auto installed = put_into_port(params, sad_->next_outbound_tag(), 0);
    auto built = must(esp::build_outbound(params, data_.workers, *engines_, SOCKET_ID_ANY, kind_));
    if (installed != nullptr) {
        const offload::PortSession session = installed->session();
        built.sa->session_context = session.context;
        built.sa->session = session.session;
        built.sa->session_port = session.port_id;
    }
    sa::OutboundSa* sa = must(sad_->adopt(std::move(built.sa)));
    if (installed != nullptr)
        in_ports_[sa] = std::move(installed);
    return *sa;
}

void Gateway::remove_inbound(uint32_t spi)
{
    // As control::Installer does.
    const sa::InboundSa* sa = sad_->find(spi);
    const auto at = in_ports_.find(sa);
    if (at != in_ports_.end())
        at->second->deactivate();
    if (sa != nullptr && kind_ != sa::OffloadKind::kLookAside)
        spd_->set_selectors(*sad_->find(spi), nullptr);
    must(sad_->retire_inbound(spi));
    if (at != in_ports_.end())
        take_out_of_port(at);
}

void Gateway::remove_outbound(const sa::OutboundSa& sa)
{
    const auto at = in_ports_.find(&sa);
    must(sad_->retire_outbound(sa.slot));
    if (at != in_ports_.end())
        take_out_of_port(at);
}

sa::PolicyEntry& Gateway::add_policy(const std::string& name, model::Action action,
                                     const std::vector<std::string>& local, const std::vector<std::string>& remote,
                                     sa::OutboundSa* sa, model::PolicyDirection direction, uint32_t priority)
{
    model::Policy policy;
    policy.name = name;
    policy.priority = priority;
    policy.action = action;
    policy.direction = direction;
    policy.local = selectors(local);
    policy.remote = selectors(remote);
    sa::PolicyEntry* entry = must(spd_->add(policy));
    entry->outbound.store(sa, std::memory_order_release);
    return *entry;
}

void Gateway::remove_policy(const std::string& name)
{
    must(spd_->remove(name));
}

void Gateway::receive_mbuf(uint16_t port, rte_mbuf* m, uint16_t queue)
{
    if (rte_ring_enqueue(ports_[port].rx[queue].get(), m) != 0)
        throw std::runtime_error("receive ring full");
}

void Gateway::receive(uint16_t port, const Bytes& frame, uint16_t queue)
{
    rte_mbuf* m = rte_pktmbuf_alloc(pool_->get());
    char* to = m == nullptr ? nullptr : rte_pktmbuf_append(m, static_cast<uint16_t>(frame.size()));
    if (to == nullptr)
        throw std::runtime_error("no mbuf, or the frame does not fit");
    std::copy(frame.begin(), frame.end(), to);
    receive_mbuf(port, m, queue);
}

void Gateway::receive_ip(uint16_t port, const Bytes& packet, uint16_t queue)
{
    receive(port, frame(mac(port), "02:bb:00:00:00:01", packet), queue);
}

void Gateway::run()
{
    for (uint32_t packets = 1; packets != 0;) {
        packets = 0;
        for (auto& one : workers_)
            packets += one->turn();
    }
}

std::vector<Bytes> Gateway::sent(uint16_t port)
{
    run();
    std::vector<Bytes> frames;
    for (const auto& ring : ports_[port].tx) {
        for (auto& bytes : drain(ring.get()))
            frames.push_back(std::move(bytes));
    }
    return frames;
}

std::vector<Bytes> Gateway::sent_ip(uint16_t port)
{
    std::vector<Bytes> packets;
    for (const auto& one : sent(port))
        packets.push_back(without_ethernet(one));
    return packets;
}

std::vector<Punted> Gateway::punted()
{
    run();
    std::vector<Punted> all;
    std::array<rte_mbuf*, 64> taken;
    while (const uint32_t count = punt_->take(taken)) {
        for (uint32_t i = 0; i < count; i++) {
            const auto& info = worker::info(taken[i]);
            const auto* data = rte_pktmbuf_mtod(taken[i], const uint8_t*);
            Punted one{info.punt,
                       info.in_port,
                       info.out_port,
                       {},
                       {data, data + taken[i]->pkt_len},
                       (taken[i]->ol_flags & RTE_MBUF_F_TX_SEC_OFFLOAD) != 0};
            if (one.why == worker::Punt::kResolve)
                one.next_hop = (info.next_hop_family == net::Family::kIpv4 ? net::IpAddress::v4(info.next_hop)
                                                                           : net::IpAddress::v6(info.next_hop))
                                   .to_string();
            all.push_back(std::move(one));
            rte_pktmbuf_free(taken[i]);
        }
    }
    return all;
}

uint64_t Gateway::drops(telemetry::Drop reason) const
{
    uint64_t sum = 0;
    for (const auto& one : workers_)
        sum += one->drops().count(reason);
    return sum;
}

uint64_t Gateway::all_drops() const
{
    uint64_t sum = 0;
    for (size_t i = 0; i < telemetry::kDropCount; i++)
        sum += drops(static_cast<telemetry::Drop>(i));
    return sum;
}

std::string Gateway::drop_report() const
{
    std::string text;
    for (size_t i = 0; i < telemetry::kDropCount; i++) {
        const auto reason = static_cast<telemetry::Drop>(i);
        if (drops(reason) != 0)
            text += std::string(telemetry::drop_name(reason)) + "=" + std::to_string(drops(reason)) + " ";
    }
    return text;
}

}  // namespace ipsecgw::test
