#include "model/differences.h"

#include <algorithm>
#include <optional>
#include <tuple>
#include <utility>

namespace ipsecgw::model {
namespace {

std::optional<std::pair<uint16_t, uint16_t>> values(const std::optional<UdpEncapsulation>& udp)
{
    return udp ? std::optional(std::pair(udp->local_port, udp->remote_port)) : std::nullopt;
}
auto values(const Lifetime& life)
{
    return std::tie(life.soft_packets, life.hard_packets, life.soft_bytes, life.hard_bytes, life.soft_seconds,
                    life.hard_seconds);
}
auto values(const TunnelHeader& header)
{
    return std::tie(header.dscp, header.copy_dscp_inward, header.ecn, header.df, header.copy_flow_label,
                    header.hop_limit);
}
auto values(const LocalAuth& auth)
{
    return std::tie(auth.auth, auth.id, auth.certs);
}
auto values(const RemoteAuth& auth)
{
    return std::tie(auth.auth, auth.id, auth.certs, auth.cacerts, auth.revocation);
}
auto values(const RekeyLimit& limit)
{
    return std::tie(limit.rekey, limit.life, limit.rand);
}
bool are_same(const ChildConfig& a, const ChildConfig& b)
{
    const auto rest = [](const ChildConfig& child) {
        return std::tie(child.name, child.esp_proposals, child.mode, child.local_ts, child.remote_ts, child.start_action,
                        child.close_action, child.dpd_action, child.inactivity_s, child.priority, child.replay_window,
                        child.hw_offload, child.engine, child.tfc_pad_to);
    };
    return rest(a) == rest(b) && values(a.time_s) == values(b.time_s) && values(a.bytes) == values(b.bytes) &&
           values(a.packets) == values(b.packets) && values(a.tunnel) == values(b.tunnel);
}

/// Collects the names of what differs.
class Names {
  public:
    template <class T>
    Names& add(const char* name, const T& a, const T& b)
    {
        if (!(a == b))
            names_.emplace_back(name);
        return *this;
    }
    std::vector<std::string> take() { return std::move(names_); }

