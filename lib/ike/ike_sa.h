// One IKE SA: who it is with, its keys, the one request of ours that is out, the peer's last one, and its children.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "crypto/key_exchange.h"
#include "ike/auth.h"
#include "ike/child_sa.h"
#include "ike/effects.h"
#include "ike/host.h"
#include "ike/key_material.h"
#include "ike/message.h"
#include "ike/protect.h"
#include "ike/status.h"
#include "ike/timer_queue.h"
#include "model/ike_connection.h"

namespace ipsecgw::ike {

using Digest = std::array<uint8_t, 16>;
using ConnectionPtr = std::shared_ptr<const model::IkeConnection>;
using ChildConfigPtr = std::shared_ptr<const model::ChildConfig>;
using PacketSelectorsPtr = std::shared_ptr<const PacketSelectors>;

/// Why a child ended, which decides what follows.
enum class ChildEnd : uint8_t {
    kAsked,       // by our user: nothing follows
    kByPeer,      // close_action
    kExpired,     // close_action
    kPeerIsGone,  // dpd_action
};

/// An inbound SPI the host keeps for us: given back unless the SA was installed.
class ReservedSpi {
  public:
    ReservedSpi() = default;
    ReservedSpi(Host& host, uint32_t spi) noexcept : host_(&host), spi_(spi) {}
    ReservedSpi(ReservedSpi&& other) noexcept : host_(std::exchange(other.host_, nullptr)), spi_(other.spi_) {}
    ReservedSpi& operator=(ReservedSpi&& other) noexcept
    {
        std::swap(host_, other.host_);
        std::swap(spi_, other.spi_);
        return *this;
    }
    ~ReservedSpi()
    {
        if (host_ != nullptr)
            host_->release_spi(spi_);
    }
    [[nodiscard]] uint32_t spi() const noexcept { return spi_; }
    /// It is installed: its removal frees it.
    uint32_t take() noexcept
    {
        host_ = nullptr;
        return spi_;
    }

  private:
    Host* host_ = nullptr;
    uint32_t spi_ = 0;
};

/// What an IKE SA has to do, one request each, one at a time (window of 1, RFC 7296 section 2.3).
enum class TaskKind : uint8_t {
    kEstablish,    // IKE_SA_INIT and IKE_AUTH
    kNewChild,     // `config`
    kRekeyChild,   // `child`
    kDeleteChild,  // `child`, or, where it is 0, one we never had, by `spi_in` alone
    kRekeyIke,
    kDeleteIke,
    kLiveness,    // an empty INFORMATIONAL: is the peer there (section 2.4)
    kRefuseAuth,  // tells a responder that we do not believe it (section 2.21.2)
};

struct Task {
    TaskKind kind = TaskKind::kEstablish;
    ChildSaId child = 0;
    uint32_t spi_in = 0;
    ChildConfigPtr config = nullptr;
    PacketSelectorsPtr packet = nullptr;  // of a new child that a packet asked for

    static Task new_child(ChildConfigPtr config, PacketSelectorsPtr packet = nullptr)
    {
        return {TaskKind::kNewChild, 0, 0, std::move(config), std::move(packet)};
    }
    static Task rekey_child(ChildSaId child) { return {TaskKind::kRekeyChild, child}; }
    static Task delete_child(ChildSaId child, uint32_t spi_in) { return {TaskKind::kDeleteChild, child, spi_in}; }

