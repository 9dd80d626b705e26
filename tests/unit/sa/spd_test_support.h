// Short ways to write policies and packets.
#pragma once

#include <cstring>
#include <string>
#include <utility>

#include "model/policy.h"
#include "sa/flow_key.h"

namespace ipsecgw::sa::test {

inline constexpr uint8_t kIcmp = 1;
inline constexpr uint8_t kTcp = 6;
inline constexpr uint8_t kUdp = 17;

inline model::TrafficSelector selector(const char* prefix, uint8_t protocol = 0, net::PortRange ports = {})
{
    return {std::move(net::Prefix::parse(prefix)).value(), protocol, ports};
}

inline model::Policy policy(std::string name, uint32_t priority, const model::TrafficSelector& local,
                            const model::TrafficSelector& remote)
{
    model::Policy p;
    p.name = std::move(name);
    p.priority = priority;
    p.action = model::Action::kBypass;
    p.local = {local};
    p.remote = {remote};
    return p;
}

struct Ports {
    uint16_t source;
    uint16_t destination;
};

inline FlowKey packet(const char* source, const char* destination, uint8_t protocol = kUdp, Ports ports = {1000, 2000})
{
    const auto from = std::move(net::IpAddress::parse(source)).value();
    const auto to = std::move(net::IpAddress::parse(destination)).value();
    FlowKey key{};
    std::memcpy(key.source, from.data(), 16);
    std::memcpy(key.destination, to.data(), 16);
    key.family = from.family();
    key.protocol = protocol;
    key.source_port = ports.source;
    key.destination_port = ports.destination;
    key.ports_known = true;
    return key;
}

/// A fragment after the first: addresses and protocol, no ports.
inline FlowKey fragment(const char* source, const char* destination, uint8_t protocol = kUdp)
{
    FlowKey key = packet(source, destination, protocol, {0, 0});
    key.ports_known = false;
    return key;
}

}  // namespace ipsecgw::sa::test
