// The only writer: installs and removes SAs, policies, routes and neighbours, and answers what runs.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "control/listeners.h"
#include "control/watch.h"
#include "dpdk/port_events.h"
#include "dpdk/qsbr.h"
#include "esp/engine.h"
#include "model/gateway.h"
#include "model/owner.h"
#include "offload/provider.h"
#include "offload/steering.h"
#include "route/resolver.h"
#include "telemetry/stage.h"
#include "worker/dataplane.h"
#include "worker/worker.h"

namespace ipsecgw::control {

struct DropCount {
    std::string_view reason;
    std::string_view help;
    uint64_t packets = 0;
};

/// Where packets were dropped: by a worker, or by the control thread.
struct DropsOf {
    std::optional<uint16_t> worker;  // none: control
    std::array<uint64_t, telemetry::kDropCount> packets{};
};

struct SaStatus {
    std::string name;
    model::Owner owner = model::Owner::kConfig;
    uint32_t spi = 0;
    model::Direction direction = model::Direction::kInbound;
    model::Mode mode = model::Mode::kTunnel;
    net::IpAddress local, remote;
    std::string algorithm;  // "aes256gcm16"
    bool esn = false;
    bool udp_encapsulation = false;
    std::string offload = "software";  // or "look-aside", "inline-crypto", "full-protocol"
    std::string offload_reason;
    std::string steering;  // inbound: how packets find the owner
    std::optional<uint16_t> path_mtu;  // outbound: what a router has said the path takes; none: nothing
    std::string engine;    // "aesni_gcm", or the look-aside device
    std::string engine_reason;
    std::optional<uint16_t> worker;  // inbound: owner
    uint64_t packets = 0, bytes = 0;
    uint64_t sequence = 0;  // inbound: highest authentic; outbound: last used
    uint16_t replay_window = 0;
    std::vector<DropCount> drops;  // reasons with packets > 0
    uint64_t age_seconds = 0;
    std::optional<uint64_t> expires_seconds;
    std::optional<uint64_t> idle_seconds;  // since the last packet; none: never used
    std::string state;                     // "up", "expired" (hard lifetime), "exhausted" (no sequence number left), "port-lost"
};

/// What the SAs of one tunnel have carried in one direction, those that are gone included: it never falls. SAs of one tunnel have the
/// same SaParams::tunnel_name; without one an SA is a tunnel by its own name.
struct TunnelStatus {
    std::string name;
    model::Direction direction = model::Direction::kInbound;
    uint32_t sas = 0;       // installed now
    uint64_t installs = 0;  // SAs so far
    uint64_t rekeys = 0;    // of these, installed while another was there
    uint64_t packets = 0, bytes = 0;
    std::array<uint64_t, telemetry::kSaDropCount> drops{};
    std::optional<uint64_t> oldest_seconds;  // age of the oldest SA installed
};

/// Stands for the tunnels that have no counters of their own, because there are more than Parts::max_tunnels.
inline constexpr std::string_view kOtherTunnels = "(other)";

struct PolicyStatus {
    uint32_t id = 0;
    std::string name;
    uint32_t priority = 0;
    model::Action action = model::Action::kDiscard;
    model::PolicyDirection direction = model::PolicyDirection::kBoth;
    std::vector<std::string> local, remote;
    std::string outbound_sa;  // empty: none
    std::vector<std::string> inbound_sas;
    uint64_t packets = 0;  // matched
    model::Owner owner = model::Owner::kConfig;
};

struct PortStatus {
    std::string name, device, driver;
    uint16_t index = 0, port_id = 0;
    model::PortRole role = model::PortRole::kProtected;
    net::MacAddress mac;
    uint16_t mtu = 0;
    bool link_up = false;
    uint32_t speed_mbps = 0;  // 0: unknown
    std::string steering;     // how ESP finds its worker
    uint16_t rx_queues = 0, tx_queues = 0;
    std::vector<std::string> addresses;
    uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0;
    uint64_t rx_missed = 0, rx_errors = 0, tx_errors = 0, rx_no_mbuf = 0;  // from the port
};

struct RouteStatus {
    std::string prefix, via, port;  // via empty: on the link
    std::string origin;             // "connected", or whose it is: "config", "cli"
};

struct NeighbourRow {
    std::string address, mac, port, state;
    uint64_t age_seconds = 0;
};

struct WorkerStatus {
    uint16_t index = 0;
    uint32_t lcore = 0;
    uint64_t rx_packets = 0, tx_packets = 0;
    uint64_t turns = 0, idle_turns = 0;
    uint64_t busy_cycles = 0;
    double cycles_per_packet = 0;
    uint64_t handed_over_out = 0, handed_over_in = 0;
    uint64_t in_crypto_devices = 0;  // packets that look-aside devices have now
    uint32_t inbound_sas = 0;  // owned
    uint64_t packets = 0;      // worked on here: received or taken over, less handed over
    double share_percent = 0;  // of all workers' packets
};

/// Where a worker's time goes: TSC cycles per packet of its own, in turns with packets, of which it times a part.
struct StageStatus {
    uint16_t worker = 0;
    uint32_t lcore = 0;
    uint64_t timed_packets = 0;
    std::array<double, telemetry::kStageCount> cycles{};  // by telemetry::Stage, per packet
    double total = 0;
    std::array<uint64_t, telemetry::kStageCount> timed_cycles{};  // since the start, in the turns that were timed
};

struct Stats {
    std::string version;
    uint64_t uptime_seconds = 0;
    std::vector<WorkerStatus> workers;
    std::vector<StageStatus> stages;  // of each worker
    std::vector<esp::EngineInfo> engines;
    uint32_t inbound_sas = 0, outbound_sas = 0, policies = 0, max_sas = 0;
    uint32_t mbufs_in_use = 0, mbufs_total = 0;
    uint64_t retired_objects = 0;
};

/// One thing that a reload does.
struct Change {
    enum class Kind : uint8_t { kAdd, kChange, kRemove };
    Kind kind = Kind::kAdd;
    std::string_view object;            // "sa", "policy", "route", "neighbour"; of others: "connection", "credentials"
    std::string name;                   // a route's prefix, a neighbour's "PORT ADDRESS"
    std::vector<std::string> settings;  // kChange: which differ
};

/// What a reload would do, or why it cannot be done.
struct ReloadPlan {
    std::vector<Change> changes;
    std::vector<base::Error> errors;
};

/// What an SPI is wanted for: the addresses ESP will come with.
struct SpiRequest {
    net::IpAddress local, remote;    // outer ones, ours and the peer's
    bool udp_encapsulated = false;   // the port then sees no SPI
    std::optional<uint16_t> worker = {};  // the wanted owner; none: the least loaded
};

struct ReservedSpi {
    uint32_t spi = 0;
    uint16_t worker = 0;  // who will own the SA
};

/// The way a packet would take. Empty texts and zeros: it does not come so far.
struct ExplainStatus {
    std::string verdict;  // "sealed", "forwarded in clear", "dropped", ...
    std::string reason, help;  // why dropped
    std::string policy, action;
    std::vector<std::string> inbound_sas;  // that may carry it to us
    std::string sa;
    uint32_t spi = 0;
    std::string peer, algorithm, offload, offload_reason, engine;
    std::string port, next_hop, neighbour;
    uint32_t bytes = 0, wire_bytes = 0;  // of the packet, and of what leaves
    uint32_t mtu = 0, inner_mtu = 0;     // of the port; of a packet that this SA still carries whole
    bool is_too_big = false;
};

class Reload;

/// Reads and writes of the gateway's tables. Threads: the control thread only (front ends post to its mailbox).
class ControlPlane {
  public:
    struct Parts {
        worker::DataPlane* data = nullptr;
        dpdk::Reclaimer* reclaimer = nullptr;
        esp::Engines* engines = nullptr;
        offload::Provider* provider = nullptr;        // null: no port does IPsec
        const offload::Steering* steering = nullptr;  // null: no port hashes SPIs
        dpdk::PortEvents* port_events = nullptr;      // null: ports report nothing
        std::vector<worker::Worker*> workers;
        std::vector<uint32_t> lcores;  // of each worker
        std::string version;
        size_t max_tunnels = 2000;  // with counters of their own
        std::function<uint64_t()> now_ns = base::monotonic_ns;
    };
    explicit ControlPlane(Parts parts);
    ~ControlPlane();
    ControlPlane(const ControlPlane&) = delete;
    ControlPlane& operator=(const ControlPlane&) = delete;

