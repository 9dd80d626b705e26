// A certification authority for tests: keys, certificates and revocation lists as wanted, right or wrong.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <openssl/evp.h>
#include <openssl/x509.h>

namespace ipsecgw::test {

/// The time at which the tests' certificates are valid: 2026-06-15 12:00:00 UTC.
inline constexpr int64_t kPkiNow = 1781524800;
inline constexpr int64_t kDay = 86400;

enum class KeyKind : uint8_t { kRsa2048, kRsa1024, kP256, kP384, kP521, kEd25519, kSecp256k1 };

struct CertificateSpec {
    std::string subject = {};  // "C=CH/O=Example/CN=moon"
    /// As in openssl.cnf: {"subjectAltName", "DNS:moon.example.org"}, {"basicConstraints", "critical,CA:TRUE"}.
    std::vector<std::pair<std::string, std::string>> extensions = {};
    KeyKind key = KeyKind::kP256;
    int64_t not_before = kPkiNow - kDay;
    int64_t not_after = kPkiNow + kDay;
    std::string digest = "SHA256";  // of the signature; not used by Ed25519
};

/// A certificate with its private key.
class Issued {
  public:
    /// Issued by `issuer`, or self-signed. Throws when OpenSSL refuses.
    static Issued make(const CertificateSpec& spec, const Issued* issuer = nullptr);
    /// A CA with basicConstraints and keyUsage.
    static Issued make_ca(const std::string& subject, const Issued* issuer = nullptr,
                          const CertificateSpec& other = {});

    [[nodiscard]] std::vector<uint8_t> der() const;
    [[nodiscard]] std::vector<uint8_t> pem() const;
    [[nodiscard]] std::vector<uint8_t> key_der() const;  // PKCS#8
    [[nodiscard]] std::vector<uint8_t> key_pem() const;  // PKCS#8
    /// PKCS#1 or SEC1, with a passphrase in OpenSSL's old way.
    [[nodiscard]] std::vector<uint8_t> key_pem_traditional(const std::string& passphrase = {}) const;
    [[nodiscard]] std::vector<uint8_t> key_pem_encrypted(const std::string& passphrase) const;  // PKCS#8
    /// A revocation list of this CA.
    [[nodiscard]] std::vector<uint8_t> revoke(const std::vector<const Issued*>& revoked,
                                              int64_t this_update = kPkiNow - kDay,
                                              int64_t next_update = kPkiNow + kDay) const;

  private:
    std::shared_ptr<EVP_PKEY> key_;
    std::shared_ptr<X509> certificate_;
};

/// A new private key; RSA ones are made once.
std::shared_ptr<EVP_PKEY> make_key(KeyKind kind);

std::vector<uint8_t> to_pem(const std::string& label, const std::vector<uint8_t>& der);

}  // namespace ipsecgw::test
