// The control thread's IKE daemon: ike::Engine between the data path and the front ends.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "control/control_plane.h"
#include "ike/credentials.h"
#include "ike/engine.h"
#include "iked/inbox.h"
#include "iked/key_log.h"
#include "model/gateway.h"
#include "model/ike_connection.h"

namespace ipsecgw::iked {

struct Options {
    ike::EngineOptions engine;
    Inbox::Limits inbox;
    uint64_t turn_ns = 2'000'000;  // work() gives the loop back after so long, and after one message at least
    std::string save_keys;         // file for Wireshark's tables; empty: none
    std::function<uint64_t()> now_ns = base::monotonic_ns;
};

/// All errors of a configuration's connections and of the secrets, keys and certificates they need: those that
/// Daemon::load would find. Reads the files it names.
[[nodiscard]] std::vector<base::Error> check(const model::Gateway& gateway);

/// Carries out what the engine wants, and tells it what the data path meets. Every front end (configuration file,
/// gwctl, VICI) uses this class, which loads, initiates, rekeys, terminates and lists; what happens afterwards it tells
/// observers.
///
/// Threads: the control thread. Callbacks given to it are called there, out of work() or out of the call that caused
/// them.
class Daemon final : private ike::Host {
  public:
    /// Takes the place of the listeners of `plane`, which outlives it.
    static base::Result<std::unique_ptr<Daemon>> create(control::ControlPlane& plane, Options options);
    ~Daemon() override;
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;

    /// Secrets, keys, certificates and connections of a configuration, files read. All errors of it, and then nothing
    /// has changed.
    std::vector<base::Error> load(const model::Gateway& gateway);
    /// What load() would change. An unchanged connection it leaves alone; SAs of a changed one live on as they are until
    /// they are made anew; those of one that goes are terminated.
    [[nodiscard]] std::vector<control::Change> compare(const model::Gateway& gateway) const;

    /// What authentication draws on: front ends that bring contents instead of files add them here. Replacing it takes
    /// effect with the next authentication.
    [[nodiscard]] ike::Credentials& credentials() noexcept { return credentials_; }
    /// Adds or replaces a connection whose credentials are here. All errors.
    std::vector<base::Error> load_connection(model::IkeConnection connection);
    /// SAs live on. kNotFound.
    base::Result<void> unload_connection(std::string_view name);
    [[nodiscard]] std::vector<std::shared_ptr<const model::IkeConnection>> connections() const;

    /// Called once with the reason why not, or with nothing when the child is up.
    using Done = std::function<void(const std::string& failure)>;
    /// Brings up a child, or all of a connection's with an empty `child`. `done` is not called when this returns an
    /// error.
    base::Result<void> initiate(const std::string& connection, const std::string& child, Done done);
    base::Result<size_t> terminate(const ike::Selection& selection);
    base::Result<size_t> rekey(const ike::Selection& selection);

    [[nodiscard]] std::vector<ike::IkeStatus> list(ike::IkeSaId after, size_t limit) const
    {
        return engine_->list(after, limit);
    }
    /// See ike::Engine.
    ike::IkeSaId count_states(ike::IkeSaId after, size_t limit, ike::StateCounts& counts) const
    {
        return engine_->count_states(after, limit, counts);
    }
    [[nodiscard]] ike::EngineStats stats() const { return engine_->stats(); }
    [[nodiscard]] const control::ControlPlane& plane() const noexcept { return plane_; }

    /// Told of every event effect (IkeUp to InitiateDone, LogEvent), in order. An observer must not call the daemon.
    using Observer = std::function<void(const ike::Effect&)>;
    uint64_t observe(Observer observer);
    void stop_observing(uint64_t id);

    /// Messages, acquires, expiries and timers, for about Options::turn_ns. False: there is more to do. Call before
    /// each sleep.
    bool work();
    /// When work() wants to be called at the latest, ns; UINT64_MAX: not before something arrives.
    [[nodiscard]] uint64_t next_deadline_ns() const;

    /// For a shutdown: deletes all IKE SAs, telling the peers, and refuses new ones. Done when is_idle(), which work()
    /// brings about, or when the caller's patience ends.
    void terminate_all();
    [[nodiscard]] bool is_idle() const;