    /// Everything of a model at start: settings, routes, neighbours, policies, SAs. On an error nothing of it stays.
    base::Result<void> load(const model::Gateway& gateway);

    // What is made belongs to `owner`. Where something is removed or replaced, `by` is who asks: what another owner has made is kPermissionDenied. None:
    // whoever's it is.

    /// What lies between the objects that model::Owner::kConfig has here and those of `wanted`: its SAs, policies, routes
    /// and neighbours. Ports and settings are not looked at, but for the engine of SAs that name none.
    [[nodiscard]] ReloadPlan compare(const model::Gateway& wanted) const;
    /// Does what compare() says, when that has no errors, in this call: what stays the same is not touched, and each
    /// packet on its way meets the policies of before, those of after, or a drop, never something between. When
    /// something fails everything is as it was; but an inbound SPI that changes hands, which two SAs cannot have at a time,
    /// is taken from the old SA before the new one is tried. Returned are the new ones that were then refused, each with
    /// the SAs that are gone for it; all else is done.
    base::Result<std::vector<base::Error>> reload(const model::Gateway& wanted);

    base::Result<void> install_sa(model::SaParams params, model::Owner owner = model::Owner::kConfig);  // kAlreadyExists: name or inbound SPI in use
    /// Policies that use it drop with kNoSa from then on.
    base::Result<void> remove_sa(std::string_view name, std::optional<model::Owner> by = {});
    /// Puts an SA in the place of the one of its name and direction: outbound traffic moves to it with one store, an
    /// inbound one of another SPI stands before the old one goes. Nothing has changed on an error, except where an
    /// inbound SPI stays and gets a new key: there the old one is gone when the port refuses the new one. With SPI and
    /// key the same, an outbound SA goes on at the next sequence number; an inbound one is refused (kUnsupported), for
    /// its replay window would be lost.
    base::Result<void> replace_sa(model::SaParams params, model::Owner owner = model::Owner::kConfig,
                                  std::optional<model::Owner> by = {});
    /// An SPI for an inbound SA that is to be agreed on (RFC 7296 section 2.9 and 3.3.1: the receiver chooses), random,
    /// 256 or above, used by no SA and by no other reservation. Where the port hashes SPIs, packets with it arrive at
    /// the owner; elsewhere the owner gets them by flow rule or hand-over. It stays reserved until install_sa() of an
    /// inbound SA with it succeeds, or release_spi(). An SA installed with it, without a worker of its own, gets the
    /// reserved owner, but where the addresses have changed since (a NAT found late) and the port brings it to another.
    /// kResourceExhausted when SAs and reservations fill the SAD, kInvalidArgument, kUnavailable without entropy.
    base::Result<ReservedSpi> reserve_spi(const SpiRequest& request);
    /// The SPI will not be installed. Ignored when it is not reserved.
    void release_spi(uint32_t spi);
    base::Result<void> add_policy(model::Policy policy, model::Owner owner = model::Owner::kConfig);
    base::Result<void> remove_policy(std::string_view name, std::optional<model::Owner> by = {});
    /// Gives a policy other SAs, as a rekey does: the new inbound ones may carry it first, then outbound traffic moves
    /// with one store, then the old inbound ones lose it. Nothing is lost on the way when old and new are installed.
    base::Result<void> rebind_policy(std::string_view name, std::string outbound_sa,
                                     std::vector<std::string> inbound_sas);
    /// The table of routes is built whole. kSoon leaves that to tick(), so that many changes share it; what a failure of
    /// it takes back is logged, or the error of publish_routes().
    enum class Publish : uint8_t { kNow, kSoon };
    base::Result<void> add_route(const model::Route& route, model::Owner owner = model::Owner::kConfig,
                                 Publish when = Publish::kNow);
    base::Result<void> remove_route(const net::Prefix& prefix, std::optional<model::Owner> by = {},
                                    Publish when = Publish::kNow);
    base::Result<void> publish_routes();
    base::Result<void> add_neighbour(const model::Neighbour& neighbour,
                                     model::Owner owner = model::Owner::kConfig);
    /// The static one of its port and address.
    base::Result<void> remove_neighbour(const model::Neighbour& neighbour, std::optional<model::Owner> by = {});

