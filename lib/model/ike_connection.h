// What IKE is to negotiate with whom, in swanctl.conf's words. Data only: files are named here and read elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret_bytes.h"
#include "model/identity.h"
#include "model/policy.h"
#include "model/proposal.h"
#include "model/sa_params.h"
#include "net/address.h"

namespace ipsecgw::model {

enum class AuthMethod : uint8_t { kPsk, kPubkey };
/// Keys and hashes an `auth` word may restrict a signature to ("rsa-sha256", "ecdsa", "ed25519").
enum class SignatureKey : uint8_t { kRsa, kEcdsa, kEd25519 };
enum class SignatureHash : uint8_t { kSha256, kSha384, kSha512 };

/// swanctl's `auth`: "psk", "pubkey", or "pubkey", "rsa", "ecdsa", "ed25519" with hashes after it: "rsa-sha256-sha384".
struct AuthRule {
    AuthMethod method = AuthMethod::kPubkey;
    std::vector<SignatureKey> keys;     // empty: any
    std::vector<SignatureHash> hashes;  // empty: any; in order of preference for our own signature

    static base::Result<AuthRule> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    bool operator==(const AuthRule&) const = default;
};

/// `revocation`: strict wants a valid CRL for each certificate, ifuri where the certificate names one, relaxed takes what there is.
enum class Revocation : uint8_t { kRelaxed, kIfUri, kStrict };

/// A `local` section: how we prove who we are.
struct LocalAuth {
    AuthRule auth;
    Identity id;                     // kAny: the certificate's subject, or our address with a PSK
    std::vector<std::string> certs;  // files; the first fits `id`, others of its chain follow in any order
};

/// A `remote` section: whom we accept.
struct RemoteAuth {
    AuthRule auth;
    Identity id;                       // a pattern; kAny: any identity the credentials prove
    std::vector<std::string> certs;    // files: accept these end certificates as such (pinned)
    std::vector<std::string> cacerts;  // files: accept only what these CAs issued; empty: any CA we trust
    Revocation revocation = Revocation::kRelaxed;
};

enum class UniquePolicy : uint8_t { kNo, kNever, kKeep, kReplace };
enum class Fragmentation : uint8_t { kYes, kAccept, kForce, kNo };
enum class Childless : uint8_t { kAllow, kPrefer, kForce, kNever };
enum class SendCert : uint8_t { kIfAsked, kAlways, kNever };
/// kTrapStart ("trap|start"): bring it up, and again when traffic asks.
enum class StartAction : uint8_t { kNone, kTrap, kStart, kTrapStart };
enum class DpdAction : uint8_t { kClear, kTrap, kRestart };

/// A selector of a child: a prefix, or swanctl's `dynamic`, the IKE SA's own address on that side.
struct ChildSelector {
    bool is_dynamic = true;
    TrafficSelector selector;  // dynamic: its protocol and ports count, its prefix does not

    /// TrafficSelector's spelling, "dynamic" or "dynamic[udp/4789]".
    static base::Result<ChildSelector> parse(std::string_view text);
    [[nodiscard]] std::string to_string() const;
    bool operator==(const ChildSelector&) const = default;
};

/// When an SA is rekeyed, when it ends, and how much before the rekeying is moved by chance. 0 is never; `life` without a value is 110 % of
/// `rekey`, `rand` without one is `life - rekey`.
struct RekeyLimit {
    uint64_t rekey = 0;
    std::optional<uint64_t> life;
    std::optional<uint64_t> rand;