  private:
    std::vector<std::string> names_;
};

}  // namespace

std::vector<std::string> differences(const SaParams& a, const SaParams& b)
{
    const bool same_proposal = a.suite == b.suite && a.esn == b.esn;
    return Names()
        .add("direction", a.direction, b.direction)
        .add("spi", a.spi, b.spi)
        .add("mode", a.mode, b.mode)
        .add("local", a.local, b.local)
        .add("remote", a.remote, b.remote)
        .add("proposal", same_proposal, true)
        .add("replay_window", a.replay_window, b.replay_window)
        .add("udp_encap", values(a.udp), values(b.udp))
        .add("dscp", a.tunnel.dscp, b.tunnel.dscp)
        .add("copy_dscp", a.tunnel.copy_dscp_inward, b.tunnel.copy_dscp_inward)
        .add("ecn", a.tunnel.ecn, b.tunnel.ecn)
        .add("df", a.tunnel.df, b.tunnel.df)
        .add("copy_flow_label", a.tunnel.copy_flow_label, b.tunnel.copy_flow_label)
        .add("hop_limit", a.tunnel.hop_limit, b.tunnel.hop_limit)
        .add("tfc_padding", a.tfc_pad_to, b.tfc_pad_to)
        .add("lifetime", values(a.lifetime), values(b.lifetime))
        .add("hw_offload", a.hw_offload, b.hw_offload)
        .add("engine", a.engine, b.engine)
        .add("worker", a.worker, b.worker)
        .add("tunnel", a.tunnel_name, b.tunnel_name)
        .add("first_sequence", a.first_sequence, b.first_sequence)
        .take();
}

std::vector<std::string> differences(const Policy& a, const Policy& b)
{
    return Names()
        .add("priority", a.priority, b.priority)
        .add("action", a.action, b.action)
        .add("direction", a.direction, b.direction)
        .add("local_ts", a.local, b.local)
        .add("remote_ts", a.remote, b.remote)
        .add("sa", a.outbound_sa, b.outbound_sa)
        .add("sa_in", a.inbound_sas, b.inbound_sas)
        .take();
}

std::vector<std::string> differences(const Port& a, const Port& b)
{
    return Names()
        .add("device", a.device, b.device)
        .add("role", a.role, b.role)
        .add("addresses", a.addresses, b.addresses)
        .add("mtu", a.mtu, b.mtu)
        .add("rx_descriptors", a.rx_descriptors, b.rx_descriptors)
        .add("tx_descriptors", a.tx_descriptors, b.tx_descriptors)
        .add("promiscuous", a.promiscuous, b.promiscuous)
        .take();
}

std::vector<std::string> differences(const Settings& a, const Settings& b)
{
    return Names()
        .add("control_socket", a.control_socket, b.control_socket)
        .add("engine", a.engine, b.engine)
        .add("lookaside", a.look_aside, b.look_aside)
        .add("max_sas", a.max_sas, b.max_sas)
        .add("mbufs", a.mbufs, b.mbufs)
        .add("reassembly", a.reassembly, b.reassembly)
        .add("icmp_errors", a.icmp_errors, b.icmp_errors)
        .add("nat_keepalive_seconds", a.nat_keepalive_seconds, b.nat_keepalive_seconds)
        .add("ike_retransmit_timeout_ms", a.ike_retransmit_timeout_ms, b.ike_retransmit_timeout_ms)
        .add("ike_retransmit_tries", a.ike_retransmit_tries, b.ike_retransmit_tries)
        .add("idle_sleep_us", a.idle_sleep_us, b.idle_sleep_us)
        .add("reassembly", a.reassembly, b.reassembly)
        .add("ike_retransmit_timeout_ms", a.ike_retransmit_timeout_ms, b.ike_retransmit_timeout_ms)
        .add("ike_retransmit_tries", a.ike_retransmit_tries, b.ike_retransmit_tries)
        .take();
}

std::vector<std::string> differences(const IkeConnection& a, const IkeConnection& b)
{
    const bool same_children = a.children.size() == b.children.size() &&
                               std::equal(a.children.begin(), a.children.end(), b.children.begin(), are_same);
    return Names()
        .add("local_addrs", a.local_addrs, b.local_addrs)
        .add("remote_addrs", a.remote_addrs, b.remote_addrs)
        .add("local_port", a.local_port, b.local_port)
        .add("remote_port", a.remote_port, b.remote_port)
        .add("proposals", a.proposals, b.proposals)
        .add("encap", a.encap, b.encap)
        .add("dpd_delay", a.dpd_delay_s, b.dpd_delay_s)
        .add("keyingtries", a.keyingtries, b.keyingtries)
        .add("unique", a.unique, b.unique)
        .add("rekey_time", a.rekey_time_s, b.rekey_time_s)
        .add("over_time", a.over_time_s, b.over_time_s)
        .add("rand_time", a.rand_time_s, b.rand_time_s)
        .add("fragmentation", a.fragmentation, b.fragmentation)
        .add("childless", a.childless, b.childless)
        .add("send_cert", a.send_cert, b.send_cert)
        .add("send_certreq", a.send_certreq, b.send_certreq)
        .add("ppk_id", a.ppk_id, b.ppk_id)
        .add("ppk_required", a.ppk_required, b.ppk_required)
        .add("local", values(a.local), values(b.local))
        .add("remote", values(a.remote), values(b.remote))
        .add("children", same_children, true)
        .take();
}

std::vector<std::string> differences(const Metrics& a, const Metrics& b)
{
    return Names()
        .add("address", a.address, b.address)
        .add("port", a.port, b.port)
        .add("socket", a.socket, b.socket)
        .add("max_tunnels", a.max_tunnels, b.max_tunnels)
        .take();
}

}  // namespace ipsecgw::model