  private:
    struct Child {
        std::string connection, child;
        auto operator<=>(const Child&) const = default;
    };
    struct Acquired {
        Child child;
        ike::PacketSelectors packet;
    };
    struct Moved {
        ike::ChildSaId child;
        ike::Endpoint remote;
    };
    struct Expired {
        ike::ChildSaId child;
        ike::Expiry expiry;
    };
    /// Names in `sas_`; null: not installed.
    struct SasOfChild {
        const std::string* inbound = nullptr;
        const std::string* outbound = nullptr;
    };
    struct TrapRecord {
        std::string policy;  // as it is called in control
        Child child;
    };
    /// Of a request to initiate: the children that are still on their way.
    struct Waiter {
        std::set<std::string> children;
        std::string failure;
        Done done;
    };

    Daemon(control::ControlPlane& plane, Options options);
    base::Result<void> start();
    void put_connection(model::IkeConnection connection, std::vector<base::Error>& errors);
    using Connections = std::unordered_map<std::string, std::shared_ptr<const model::IkeConnection>>;
    /// Of the last load().
    [[nodiscard]] Connections running_connections() const;

    // ike::Host
    base::Result<uint32_t> reserve_spi(const net::IpAddress& local, const net::IpAddress& remote) override;
    void release_spi(uint32_t spi) override;
    bool random(std::span<uint8_t> bytes) override;
    uint64_t last_inbound_ns(uint32_t spi) override;
    uint64_t last_use_ns(ike::ChildSaId child) override;
    base::Result<net::IpAddress> source_address(const net::IpAddress& remote) override;
    int64_t unix_seconds() override;

    // What the data path tells: noted, and dealt with in work().
    bool hear(const control::Datagram& datagram);
    void hear(const control::Acquire& acquire);
    void hear(const control::SaMoved& moved);
    bool hear(const control::SaExpiry& expiry);

    [[nodiscard]] ike::Turn turn() { return {options_.now_ns(), effects_}; }
    bool step();
    enum class Sent : uint8_t { kGone, kNoRoom };
    Sent send(const ike::Send& message);
    void drain_outbox();

    // carry_out.cc
    void carry_out();
    void carry_out(ike::Send& effect);
    void carry_out(ike::AddPolicy& effect);
    void carry_out(ike::InstallInbound& effect);
    void carry_out(ike::InstallOutbound& effect);
    void carry_out(ike::RemoveInbound& effect);
    void carry_out(ike::RemoveOutbound& effect);
    void carry_out(ike::RemovePolicy& effect);
    void carry_out(ike::Trap& effect);
    void carry_out(ike::Untrap& effect);
    void carry_out(ike::InitiateDone& effect);
    void carry_out(ike::LogEvent& effect);
    void carry_out(ike::IkeKeys& effect);
    void install(ike::ChildSaId child, model::SaParams params, const ike::Binding& binding);
    void remove(const std::string& sa, const ike::Binding& binding);
    void forget(const std::string& sa, ike::ChildSaId child);
    [[nodiscard]] uint64_t when_used(const std::optional<control::SaUse>& use) const;
    [[nodiscard]] bool may_log_for_nobody();

    control::ControlPlane& plane_;
    const Options options_;
    std::unique_ptr<KeyLog> key_log_;
    ike::Credentials credentials_;
    std::array<uint8_t, 32> print_key_{};         // of this process, random
    std::array<uint8_t, 32> credentials_print_{};  // of what the last load() read
    std::unique_ptr<ike::Engine> engine_;
    ike::Effects effects_;
    bool is_carrying_out_ = false;
    bool is_ending_ = false;

    Inbox inbox_;
    std::deque<Acquired> acquires_;
    std::deque<Moved> moved_;
    std::deque<Expired> expired_;
    std::deque<ike::Send> outbox_;  // when more is sent at once than the data path takes
    uint64_t outbox_try_ns_ = 0;

    std::unordered_map<std::string, TrapRecord> traps_;            // by the engine's name of the policy
    std::unordered_map<std::string, std::string> trap_of_policy_;  // control's name -> the engine's
    std::unordered_map<std::string, ike::ChildSaId> sas_;          // by name, all that the engine has installed
    std::unordered_map<ike::ChildSaId, SasOfChild> sas_of_;
    std::unordered_multimap<std::string, Waiter> waiters_;  // by connection
    std::unordered_map<std::string, std::vector<std::string>>
        children_;                  // names of the children of each connection loaded
    std::set<std::string> loaded_;  // connections of the last load()
    std::vector<std::pair<uint64_t, Observer>> observers_;
    uint64_t last_observer_ = 0;

    uint64_t log_second_ = 0;  // of the lines that belong to no IKE SA, which anybody on the net can cause
    uint32_t logged_ = 0, unlogged_ = 0;
};

}  // namespace ipsecgw::iked
