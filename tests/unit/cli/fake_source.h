// A gateway made of data, for tests of what shows it.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"
#include "cli/source.h"

namespace ipsecgw::cli {

inline net::IpAddress ip(const char* text) { return net::IpAddress::parse(text).value(); }

inline control::SaStatus inbound_sa()
{
    control::SaStatus sa;
    sa.name = "east-in";
    sa.spi = 0xc1f00a21;
    sa.direction = model::Direction::kInbound;
    sa.local = ip("192.0.2.1");
    sa.remote = ip("198.51.100.7");
    sa.algorithm = "aes256gcm16";
    sa.esn = true;
    sa.offload_reason = "port 0 has no security context";
    sa.steering = "RSS by SPI to queue 2";
    sa.engine = "aesni_gcm";
    sa.engine_reason = "auto: fastest for aes256gcm16 on this machine";
    sa.worker = 2;
    sa.packets = 1'882'211;
    sa.bytes = 2'710'000'000;
    sa.sequence = 1'882'300;
    sa.replay_window = 64;
    sa.drops = {{"replay", "seen before", 11}, {"auth", "ICV wrong", 1}};
    sa.age_seconds = 1140;
    sa.expires_seconds = 2460;
    sa.idle_seconds = 0;
    sa.state = "up";
    return sa;
}

inline control::SaStatus outbound_sa()
{
    control::SaStatus sa;
    sa.name = "east-out";
    sa.spi = 0x7702be10;
    sa.direction = model::Direction::kOutbound;
    sa.local = ip("2001:db8::1");
    sa.remote = ip("2001:db8:ffff::7");
    sa.algorithm = "aes128-sha256";
    sa.udp_encapsulation = true;
    sa.offload_reason = "port 0 has no security context";
    sa.engine = "openssl";
    sa.packets = 990'120;
    sa.bytes = 812;
    sa.state = "up";
    return sa;
}

class FakeSource final : public Source {
 public:
    std::vector<control::SaStatus> sas = {inbound_sa(), outbound_sa()};
    size_t generated = 0;  // this many more, made when asked for: "gen-000000000" and up
    mutable size_t pages = 0;

    [[nodiscard]] std::vector<control::SaStatus> list_sas(std::string_view after, size_t limit) const override
    {
        pages++;
        std::vector<control::SaStatus> rows;
        for (const auto& sa : sas)
            if (rows.size() < limit && sa.name > after)
                rows.push_back(sa);
        constexpr std::string_view kPrefix = "gen-";
        size_t next = 0;
        if (after.starts_with(kPrefix))
            next = static_cast<size_t>(base::parse_unsigned(after.substr(kPrefix.size())).value()) + 1;
        for (; rows.size() < limit && next < generated; next++) {
            auto sa = inbound_sa();
            sa.name = base::format("gen-%09zu", next);
            sa.spi = static_cast<uint32_t>(0x10000 + next);
            rows.push_back(sa);
        }
        return rows;
    }
    [[nodiscard]] std::vector<control::SaStatus> find_sas(uint32_t spi) const override
    {
        std::vector<control::SaStatus> rows;
        for (const auto& sa : sas)
            if (sa.spi == spi)
                rows.push_back(sa);
        return rows;
    }
    [[nodiscard]] std::vector<control::PolicyStatus> list_policies() const override
    {
        control::PolicyStatus protect;
        protect.id = 3;
        protect.name = "east";
        protect.priority = 1000;
        protect.action = model::Action::kProtect;
        protect.local = {"10.1.0.0/16"};
        protect.remote = {"10.2.0.0/16", "fd02::/64[udp/4789]"};
        protect.outbound_sa = "east-out";
        protect.inbound_sas = {"east-in"};
        protect.packets = 2'872'331;
        control::PolicyStatus rest;
        rest.id = 4;
        rest.name = "rest";
        rest.priority = 60'000;
        rest.local = {"0.0.0.0/0"};
        rest.remote = {"0.0.0.0/0"};
        return {protect, rest};
    }
    [[nodiscard]] std::vector<control::PortStatus> list_ports() const override
    {
        control::PortStatus lan;
        lan.name = "lan";
        lan.device = "net_af_packet0";
        lan.driver = "net_af_packet";
        lan.mac = net::MacAddress::parse("02:00:00:00:00:01").value();
        lan.mtu = 1500;
        lan.link_up = true;
        lan.speed_mbps = 10'000;
        lan.rx_queues = 2;
        lan.tx_queues = 2;
        lan.addresses = {"10.1.0.1/24", "fe80::ff:fe00:1/64"};
        lan.rx_packets = 12;
        lan.rx_bytes = 1'176;
        auto wan = lan;
        wan.name = "wan";
        wan.index = wan.port_id = 1;
        wan.role = model::PortRole::kUnprotected;
        wan.link_up = false;
        wan.speed_mbps = 0;
        return {lan, wan};
    }
    [[nodiscard]] std::vector<control::RouteStatus> list_routes() const override
    {
        return {{"0.0.0.0/0", "192.0.2.254", "wan", "config"}, {"10.1.0.0/24", "", "lan", "connected"}};
    }
    [[nodiscard]] std::vector<control::NeighbourRow> list_neighbours() const override
    {
        return {{"10.1.0.7", "02:00:00:00:00:99", "lan", "reachable", 12}, {"192.0.2.254", "", "wan", "incomplete", 1}};
    }
    [[nodiscard]] std::vector<control::DropCount> drops() const override
    {
        return {{"replay", "Sequence number seen before.", 11},
                {"too-old", "Left of the replay window.", 0},
                {"no-policy", "No policy matches the packet.", 4}};
    }
    [[nodiscard]] control::Stats stats() const override
    {
        control::Stats stats;
        stats.version = "0.1.0";
        stats.uptime_seconds = 93'784;
        control::WorkerStatus worker;
        worker.lcore = 1;
        worker.rx_packets = 100;
        worker.tx_packets = 90;
        worker.cycles_per_packet = 251.25;
        worker.inbound_sas = 1;
        worker.packets = 100;
        worker.share_percent = 100;
        stats.workers = {worker};
        stats.stages = {{.worker = 0,
                         .lcore = 1,
                         .timed_packets = 640,
                         .cycles = {10, 20.25, 30, 40, 110, 15, 12.5},
                         .total = 237.75}};
        stats.engines = {{"aesni_gcm", true, "crypto_aesni_gcm0"}, {"aesni_mb", false, "no such device"}};
        stats.inbound_sas = 1;
        stats.outbound_sas = 1;
        stats.policies = 2;
        stats.max_sas = 65'536;
        stats.mbufs_in_use = 2'048;
        stats.mbufs_total = 16'383;
        return stats;
    }
};

}  // namespace ipsecgw::cli
