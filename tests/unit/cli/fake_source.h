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

inline ike::IkeStatus ike_sa()
{
    ike::IkeStatus sa;
    sa.id = 3;
    sa.connection = "east";
    sa.state = ike::IkeState::kEstablished;
    sa.role = ike::Role::kInitiator;
    sa.spi_i = 0x0123456789abcdef;
    sa.spi_r = 0xfedcba9876543210;
    sa.local = {ip("192.0.2.1"), 4500};
    sa.remote = {ip("198.51.100.7"), 4500};
    sa.local_id = "a.example";
    sa.remote_id = "b.example";
    sa.nat_remote = true;
    sa.suite = "aes128-sha256-prfsha256-x25519";
    sa.established_seconds = 1'140;
    sa.rekey_seconds = 12'000;
    ike::ChildStatus child;
    child.id = 5;
    child.name = "net";
    child.udp_encapsulation = true;
    child.spi_in = 0xc1f00a21;
    child.spi_out = 0x7702be10;
    child.sa_in = "east-in";
    child.sa_out = "east-out";
    child.suite = "aes128gcm16-x25519";
    child.local_ts = {"10.1.0.0/16"};
    child.remote_ts = {"10.2.0.0/16", "10.3.0.0/16"};
    child.installed_seconds = 1'140;
    child.rekey_seconds = 2'000;
    child.life_seconds = 2'460;
    sa.children = {child};
    return sa;
}

class FakeIke final : public IkeSource {
 public:
    std::vector<ike::IkeStatus> sas = {ike_sa()};
    std::function<void(const std::string&)> done;  // of the last initiate()
    std::vector<std::string> asked;

    [[nodiscard]] std::vector<ike::IkeStatus> list(ike::IkeSaId after, size_t limit) const override
    {
        std::vector<ike::IkeStatus> rows;
        for (const auto& sa : sas)
            if (sa.id > after && rows.size() < limit)
                rows.push_back(sa);
        return rows;
    }
    [[nodiscard]] std::optional<control::SaUse> use(std::string_view sa) const override
    {
        if (sa == "east-in")
            return control::SaUse{1'882'211, 2'710'000'000, 0, true};
        return std::nullopt;
    }
    base::Result<void> initiate(const std::string& connection, const std::string& child,
                                std::function<void(const std::string& failure)> when_done) override
    {
        if (connection != "east")
            return base::Error{base::ErrorCode::kNotFound, "no connection is named \"" + connection + "\"", ""};
        asked.push_back("initiate " + connection + " " + child);
        done = std::move(when_done);
        return {};
    }
    base::Result<size_t> terminate(const ike::Selection& selection) override { return note("terminate", selection); }
    base::Result<size_t> rekey(const ike::Selection& selection) override { return note("rekey", selection); }

 private:
    base::Result<size_t> note(const std::string& verb, const ike::Selection& selection)
    {
        asked.push_back(verb + " " + selection.connection.value_or("-") + " " + selection.child.value_or("-") + " " +
                        std::to_string(selection.ike_sa.value_or(0)) + " " + std::to_string(selection.child_sa.value_or(0)));
        return size_t{1};
    }
};

/// The packet that FakeSource can explain.
inline constexpr const char* kExplained = "src 10.1.0.2 dst 10.2.0.9 proto tcp sport 40000 dport 443 length 1400";

/// Notes what it is told to do; refuses what is called "taken" and, without force, what is called "theirs".
class FakeEditor final : public Editor {
 public:
    std::vector<std::string> done;
    std::optional<std::string> last_key;  // of an SA, in hex
    model::Settings wanted;

    base::Result<void> install_sa(model::SaParams params) override { return note("install", params); }
    base::Result<void> replace_sa(model::SaParams params, std::optional<model::Owner> by) override
    {
        if (const auto mine = may(params.name, by); !mine)
            return mine;
        return note("replace", params);
    }
    base::Result<void> remove_sa(std::string_view name, std::optional<model::Owner> by) override { return note("remove sa", name, by); }
    base::Result<void> add_policy(model::Policy policy) override
    {
        std::string what = "add policy";
        for (const auto* side : {&policy.local, &policy.remote})
            for (const auto& selector : *side)
                what += " " + selector.to_string();
        return note(what + " of", policy.name, {});
    }
    base::Result<void> remove_policy(std::string_view name, std::optional<model::Owner> by) override { return note("remove policy", name, by); }
    base::Result<void> add_route(const model::Route& route) override
    {
        return note("add route via " + (route.via ? route.via->to_string() : route.port) + " to", route.prefix.to_string(), {});
    }
    base::Result<void> remove_route(const net::Prefix& prefix, std::optional<model::Owner> by) override { return note("remove route", prefix.to_string(), by); }
    base::Result<void> add_neighbour(const model::Neighbour& neighbour) override
    {
        return note("add neighbour " + neighbour.mac.to_string() + " on " + neighbour.port + " for", neighbour.address.to_string(), {});
    }
    base::Result<void> remove_neighbour(const model::Neighbour& neighbour, std::optional<model::Owner> by) override
    {
        return note("remove neighbour on " + neighbour.port, neighbour.address.to_string(), by);
    }
    base::Result<void> publish_routes() override
    {
        done.emplace_back("publish");
        return {};
    }
    [[nodiscard]] const model::Settings& settings() const override { return wanted; }

