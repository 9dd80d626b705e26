// X.509 certificates and revocation lists (RFC 5280), as IKE sees them (RFC 4945).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "crypto/evp_handle.h"
#include "crypto/public_key.h"

namespace ipsecgw::crypto {

/// The kinds of subjectAltName that an IKE identity can be (RFC 4945 section 3.1).
enum class NameType : uint8_t { kDns, kEmail, kIp };
struct AlternativeName {
    NameType type;
    std::vector<uint8_t> data;  // text, or 4 or 16 address bytes
};

/// One certificate. Copies share it, and it never changes. Threads: any.
class Certificate {
  public:
    /// `der` is one certificate and nothing else. kInvalidArgument: broken; kUnsupported: its key is refused
    /// (PublicKey).
    static base::Result<Certificate> from_der(std::span<const uint8_t> der);

    /// All certificates of a file: one in DER, one or more in PEM. Errors as from_der, and kInvalidArgument when a PEM
    /// file has none.
    static base::Result<std::vector<Certificate>> parse_all(std::span<const uint8_t> bytes);

    [[nodiscard]] std::span<const uint8_t> der() const noexcept { return contents_->der; }
    [[nodiscard]] const PublicKey& public_key() const noexcept { return contents_->public_key; }
    /// DER of the subject's Name.
    [[nodiscard]] std::span<const uint8_t> subject_der() const noexcept { return contents_->subject_der; }
    /// "C=CH, O=Example, CN=moon" (RFC 4514's escapes), fit for a log line; so is the issuer.
    [[nodiscard]] const std::string& subject() const noexcept { return contents_->subject; }
    [[nodiscard]] const std::string& issuer() const noexcept { return contents_->issuer; }
    /// Names that are well-formed text or addresses; others are left out.
    [[nodiscard]] const std::vector<AlternativeName>& names() const noexcept { return contents_->names; }
    /// Seconds since 1970.
    [[nodiscard]] int64_t not_before() const noexcept { return contents_->not_before; }
    [[nodiscard]] int64_t not_after() const noexcept { return contents_->not_after; }

    /// The subject is this Name, compared as RFC 5280 section 7.1 does: without regard to case, string type and extra
    /// space.
    [[nodiscard]] bool has_subject(std::span<const uint8_t> name_der) const;
    /// A version 3 CA: basicConstraints says so, and keyUsage, if there, lets it sign certificates (RFC 4945
    /// section 5.1.3).
    [[nodiscard]] bool is_ca() const noexcept { return contents_->ca; }
    /// Subject and issuer are one: a root, or a certificate that nobody vouches for.
    [[nodiscard]] bool is_self_issued() const noexcept { return contents_->self_issued; }

    /// `issuer` signed this certificate, by names, key identifiers and signature. Says nothing about trust.
    [[nodiscard]] bool is_issued_by(const Certificate& issuer) const;

    /// Its key usage lets it sign AUTH payloads: keyUsage, if there, has digitalSignature or nonRepudiation (RFC 4945
    /// section 5.1.3.2), extendedKeyUsage, if there, has ipsecIKE or any (section 5.1.3.12). kPermissionDenied says
    /// which.
    [[nodiscard]] base::Result<void> allows_ike() const;

    /// Bit for bit the same certificate.
    bool operator==(const Certificate& other) const noexcept;

    /// OpenSSL's object, for this library. Not null.
    [[nodiscard]] x509_st* native() const noexcept { return contents_->native.get(); }

  private:
    struct Release {
        void operator()(x509_st* p) const noexcept;
    };
    struct Contents {
        std::unique_ptr<x509_st, Release> native;
        std::vector<uint8_t> der;
        PublicKey public_key;
        std::vector<uint8_t> subject_der;
        std::string subject;
        std::string issuer;
        std::vector<AlternativeName> names;
        int64_t not_before;
        int64_t not_after;
        bool ca;
        bool self_issued;
    };
    explicit Certificate(std::shared_ptr<const Contents> contents) noexcept : contents_(std::move(contents)) {}

    std::shared_ptr<const Contents> contents_;
};

/// One certificate revocation list, whose signature is checked when it is used. Copies share it. Threads: any.
class RevocationList {
  public:
    /// In PEM or DER, whole. kInvalidArgument.
    static base::Result<RevocationList> parse(std::span<const uint8_t> bytes);

    [[nodiscard]] const std::string& issuer() const noexcept { return issuer_; }

    /// OpenSSL's object, for this library. Not null.
    [[nodiscard]] X509_crl_st* native() const noexcept { return native_.get(); }

  private:
    RevocationList(std::shared_ptr<X509_crl_st> native, std::string issuer) noexcept
        : native_(std::move(native)), issuer_(std::move(issuer))
    {
    }

    std::shared_ptr<X509_crl_st> native_;
    std::string issuer_;
};

/// "2026-11-21 20:15:00 UTC"
std::string utc_text(int64_t unix_seconds);

}  // namespace ipsecgw::crypto
