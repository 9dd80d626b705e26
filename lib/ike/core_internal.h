// What the files of the engine share: the tables, and the turn that is being taken.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ike/directory.h"
#include "ike/engine.h"
#include "ike/half_open.h"
#include "ike/ike_sa.h"
#include "ike/timer_queue.h"

namespace ipsecgw::ike {

/// A connection that may be used, and how its attempts fare.
struct Loaded {
    explicit Loaded(uint32_t number_) : number(number_), reconnect_timer(TimerKind::kReconnect, number_, 0) {}

    uint32_t number;
    ConnectionPtr config;
    std::map<std::string, std::string, std::less<>> traps;  // child -> policy
    std::set<std::string, std::less<>> wanted;              // children to bring up at the next attempt
    uint32_t failures = 0;                                  // attempts in a row
    uint64_t not_before_ns = 0;                             // traffic starts no attempt earlier
    Timer reconnect_timer;
};

struct Core {
    Core(const EngineOptions& options_, Host& host_, const Credentials& credentials_)
        : options(options_),
          host(host_),
          credentials(credentials_),
          half_open(options, host),
          random([this](std::span<uint8_t> bytes) { return host.random(bytes); })
    {
    }

    EngineOptions options;
    Host& host;
    const Credentials& credentials;
    TimerQueue timers;  // before what holds timers
    HalfOpen half_open;
    std::map<std::string, std::unique_ptr<Loaded>, std::less<>> connections;
    std::unordered_map<uint32_t, Loaded*> connections_by_number;
    Directory directory;
    std::unordered_multimap<uint64_t, IkeSa*> by_identities;  // established, by a hash of both identities
    std::map<IkeSaId, std::unique_ptr<IkeSa>> ike_sas;
    std::map<std::string, std::set<IkeSaId>, std::less<>> by_connection;
    std::unordered_map<uint64_t, IkeSa*> by_spi;  // our own
    std::map<Digest, IkeSa*> by_init;             // responder: digest of the first request and its origin
    std::unordered_map<ChildSaId, IkeSa*> by_child;
    std::vector<std::unique_ptr<IkeSa>> doomed;  // freed when the turn ends
    IkeSaId last_ike_sa = 0;
    ChildSaId last_child = 0;
    uint32_t last_number = 0;
    EngineStats counts;

    Random random;  // the host's, for sealing

    // The turn.
    uint64_t now_ns = 0;
    Effects* effects = nullptr;
    Digest request_digest{};  // of the request that is being answered

    template <class T>
    void emit(T&& effect)
    {
        effects->emplace_back(std::forward<T>(effect));
    }
    [[gnu::format(printf, 4, 5)]] void log(base::LogLevel level, const IkeSa* ike, const char* fmt, ...);

    /// A time from now, in seconds.
    [[nodiscard]] uint64_t in_seconds(double seconds) const noexcept
    {
        return now_ns + static_cast<uint64_t>(seconds * 1e9);
    }
    /// Answers that anybody can cause, ten a second.
    [[nodiscard]] bool may_answer_stranger();
    /// 0 to `max`, evenly.
    [[nodiscard]] uint64_t random_below(uint64_t max);

    [[nodiscard]] IkeSa* find(IkeSaId id) noexcept;
    [[nodiscard]] const std::set<IkeSaId>& ike_sas_of(std::string_view connection) const noexcept;
    /// The connection an IKE SA belongs to: a responder knows it late, and may change its mind.
    void set_connection(IkeSa& ike, ConnectionPtr connection);
    [[nodiscard]] Loaded* find_loaded(std::string_view connection) noexcept;
    /// A new IKE SA with a new SPI of ours; null: no random bytes, or too many IKE SAs.
    IkeSa* create_ike_sa(ConnectionPtr connection, Role role);
    /// Gives a new IKE SA an SPI of ours that was chosen before.
    void change_spi(IkeSa& ike, uint64_t spi);
    void enter_half_open(IkeSa& ike);
    void leave_half_open(IkeSa& ike);
    /// Takes it out of every table; its children must be gone or have moved.
    void destroy(IkeSa& ike);

  private:
    const std::set<IkeSaId> no_ike_sas_;
    uint64_t answers_since_ns_ = 0;
    uint32_t answers_ = 0;
    std::unordered_map<IkeSaId, net::IpAddress> half_open_address_;  // as counted: a NAT may move the peer
};

/// Sets the turn for the length of a call, and frees what it destroyed.
class TurnScope {
  public:
    TurnScope(Core& core, const Turn& turn) : core_(core)
    {
        core_.now_ns = turn.now_ns;
        core_.effects = &turn.effects;
    }
    ~TurnScope()
    {
        core_.effects = nullptr;
        core_.doomed.clear();
    }
    TurnScope(const TurnScope&) = delete;
    TurnScope& operator=(const TurnScope&) = delete;

  private:
    Core& core_;
};

}  // namespace ipsecgw::ike
