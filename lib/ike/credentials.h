// Secrets, keys and certificates of a gateway, and which of them a connection uses.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/secret_bytes.h"
#include "net/address.h"

namespace ipsecgw::model {
struct Identity;
struct IkeConnection;
struct SharedSecret;
}  // namespace ipsecgw::model

namespace ipsecgw::ike {

/// Bytes come in, nothing is read from disk here: a connection names certificates by file, and whoever read the file
/// adds its bytes under that name (VICI, which sends contents, makes names up). Everything may change while connections
/// live; the next authentication sees it. Secrets and keys are wiped when they go. Threads: one.
class Credentials {
  public:
    Credentials();
    ~Credentials();
    Credentials(Credentials&&) noexcept;
    Credentials& operator=(Credentials&&) noexcept;

    /// A PSK or PPK. One with the same type and identities is replaced.
    void add_secret(model::SharedSecret secret);

    /// A private key in PEM or DER: PKCS#8, PKCS#1 or SEC1; RSA of 2048 bits or more, ECDSA on P-256, P-384 or P-521,
    /// Ed25519. `passphrase` opens an encrypted one (PKCS#8 only). `name` is for errors. kInvalidArgument with the
    /// reason, kUnsupported, kPermissionDenied (encrypted, and the passphrase is missing or wrong).
    base::Result<void> add_private_key(const std::string& name, std::span<const uint8_t> bytes,
                                       std::span<const uint8_t> passphrase);

    /// The certificates of file `name`: one in DER, any number in PEM. Connections find them by this name. CAs among
    /// them may stand in the middle of chains, but nothing is trusted for being here.
    base::Result<void> add_certificates(const std::string& name, std::span<const uint8_t> bytes);

    /// CAs trusted on every connection that names none itself (`authorities`). kInvalidArgument: not a CA's
    /// certificate.
    base::Result<void> add_authority(const std::string& name, std::span<const uint8_t> bytes);

    /// A certificate revocation list, PEM or DER, of any CA.
    base::Result<void> add_crl(const std::string& name, std::span<const uint8_t> bytes);

    /// Everything a connection needs and that is not here or does not fit: a file that was not added, no key for a
    /// certificate, a certificate without `local.id` in it, no CA. `what` starts with the setting.
    [[nodiscard]] std::vector<base::Error> check(const model::IkeConnection& connection) const;

    /// The postquantum preshared key of this id (RFC 8784); nullptr: there is none.
    [[nodiscard]] const base::SecretBytes* find_ppk(const model::Identity& id) const;

    /// The secret shared by these two: the one whose identities fit best, the peer's before our own. With an unknown
    /// peer (kAny) its address stands for it. nullptr: there is none.
    [[nodiscard]] const base::SecretBytes* find_psk(const model::Identity& own, const model::Identity& peer,
                                                    const net::IpAddress& peer_address) const;

    struct Store;
    [[nodiscard]] const Store& store() const noexcept { return *store_; }  // for auth.cc

  private:
    std::unique_ptr<Store> store_;
};

}  // namespace ipsecgw::ike