 private:
    static base::Result<void> may(std::string_view name, std::optional<model::Owner> by)
    {
        if (name == "taken")
            return base::Error{base::ErrorCode::kAlreadyExists, "it is there already", ""};
        if (name == "theirs" && by == model::Owner::kCli)
            return base::Error{base::ErrorCode::kPermissionDenied, "it is config's", "force it"};
        return {};
    }
    base::Result<void> note(const std::string& what, std::string_view name, std::optional<model::Owner> by)
    {
        if (const auto mine = may(name, by); !mine)
            return mine;
        done.push_back(what + " " + std::string(name));
        return {};
    }
    base::Result<void> note(const std::string& what, const model::SaParams& sa)
    {
        last_key = "";
        for (const uint8_t byte : sa.keymat.view())
            *last_key += base::format("%02x", byte);
        return note(base::format("%s %s 0x%x %s %s", what.c_str(), std::string(to_string(sa.direction)).c_str(), sa.spi,
                                 sa.suite.name().c_str(), sa.remote.to_string().c_str()),
                    sa.name, {});
    }
};

class FakeReloader final : public Reloader {
 public:
    std::function<void(Outcome)> finish;
    std::vector<Mode> asked;
    bool is_quick = false;  // finishes in the call, without a change

    base::Result<void> reload(Mode mode, std::function<void(Outcome)> done) override
    {
        asked.push_back(mode);
        if (is_quick) {
            asked.clear();
            done({});
            return {};
        }
        finish = std::move(done);
        return {};
    }
};

class FakeSource final : public Source {
 public:
    mutable FakeEditor fake_editor;
    mutable FakeReloader fake_reloader;
    [[nodiscard]] Editor* editor() const override { return &fake_editor; }
    [[nodiscard]] Reloader* reloader() const override { return &fake_reloader; }
    std::vector<control::SaStatus> sas = {inbound_sa(), outbound_sa()};
    mutable FakeIke fake_ike;
    [[nodiscard]] IkeSource* ike() const override { return &fake_ike; }
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
    void count_tunnels(std::function<void(std::vector<control::TunnelStatus>)> done) const override
    {
        control::TunnelStatus tunnel;
        tunnel.name = "to-sun/net";
        tunnel.sas = 1;
        tunnel.installs = 4;
        tunnel.rekeys = 3;
        tunnel.packets = 1'882'211;
        tunnel.bytes = 2'710'000'000;
        tunnel.drops[static_cast<size_t>(telemetry::Drop::kReplay)] = 12;
        tunnel.oldest_seconds = 2'460;
        auto out = tunnel;
        out.direction = model::Direction::kOutbound;
        out.packets = 990'120;
        out.bytes = 1'020'000'000;
        out.drops = {};
        done({tunnel, out});
    }
    base::Result<std::unique_ptr<control::Watch>> watch(const control::WatchRequest& request) const override
    {
        return base::Error{base::ErrorCode::kInvalidArgument, "filter: \"" + request.filter + "\"", "it is a test"};
    }
    [[nodiscard]] base::Result<control::ExplainStatus> explain(std::string_view direction, std::string_view packet) const override
    {
        if (direction != "out" || packet != kExplained)
            return base::Error{base::ErrorCode::kInvalidArgument, "\"" + std::string(direction) + "\" is no direction: out, in or in-clear", ""};
        control::ExplainStatus status;
        status.verdict = "sealed";
        status.policy = "east";
        status.action = "protect";
        status.sa = "east-out";
        status.spi = 0x7702be10;
        status.peer = "198.51.100.7";
        status.algorithm = "aes256gcm16";
        status.offload = "software";
        status.offload_reason = "port 0 has no security context";
        status.engine = "vaes_gcm";
        status.port = "wan";
        status.next_hop = "192.0.2.254";
        status.neighbour = "02:00:00:00:00:99";
        status.bytes = 1400;
        status.wire_bytes = 1456;
        status.mtu = 1500;
        status.inner_mtu = 1446;
        return status;
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