    /// They say the same: one of them is enough.
    [[nodiscard]] bool is_same(const Task& other) const noexcept
    {
        return kind == other.kind && child == other.child && spi_in == other.spi_in &&
               (config == nullptr ? other.config == nullptr
                                  : other.config != nullptr && config->name == other.config->name);
    }
};

struct QueuedTask {
    Task task;
    uint64_t not_before_ns = 0;
};

/// The peer rekeyed the same child while our request was out (section 2.8.1).
struct ChildCollision {
    ChildSaId peer_child = 0;  // that its exchange made
    Bytes lowest_nonce;        // of its exchange
};

/// A child we asked for: what the answer is held against.
struct ChildExchange {
    ChildConfigPtr config;
    ChildSaId rekeys = 0;  // 0: a new child
    ReservedSpi spi;
    Bytes nonce;  // empty in IKE_AUTH: that exchange has its own
    std::optional<crypto::KeyExchange> key_exchange;
    std::vector<model::Proposal> proposals;
    model::Mode mode = model::Mode::kTunnel;
    Selectors local_ts;
    Selectors remote_ts;
    uint32_t group_retries = 0;
    bool is_old_gone = false;  // the peer deleted what we are rekeying: the response decides what that means
    std::optional<ChildCollision> collision;
    std::vector<uint32_t> gone_spis;  // that the peer deleted and we do not know: one may be what the response brings
};

/// The peer rekeyed the IKE SA while our request to do so was out (section 2.8.2).
struct IkeCollision {
    IkeSaId peer_ike_sa = 0;
    Bytes lowest_nonce;
};

struct IkeRekeyExchange {
    uint64_t spi = 0;
    Bytes nonce;
    std::optional<crypto::KeyExchange> key_exchange;
    uint32_t group_retries = 0;
    std::optional<IkeCollision> collision;
};

/// Our request that waits for its response.
struct Outstanding {
    Task task;
    ExchangeType exchange = ExchangeType::kInformational;
    uint32_t message_id = 0;
    uint32_t retransmits = 0;
    std::vector<Bytes> packets;
    std::variant<std::monostate, ChildExchange, IkeRekeyExchange> state;
};

/// The peer's last request, by its digest, and what we answered.
struct Answered {
    uint32_t message_id = 0;
    Digest digest{};
    std::vector<Bytes> packets;
};

/// What IKE_SA_INIT and IKE_AUTH need of each other; gone when the IKE SA is up.
struct Handshake {
    Bytes init_request;  // whole, as on the wire: both are signed
    Bytes init_response;
    Bytes nonce_i;
    Bytes nonce_r;
    Bytes cookie;
    std::optional<crypto::KeyExchange> key_exchange;
    uint32_t restarts = 0;              // for cookies and other groups
    std::vector<uint16_t> peer_hashes;  // SIGNATURE_HASH_ALGORITHMS
    bool peer_knows_ppk = false;        // USE_PPK
    bool peer_is_childless = false;     // CHILDLESS_IKEV2_SUPPORTED
    bool certificates_asked = false;    // CERTREQ came
    uint8_t proposal_number = 1;
};

struct IkeSa {
    explicit IkeSa(IkeSaId id_);

    [[nodiscard]] uint64_t own_spi() const noexcept { return role == Role::kInitiator ? spi_i : spi_r; }
    [[nodiscard]] uint64_t peer_spi() const noexcept { return role == Role::kInitiator ? spi_r : spi_i; }
    [[nodiscard]] bool is_up() const noexcept
    {
        return state == IkeState::kEstablished || state == IkeState::kRekeying;
    }
    [[nodiscard]] std::string name() const;  // "gw-gw[3]"
    [[nodiscard]] ChildSa* find_child(ChildSaId child) noexcept;
    /// By the SPI the peer receives with, which is how a peer names its SAs (RFC 7296 section 3.11).
    [[nodiscard]] ChildSa* find_child_by_peer_spi(uint32_t spi) noexcept;
    /// A current child of this name.
    [[nodiscard]] ChildSa* find_current_child(std::string_view child) noexcept;
    [[nodiscard]] bool uses_udp() const noexcept { return nat_local || nat_remote; }

    IkeSaId id;
    ConnectionPtr connection;
    Role role = Role::kInitiator;
    IkeState state = IkeState::kConnecting;
    bool nat_local = false;       // a NAT changes our address, or `encap` pretends it
    bool nat_remote = false;      // or the peer's
    bool is_behind_nat = false;   // nat_local, and true
    bool peer_fragments = false;  // IKEV2_FRAGMENTATION_SUPPORTED
    bool uses_ppk = false;
    bool is_half_open = false;  // counted as such
    bool is_heir_undecided =
        false;  // made by the peer's rekeying while ours was out: the children come when the collision is decided
    bool is_refused = false;    // an authentication failed: it only repeats what it said
    bool is_announced = false;  // listeners know it; its heir takes that over
    bool is_doomed = false;     // destroyed: freed at the end of the turn
    uint64_t spi_i = 0;
    uint64_t spi_r = 0;
    std::optional<Digest> init_digest;  // responder: of the first request, by which its repetition is known
    IkeSaId heir = 0;                   // made by rekeying this one
    IkeSaId predecessor = 0;            // that this one was made by rekeying
    Endpoint local;
    Endpoint remote;
    model::Identity local_id;
    model::Identity remote_id;
    std::optional<KeyMaterial> keys;  // since IKE_SA_INIT
    std::unique_ptr<Handshake> handshake;

    ChildEnd end = ChildEnd::kAsked;  // why we are deleting it

    uint32_t next_request = 0;      // message ID of our next request
    uint32_t expected_request = 0;  // and of the peer's
    std::unique_ptr<Outstanding> outstanding;
    std::vector<QueuedTask> queue;
    std::unique_ptr<Answered> answered;
    std::unique_ptr<Reassembly> request_fragments;
    std::unique_ptr<Reassembly> response_fragments;

    std::vector<std::unique_ptr<ChildSa>> children;

    uint64_t created_ns = 0;
    uint64_t established_ns = 0;
    uint64_t last_heard_ns = 0;  // an authentic message
    Timer retransmit_timer;
    Timer half_open_timer;
    Timer rekey_timer;
    Timer close_timer;
    Timer liveness_timer;
    Timer retry_timer;
    Timer forget_timer;
};

}  // namespace ipsecgw::ike
