#include "app/doctor/ports.h"

#include <array>
#include <filesystem>
#include <utility>

#include <rte_ethdev.h>
#include <rte_version.h>

#include "base/text.h"
#include "crypto/about.h"
#include "dpdk/mbuf_pool.h"
#include "dpdk/port.h"
#include "offload/flow_rule_spec.h"
#include "offload/rte_security_provider.h"

namespace ipsecgw::app::doctor {
namespace {

/// Whether the port takes a rule for one SPI to a queue; the driver's own words when it does not.
std::pair<bool, std::string> takes_spi_rule(uint16_t port)
{
    offload::FlowRuleSpec spec;
    spec.match_eth = true;
    spec.family = net::Family::kIpv4;
    spec.match_esp = true;
    spec.spi = 0x1000;
    spec.queue = 0;
    const auto rule = spec.create(port);
    return {rule.has_value(), rule ? "" : rule.error().what};
}

std::string device_name(uint16_t port)
{
    std::array<char, RTE_ETH_NAME_MAX_LEN> name{};
    return rte_eth_dev_get_name_by_port(port, name.data()) == 0 ? name.data() : std::to_string(port);
}

/// Everything about one port that is set up.
std::vector<Finding> look_at(const dpdk::Port& port, const std::string& name)
{
    std::vector<Finding> out;
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(port.id(), &info) != 0)
        return {{Verdict::kBad, name, "says nothing about itself", ""}};
    out.push_back({Verdict::kGood, name,
                   base::format("driver %s, up to %u rx and %u tx queues, MTU up to %u, link %s", port.driver().c_str(),
                                info.max_rx_queues, info.max_tx_queues, info.max_mtu, port.link().up ? "up" : "down"),
                   ""});
    const bool rss = (info.flow_type_rss_offloads & RTE_ETH_RSS_ESP) != 0;
    const auto [rule, why_not] = takes_spi_rule(port.id());
    out.push_back({rss || rule ? Verdict::kGood : Verdict::kNote, name + " steering",
                   std::string("RSS on the SPI: ") + (rss ? "yes" : "no") +
                       "; flow rule ESP(spi) to a queue: " + (rule ? "yes" : "no (" + why_not + ")"),
                   rss || rule ? "" : "workers hand inbound ESP to its owner by ring"});
    const std::array<uint16_t, 1> ids = {port.id()};
    const auto provider = offload::RteSecurityProvider::create(ids, 512, -1);
    const std::string offers = provider ? provider.value()->describe(port.id()) : provider.error().what;
    const bool crypto = offers.find("inline-crypto") != std::string::npos;
    const bool full = offers.find("full-protocol") != std::string::npos;
    out.push_back({Verdict::kGood, name + " security", offers, ""});
    out.push_back({Verdict::kGood, name + " SAs",
                   std::string("hw_offload = no: software; crypto: ") + (crypto ? "the port ciphers" : "refused") +
                       "; full: " + (full ? "the port does it all" : "refused") + "; auto: " +
                       (full     ? "full protocol"
                        : crypto ? "inline crypto"
                                 : "software"),
                   ""});
    return out;
}

}  // namespace

std::vector<Finding> look_at_libraries()
{
    const auto openssl = crypto::library_info();
    std::vector<Finding> out = {
        {Verdict::kGood, "dpdk", rte_version(), ""},
        {Verdict::kGood, "openssl", openssl.version + ", providers " + base::join(openssl.providers), ""}};
    std::error_code error;
    for (const char* name : {"pka.so", "libbfengine.so"})
        if (std::filesystem::exists(std::filesystem::path(openssl.engines_directory) / name, error))
            out.push_back({Verdict::kNote, "openssl engine", openssl.engines_directory + "/" + name,
                           "BlueField's public-key engine: it helps key exchange when OpenSSL's configuration loads "
                           "it, not ESP"});
    return out;
}

std::vector<Finding> look_at_engines(const esp::Engines& engines)
{
    std::vector<Finding> out;
    for (const auto& engine : engines.list())
        out.push_back({engine.usable ? Verdict::kGood : Verdict::kNote, "engine " + engine.name,
                       (engine.usable ? "" : "not usable: ") + engine.reason, ""});
    return out;
}

std::vector<Finding> look_at_ports()
{
    auto pool = dpdk::MbufPool::create({.name = "doctor", .count = 2047, .private_bytes = 0, .largest_mtu = 1500});
    if (!pool)
        return {{Verdict::kBad, "ports", pool.error().what, pool.error().hint}};
    std::vector<Finding> out;
    std::vector<uint16_t> ids;
    for (uint16_t id = 0; id < RTE_MAX_ETHPORTS; id++)
        if (rte_eth_dev_is_valid_port(id) != 0)
            ids.push_back(id);
    if (ids.empty())
        out.push_back(
            {Verdict::kNote, "ports", "none",
             "give them as the gateway gets them: ipsec-gw doctor -a 0000:03:00.0, --vdev net_af_packet0,iface=eth1"});
    for (const uint16_t each : ids) {
        const std::string name = device_name(each);
        auto port =
            dpdk::Port::open({.name = name, .device = name, .rx_descriptors = 256, .tx_descriptors = 256}, pool->get());
        if (!port) {
            out.push_back({Verdict::kBad, name, port.error().what, port.error().hint});
            continue;
        }
        if (const auto started = port->start(); !started)
            out.push_back({Verdict::kNote, name, started.error().what, started.error().hint});
        for (auto& finding : look_at(*port, name))
            out.push_back(std::move(finding));
    }
    return out;
}

}  // namespace ipsecgw::app::doctor
