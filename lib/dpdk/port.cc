#include "dpdk/port.h"

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include <rte_ethdev.h>

#include "base/text.h"

namespace ipsecgw::dpdk {

using base::Error;
using base::ErrorCode;

namespace {

std::string device_name(uint16_t id)
{
    char name[RTE_ETH_NAME_MAX_LEN] = {};
    return rte_eth_dev_get_name_by_port(id, name) == 0 ? name : std::to_string(id);
}

ErrorCode code_of(int error)
{
    switch (error) {
        case -ENOTSUP:
            return ErrorCode::kUnsupported;
        case -EINVAL:
            return ErrorCode::kInvalidArgument;
        case -ENOMEM:
            return ErrorCode::kResourceExhausted;
        case -EPERM:
        case -EACCES:
            return ErrorCode::kPermissionDenied;
        case -ENODEV:
            return ErrorCode::kNotFound;
        default:
            return ErrorCode::kIo;
    }
}

Error failed(const std::string& port, const std::string& step, int error, std::string hint = {})
{
    // Some drivers return -1 and say why in their log alone.
    const std::string cause = error == -1 ? "the driver refused; its log line tells why" : rte_strerror(-error);
    return {code_of(error), "port " + port + ": " + step + ": " + cause, std::move(hint)};
}

/// What a gateway wants of the offloads, less what the port does not have.
void choose_offloads(rte_eth_conf& conf, const rte_eth_dev_info& info, const Port::Settings& settings)
{
    conf.rxmode.offloads = info.rx_offload_capa & (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_SECURITY);
    conf.txmode.offloads = info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_SECURITY;
    if (settings.one_pool)
        conf.txmode.offloads |= info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
}

/// `key` stays the caller's, and is read when the port is configured.
void choose_rss(rte_eth_conf& conf, const rte_eth_dev_info& info, uint16_t rx_queues, std::vector<uint8_t>& key)
{
    constexpr uint64_t kWanted = RTE_ETH_RSS_IP | RTE_ETH_RSS_TCP | RTE_ETH_RSS_UDP | RTE_ETH_RSS_ESP;
    const uint64_t offered = kWanted & info.flow_type_rss_offloads;
    if (rx_queues < 2 || offered == 0)
        return;
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = offered;
    if (info.hash_key_size == 0 || key.size() < info.hash_key_size)
        return;
    conf.rx_adv_conf.rss_conf.rss_key = key.data();
    conf.rx_adv_conf.rss_conf.rss_key_len = info.hash_key_size;
}

}  // namespace

base::Result<uint16_t> Port::find(const std::string& device)
{
    uint16_t id = 0;
    if (rte_eth_dev_get_port_by_name(device.c_str(), &id) == 0)
        return id;
    const auto number = base::parse_unsigned(device);
    if (number && *number < RTE_MAX_ETHPORTS && rte_eth_dev_is_valid_port(static_cast<uint16_t>(*number)) != 0)
        return static_cast<uint16_t>(*number);
    std::vector<std::string> known;
    for (id = 0; id < RTE_MAX_ETHPORTS; id++) {
        if (rte_eth_dev_is_valid_port(id) != 0)
            known.push_back(device_name(id));
    }
    std::string hint = known.empty() ? "DPDK found no port: give it one before \"--\", with -a ADDRESS or --vdev"
                                     : "DPDK has these ports: " + base::join(known);
    return Error{ErrorCode::kNotFound, "no port is called \"" + device + "\"", std::move(hint)};
}

base::Result<Port> Port::open(const Settings& settings, rte_mempool* pool)
{
    // From here on the object closes the port whatever fails.
    Port port(settings.name, GW_TRY(find(settings.device)));
    GW_TRY(port.configure(settings, pool));
    return port;
}

base::Result<void> Port::configure(const Settings& settings, rte_mempool* pool)
{
    rte_eth_dev_info info{};
    if (const int error = rte_eth_dev_info_get(id_, &info); error != 0)
        return failed(name_, "reading its capabilities", error);
    rx_queues_ = std::min(settings.workers, info.max_rx_queues);
    tx_queues_ = std::min(settings.workers, info.max_tx_queues);

    const uint32_t longest = settings.mtu + uint32_t{RTE_ETHER_HDR_LEN} + RTE_ETHER_CRC_LEN;
    if (settings.mtu > info.max_mtu || settings.mtu < info.min_mtu || longest > info.max_rx_pktlen)
        return Error{
            ErrorCode::kUnsupported,
            base::format("port %s: mtu %u: driver %s takes frames of %u to %u bytes", name_.c_str(), settings.mtu,
                         info.driver_name, info.min_mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN,
                         std::min<uint32_t>(info.max_rx_pktlen, info.max_mtu + RTE_ETHER_HDR_LEN + RTE_ETHER_CRC_LEN)),
            "set another mtu, or use another kind of port"};
    rte_eth_conf conf{};
    conf.rxmode.mtu = settings.mtu;
    choose_offloads(conf, info, settings);
    std::vector<uint8_t> rss_key = settings.rss_key;
    choose_rss(conf, info, rx_queues_, rss_key);
    conf.intr_conf.lsc = (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
    conf.intr_conf.rmv = (*info.dev_flags & RTE_ETH_DEV_INTR_RMV) != 0;
    if (const int error = rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &conf); error != 0)
        return failed(name_, base::format("configuring %u receive and %u transmit queues", rx_queues_, tx_queues_),
                      error);
    GW_TRY(set_mtu(settings.mtu));
    GW_TRY(set_queues(settings, pool));
    return set_filters(settings);
}

base::Result<void> Port::set_mtu(uint16_t mtu)
{
    // A port that has no such notion (ring, pcap) takes what comes.
    const int error = rte_eth_dev_set_mtu(id_, mtu);
    if (error != 0 && error != -ENOTSUP)
        return failed(name_, base::format("setting mtu %u", mtu), error);
    return {};
}

base::Result<void> Port::set_queues(const Settings& settings, rte_mempool* pool)
{
    rx_descriptors_ = settings.rx_descriptors;
    tx_descriptors_ = settings.tx_descriptors;
    if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_descriptors_, &tx_descriptors_); error != 0)
        return failed(name_, "choosing descriptors", error);
    for (uint16_t queue = 0; queue < rx_queues_; queue++) {
        const int error = rte_eth_rx_queue_setup(id_, queue, rx_descriptors_, SOCKET_ID_ANY, nullptr, pool);
        if (error != 0)
            return failed(name_, base::format("setting up receive queue %u of %u descriptors", queue, rx_descriptors_),
                          error,
                          "fewer descriptors or more memory; a driver may also want larger buffers than the mtu needs");
    }
    for (uint16_t queue = 0; queue < tx_queues_; queue++) {
        const int error = rte_eth_tx_queue_setup(id_, queue, tx_descriptors_, SOCKET_ID_ANY, nullptr);
        if (error != 0)
            return failed(name_, base::format("setting up transmit queue %u of %u descriptors", queue, tx_descriptors_),
                          error, "fewer descriptors or more memory");
    }
    return {};
}