    /// Who hears of IKE messages, of traffic that wants an SA and of SAs that end; without one, IKE messages are a
    /// counted drop and ends are logged. Replaces the listeners of before.
    void set_listeners(Listeners listeners);
    /// Sends a datagram from one of our addresses: routed, its next hop resolved, in IP fragments where the link is
    /// narrower. It may still be dropped, and counted, like any packet. kInvalidArgument, kNotFound (no route),
    /// kResourceExhausted (too much waits to be sent: try again in a millisecond).
    base::Result<void> send(const Datagram& datagram);
    /// The address of ours to talk to `remote` from; none: no route, or no address of that family on its port.
    [[nodiscard]] std::optional<net::IpAddress> source_towards(const net::IpAddress& remote) const;
    [[nodiscard]] bool is_own_address(const net::IpAddress& address) const;
    /// What an SA has carried; none: no SA has this name.
    [[nodiscard]] std::optional<SaUse> sa_use(std::string_view name) const;
    [[nodiscard]] std::optional<SaUse> inbound_use(uint32_t spi) const;

    /// Tells the links our addresses (gratuitous ARP, unsolicited neighbour advertisements). Once, when the workers
    /// run.
    void announce(uint64_t now_ns);
    /// Takes packets from the punt ring: ARP, ND, resolution. Call before sleeping. False when there may be more: it
    /// takes a bounded number, so that a flood of punts does not keep timers from their turn.
    bool handle_punts(uint64_t now_ns);
    /// What ports have reported, and timers: neighbours, lifetimes, reclamation. Call it too when Parts::port_events
    /// wakes. Returns when it wants to run again, ns.
    uint64_t tick(uint64_t now_ns);

