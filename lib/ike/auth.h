// Who is who: making and checking AUTH payloads and the certificates beside them (RFC 7296 sections 2.15 and 3.6
// to 3.8, RFC 7427, RFC 4754, RFC 8420, RFC 8784).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "crypto/hmac.h"
#include "net/address.h"

namespace ipsecgw::model {
struct Identity;
struct IkeConnection;
}  // namespace ipsecgw::model

namespace ipsecgw::ike {

class Credentials;

/// The body of an AUTH payload: the method's IANA number ("IKEv2 Authentication Method") and what proves it.
struct AuthData {
    uint8_t method = 0;
    std::vector<uint8_t> data;
};

/// The body of a CERT payload, or of a CERTREQ: encoding 4 is an X.509 certificate, or SHA-1 hashes of the public keys
/// of CAs one after another (RFC 7296 sections 3.6 and 3.7).
struct CertificateData {
    uint8_t encoding = 0;
    std::vector<uint8_t> data;
};

/// What one end puts its name to (RFC 7296 section 2.15): its own first message, the other's nonce, its own identity.
struct SignedOctets {
    std::span<const uint8_t> message;  // the signer's IKE_SA_INIT message, whole, as it was on the wire
    std::span<const uint8_t> nonce;    // the other end's, without payload header
    std::span<const uint8_t> id;       // the signer's ID payload without generic header: type, 3 reserved octets, data
    std::span<const uint8_t> sk_p;     // the signer's SK_pi or SK_pr; with a PPK the mixed one (RFC 8784 section 3)
    crypto::Hash prf = crypto::Hash::kSha256;
};

/// The hash algorithms we verify, for SIGNATURE_HASH_ALGORITHMS: SHA2-256, SHA2-384, SHA2-512, Identity (RFC 8420).
inline constexpr std::array<uint16_t, 4> kSignatureHashes = {2, 3, 4, 5};

/// What our own AUTH depends on.
struct OwnAuthInput {
    const model::IkeConnection& connection;
    const model::Identity& id;    // ours, see own_identity
    const model::Identity& peer;  // kAny: an initiator that does not know it yet; a PSK is then found by address
    net::IpAddress peer_address;
    std::span<const uint16_t> peer_hashes;  // the peer's SIGNATURE_HASH_ALGORITHMS; empty: it sent none
    SignedOctets octets;
};

/// The AUTH payload that proves we are `input.id`, by the connection's `local.auth`. An initiator with an optional PPK
/// calls it twice: with the mixed SK_pi for AUTH, with the plain one for NO_PPK_AUTH (its data only, RFC 8784 section
/// 3). kNotFound: no secret, key or certificate for it; kUnsupported: the peer takes none of our signatures.
base::Result<AuthData> make_auth(const Credentials& credentials, const OwnAuthInput& input);

/// Our identity on a connection: `local.id`, else the subject of our certificate, else (PSK) `local_address`.
/// kNotFound.
base::Result<model::Identity> own_identity(const Credentials& credentials, const model::IkeConnection& connection,
                                           const net::IpAddress& local_address);

/// Whether the peer sent CERTREQ.
enum class Asked : uint8_t { kNo, kYes };

/// CERT payloads to send before AUTH, our own certificate first, then the CAs between it and the root. None with a PSK,
/// or when `send_cert` says so.
std::vector<CertificateData> certificates_to_send(const Credentials& credentials,
                                                  const model::IkeConnection& connection, Asked asked);

/// CERTREQ payloads to send: the CAs we accept on this connection. None where the peer uses a PSK or pinned
/// certificates.
std::vector<CertificateData> certificate_requests(const Credentials& credentials,
                                                  const model::IkeConnection& connection);

/// What the peer's AUTH is checked against.
struct PeerAuthInput {
    const model::IkeConnection& connection;
    const model::Identity& own;
    const model::Identity& id;  // what the peer says it is
    net::IpAddress peer_address;
    const AuthData& auth;
    std::span<const CertificateData> certificates;  // all CERT payloads, in order: the first is the peer's own
    SignedOctets octets;                            // the peer's
    int64_t unix_seconds = 0;
};

/// How a peer proved itself, for the log and for status.
struct PeerProof {
    std::string method;     // "pre-shared key", "RSA-PSS with SHA2-256", ...
    std::string subject;    // of its certificate; empty with a PSK
    int64_t not_after = 0;  // when the first certificate of its chain ends, seconds since 1970; 0 with a PSK
};

/// Whether the peer is who it says, by the connection's `remote` section: its identity fits `remote.id`, its method
/// fits `remote.auth`, the certificate names the identity, is pinned or leads to a CA we accept there, is valid at
/// `unix_seconds` and not revoked, and the signature or MAC is right (compared in constant time).
///
/// kPermissionDenied with the exact reason, for the log; the peer hears AUTHENTICATION_FAILED whatever it is.
base::Result<PeerProof> verify_auth(const Credentials& credentials, const PeerAuthInput& input);

}  // namespace ipsecgw::ike