base::Result<void> Port::set_filters(const Settings& settings)
{
    if (settings.promiscuous) {
        const int error = rte_eth_promiscuous_enable(id_);
        return error == 0 ? base::Result<void>() : failed(name_, "promiscuous mode", error);
    }
    // Neighbour discovery arrives by multicast (RFC 4861 section 7.2.1: the solicited-node group). A port that cannot
    // pass all multicast is opened wide instead; what is not ours drops in the worker. One that can do neither has no
    // filter (pcap, ring).
    if (rte_eth_allmulticast_enable(id_) != 0)
        rte_eth_promiscuous_enable(id_);
    return {};
}

base::Result<void> Port::start()
{
    if (const int error = rte_eth_dev_start(id_); error != 0)
        return failed(name_, "starting", error);
    started_ = true;
    return {};
}

void Port::stop() noexcept
{
    if (std::exchange(started_, false))
        rte_eth_dev_stop(id_);
}

Port::~Port()
{
    if (id_ == kNone)
        return;
    stop();
    rte_eth_dev_close(id_);
}

Port::Port(Port&& other) noexcept
    : name_(std::move(other.name_)),
      id_(std::exchange(other.id_, kNone)),
      rx_queues_(other.rx_queues_),
      tx_queues_(other.tx_queues_),
      rx_descriptors_(other.rx_descriptors_),
      tx_descriptors_(other.tx_descriptors_),
      started_(std::exchange(other.started_, false))
{
}

Port& Port::operator=(Port&& other) noexcept
{
    std::swap(name_, other.name_);
    std::swap(id_, other.id_);
    std::swap(rx_queues_, other.rx_queues_);
    std::swap(tx_queues_, other.tx_queues_);
    std::swap(rx_descriptors_, other.rx_descriptors_);
    std::swap(tx_descriptors_, other.tx_descriptors_);
    std::swap(started_, other.started_);
    return *this;
}

std::array<uint8_t, 6> Port::mac() const noexcept
{
    rte_ether_addr address{};
    rte_eth_macaddr_get(id_, &address);
    return std::to_array(address.addr_bytes);
}

std::string Port::driver() const
{
    rte_eth_dev_info info{};
    return rte_eth_dev_info_get(id_, &info) == 0 ? info.driver_name : device_name(id_);
}

int Port::socket() const noexcept
{
    return rte_eth_dev_socket_id(id_);
}

LinkStatus Port::link() const noexcept
{
    rte_eth_link link{};
    if (rte_eth_link_get_nowait(id_, &link) != 0)
        return {};
    const uint32_t speed = link.link_speed == RTE_ETH_SPEED_NUM_UNKNOWN ? 0 : link.link_speed;
    return {link.link_status == RTE_ETH_LINK_UP, speed};
}

}  // namespace ipsecgw::dpdk