    /// Listings in a stable order. `after` and `limit` page through large SADs: rows with a name greater than `after`.
    [[nodiscard]] std::vector<SaStatus> list_sas(std::string_view after, size_t limit) const;
    [[nodiscard]] std::vector<SaStatus> find_sas(uint32_t spi) const;
    /// Counts every SA once, in tick(), a bounded number in each; then tells. Tunnels in the order of their names, in before out.
    /// SAs may come and go meanwhile: what they have carried is counted once all the same.
    void count_tunnels(std::function<void(std::vector<TunnelStatus>)> done) const;
    /// Watches packets until the result is destroyed, which must go first. kInvalidArgument for the filter,
    /// kAlreadyExists while another session lasts.
    base::Result<std::unique_ptr<Watch>> watch(const WatchRequest& request) const;
    /// `direction`: "out" (in clear from the protected side), "in" (inside its SA from the other) or "in-clear".
    /// `packet`: trace::Filter's words with whole addresses, and "length N" (84 without it). kInvalidArgument.
    [[nodiscard]] base::Result<ExplainStatus> explain(std::string_view direction, std::string_view packet) const;
    [[nodiscard]] std::vector<PolicyStatus> list_policies() const;
    [[nodiscard]] std::vector<PortStatus> list_ports() const;
    [[nodiscard]] std::vector<RouteStatus> list_routes() const;
    [[nodiscard]] std::vector<NeighbourRow> list_neighbours() const;
    [[nodiscard]] std::vector<DropCount> drops() const;  // all reasons, all workers
    [[nodiscard]] std::vector<DropsOf> drops_by_worker() const;
    [[nodiscard]] Stats stats() const;

  private:
    friend class Reload;  // its part that compares and applies
    struct State;
    base::Result<void> load_all(const model::Gateway& gateway, std::vector<std::function<void()>>& undo);
    std::unique_ptr<State> state_;
};

}  // namespace ipsecgw::control
