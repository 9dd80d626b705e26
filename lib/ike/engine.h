// IKEv2 without input or output: bytes, times and requests go in, effects come out (RFC 7296).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "ike/effects.h"
#include "ike/host.h"
#include "ike/selector.h"
#include "ike/status.h"

namespace ipsecgw::model {
struct IkeConnection;
}

namespace ipsecgw::ike {

class Credentials;
struct Core;

/// Values without a place in a connection; strongSwan's defaults.
struct EngineOptions {
    // A request is sent again after timeout * base^n, and given up after `retransmit_tries` times (4, 7, 13, 24, 42 and
    // 76 seconds).
    double retransmit_timeout_s = 4.0;
    double retransmit_base = 1.8;
    uint32_t retransmit_tries = 5;

    uint32_t half_open_timeout_s = 30;    // a responder SA whose peer does not go on
    uint32_t cookie_threshold = 30;       // half-open SAs from which on IKE_SA_INIT wants a cookie
    uint32_t half_open_per_address = 64;  // beyond it IKE_SA_INIT of that address is dropped
    uint32_t max_half_open = 20'000;
    uint32_t max_ike_sas = 200'000;

    // Reconnect of start_action = start: doubles from the first to the last.
    uint32_t reconnect_first_s = 2;
    uint32_t reconnect_last_s = 300;
    uint32_t retry_s = 10;           // after TEMPORARY_FAILURE and failed rekeyings; up to half as much again by chance
    uint32_t drain_s = 5;            // an inbound SA stays so long after its end was agreed
    uint32_t fragment_bytes = 1280;  // largest IP packet of a fragmented message (RFC 7383 section 2.5.1)
    bool tell_keys = false;          // emit IkeKeys
};

/// When a call happens and where its effects go (appended). Times never run backwards.
struct Turn {
    uint64_t now_ns;  // CLOCK_MONOTONIC
    Effects& effects;
};

/// Which end of an SA's life the data path has met.
enum class Expiry : uint8_t { kSoft, kHard };

/// What `terminate` and `rekey` are about: all that is set must match, and at least one field is set.
struct Selection {
    std::optional<std::string> connection;
    std::optional<std::string> child;
    std::optional<IkeSaId> ike_sa;
    std::optional<ChildSaId> child_sa;
};

/// All IKE SAs and child SAs of one gateway.
///
/// Calls are short: each handles one message or a bounded number of timers, with at most two Diffie-Hellman
/// computations or signatures. What fails inside (a peer's nonsense, a proposal not found) is a LogEvent and the RFC's
/// answer, never an exception or error of the call. Errors returned are those of the caller's request: names unknown,
/// nothing selected. Threads: one; that of the loop which carries out the effects.
class Engine {
  public:
    /// `host` and `credentials` outlive the engine. Credentials may change between calls.
    Engine(const EngineOptions& options, Host& host, const Credentials& credentials);
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    /// Adds a connection, or replaces the one of this name: SAs that exist live on under the old one. Traps its
    /// children (every child whose selectors are known gets a Trap effect, so that nothing of it goes in clear) and
    /// starts those that say so.
    base::Result<void> load(std::shared_ptr<const model::IkeConnection> connection, const Turn& turn);
    /// Forgets a connection. Its SAs live on: terminate them before or after. kNotFound.
    base::Result<void> unload(std::string_view connection, const Turn& turn);
    [[nodiscard]] std::vector<std::shared_ptr<const model::IkeConnection>> connections() const;

    /// A datagram for an IKE port.
    void receive(const Datagram& datagram, const Turn& turn);
    /// Runs timers that are due, a bounded number: when more are, `next_deadline_ns` stays in the past. Call it then.
    void tick(const Turn& turn);
    /// When `tick` wants to run; UINT64_MAX: never.
    [[nodiscard]] uint64_t next_deadline_ns() const;

    /// Brings a child up, or all of a connection's children with an empty name, with an IKE SA where there is none; of
    /// a connection without children the IKE SA alone. What is up or on its way is not made twice. InitiateDone tells
    /// the end. kNotFound, or kInvalidArgument for a peer without an address.
    base::Result<void> initiate(std::string_view connection, std::string_view child, const Turn& turn);
    /// A packet met a Trap. Any number of calls for one child start one attempt; the request has the packet's own
    /// selectors first, so that a peer that takes less than all knows what is wanted (RFC 7296 section 2.9).
    void acquire(std::string_view connection, std::string_view child, const PacketSelectors& packet, const Turn& turn);

    /// Deletes SAs, telling the peers. Children with `child` or `child_sa` set, else whole IKE SAs. Returns how many;
    /// kNotFound: none.
    base::Result<size_t> terminate(const Selection& selection, const Turn& turn);
    /// Rekeys SAs, selected like `terminate`.
    base::Result<size_t> rekey(const Selection& selection, const Turn& turn);

    /// The data path's lifetimes: bytes, packets, sequence numbers.
    void expired(ChildSaId child, Expiry expiry, const Turn& turn);
    /// An InstallInbound or InstallOutbound could not be carried out: the child is deleted.
    void install_failed(ChildSaId child, const base::Error& why, const Turn& turn);
    /// Authentic ESP of a child came from elsewhere (RFC 7296 section 2.23): a peer behind a NAT is followed.
    void endpoint_changed(ChildSaId child, const Endpoint& remote, const Turn& turn);
    /// Deletes everything, telling the peers, for a shutdown: run `receive` and `tick` until `stats().ike_sas` is 0 or
    /// patience ends.
    void terminate_all(const Turn& turn);

    /// IKE SAs with an id greater than `after`, in order, at most `limit`. Seconds are of the last Turn.
    [[nodiscard]] std::vector<IkeStatus> list(IkeSaId after, size_t limit) const;
    /// Adds the states of IKE SAs with an id greater than `after`, at most `limit`, to `counts`; where to go on from, or 0: that was all.
    IkeSaId count_states(IkeSaId after, size_t limit, StateCounts& counts) const;
    [[nodiscard]] std::optional<IkeStatus> find_ike_sa(IkeSaId id) const;
    [[nodiscard]] EngineStats stats() const;

  private:
    std::unique_ptr<Core> core_;
};

}  // namespace ipsecgw::ike