    [[nodiscard]] uint64_t effective_life() const noexcept;
    [[nodiscard]] uint64_t effective_rand() const noexcept;
};

struct ChildConfig {
    std::string name;                    // unique in its connection
    std::vector<Proposal> esp_proposals;  // in order of preference; empty: the defaults
    Mode mode = Mode::kTunnel;
    std::vector<ChildSelector> local_ts;   // empty: dynamic
    std::vector<ChildSelector> remote_ts;
    RekeyLimit time_s{3600, {}, {}};       // rekey_time, life_time, rand_time
    RekeyLimit bytes;                      // rekey_bytes, life_bytes, rand_bytes
    RekeyLimit packets;                    // rekey_packets, life_packets, rand_packets
    StartAction start_action = StartAction::kNone;
    StartAction close_action = StartAction::kNone;
    DpdAction dpd_action = DpdAction::kClear;
    uint32_t inactivity_s = 0;             // close after so long without traffic; 0 is never
    uint32_t priority = 1000;              // of its policies, see Policy
    uint16_t replay_window = 64;
    HwOffload hw_offload = HwOffload::kNo;
    EngineChoice engine = EngineChoice::kAuto;
    TunnelHeader tunnel;                   // copy_df, copy_ecn, copy_dscp
    uint16_t tfc_pad_to = 0;
};

struct IkeConnection {
    std::string name;                       // unique in its gateway
    std::vector<net::Prefix> local_addrs;   // empty: any of our addresses
    std::vector<net::Prefix> remote_addrs;  // empty: any peer, so we can only respond; the first whole address is whom we initiate to
    uint16_t local_port = 500;
    uint16_t remote_port = 500;
    std::vector<Proposal> proposals;        // in order of preference; empty: the defaults
    bool encap = false;                     // force UDP encapsulation by pretending a NAT (RFC 7296 section 2.23)
    uint32_t dpd_delay_s = 0;               // 0: no liveness checks of our own
    uint32_t keyingtries = 1;               // 0: for ever
    UniquePolicy unique = UniquePolicy::kNo;
    uint32_t rekey_time_s = 4 * 3600;       // 0: never
    std::optional<uint32_t> over_time_s;    // past rekey_time until the SA is closed; absent: 10 % of rekey_time
    std::optional<uint32_t> rand_time_s;    // absent: over_time
    Fragmentation fragmentation = Fragmentation::kYes;
    Childless childless = Childless::kAllow;
    SendCert send_cert = SendCert::kIfAsked;
    bool send_certreq = true;
    std::optional<Identity> ppk_id;         // RFC 8784
    bool ppk_required = false;
    LocalAuth local;
    RemoteAuth remote;
    std::vector<ChildConfig> children;

    [[nodiscard]] uint32_t effective_over_time_s() const noexcept;
    [[nodiscard]] uint32_t effective_rand_time_s() const noexcept;
    /// The address we initiate to, if there is one.
    [[nodiscard]] std::optional<net::IpAddress> remote_address() const;
    [[nodiscard]] bool accepts(const net::IpAddress& local_address, const net::IpAddress& peer_address) const noexcept;
};

/// A secret of the `secrets` section. `ids` says whom it is shared with (and may name ourselves); none: anybody.
enum class SecretType : uint8_t { kIke, kPpk };
struct SharedSecret {
    SecretType type = SecretType::kIke;
    std::vector<Identity> ids;
    base::SecretBytes secret;

    /// A copy: explicit because a secret is in it.
    [[nodiscard]] SharedSecret clone() const;
};

/// A private key's file, PEM or DER, and what decrypts it.
struct PrivateKeyFile {
    std::string path;
    base::SecretBytes passphrase;

    [[nodiscard]] PrivateKeyFile clone() const;
};

/// A CA we trust, and files with its revocation lists.
struct Authority {
    std::string name;  // unique in its gateway
    std::string cacert;
    std::vector<std::string> crls;
};

/// Reads a secret's text: "0s" and base64, "0x" and hex digits, else the text itself. kInvalidArgument without any part of the text.
base::Result<base::SecretBytes> parse_secret(std::string_view text);

/// Everything that can be wrong with one connection by itself; see validate(SaParams). Fields of children are "children.[0].mode".
std::vector<base::Error> validate(const IkeConnection& connection);

std::string_view to_string(Revocation value) noexcept;
std::string_view to_string(UniquePolicy value) noexcept;
std::string_view to_string(Fragmentation value) noexcept;
std::string_view to_string(Childless value) noexcept;
std::string_view to_string(SendCert value) noexcept;
std::string_view to_string(StartAction value) noexcept;
std::string_view to_string(DpdAction value) noexcept;
std::string_view to_string(SecretType value) noexcept;

}  // namespace ipsecgw::model
