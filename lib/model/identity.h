// Who somebody is in IKE: the identification payload's types in strongSwan's spelling (RFC 7296 section 3.5).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ipsecgw::model {

/// IANA "IKEv2 Identification Payload ID Types"; kAny is our own, for patterns.
enum class IdentityType : uint8_t {
    kAny = 0,
    kIpv4Address = 1,
    kFqdn = 2,
    kRfc822Address = 3,
    kIpv6Address = 5,
    kDistinguishedName = 9,   // ID_DER_ASN1_DN
    kGeneralName = 10,        // ID_DER_ASN1_GN
    kKeyId = 11,
};

/// An identity, or a pattern of identities: kAny matches all, "*.example.org", "*@example.org" and a DN with "*" values match what they say.
struct Identity {
    IdentityType type = IdentityType::kAny;
    std::vector<uint8_t> data;  // as in the payload: address bytes, text, DER

    /// Reads swanctl's spelling:
    ///   "%any"                             any identity
    ///   "192.0.2.1", "2001:db8::1"         an address
    ///   "moon.example.org", "@moon"        a domain name
    ///   "carol@example.org", "@@carol"     an e-mail address
    ///   "C=CH, O=Example, CN=moon"         a distinguished name (also "/C=CH/O=..."); values are encoded as PrintableString where they can be
    ///   "@#0011aabb"                       a key id in hex
    /// A prefix settles the type: "ipv4:", "ipv6:", "fqdn:", "dns:", "email:", "rfc822:", "asn1dn:", "dn:", "keyid:"; "#" after it: the
    /// bytes in hex ("keyid:#0011", "asn1dn:#30...").
    static base::Result<Identity> parse(std::string_view text);
    /// As `parse` reads it; bytes that are no printable text in hex.
    [[nodiscard]] std::string to_string() const;

    [[nodiscard]] bool is_any() const noexcept { return type == IdentityType::kAny; }
    /// Stands for several: kAny, or with a "*".
    [[nodiscard]] bool is_pattern() const;
    /// `this`, as a pattern, covers `candidate`. Domain names, e-mail domains and DN values compare without regard to case (RFC 5280
    /// sections 7.1 to 7.5); DN attributes in the same order, whatever string type they are encoded in.
    [[nodiscard]] bool matches(const Identity& candidate) const;
    /// The same identity by the rules of `matches`, "*" standing for itself: for what a peer or a certificate says. kAny equals kAny only.
    [[nodiscard]] bool equals(const Identity& other) const;

    auto operator<=>(const Identity&) const = default;
};

/// What a peer sent has the form its type asks for: lengths of addresses, no empty or over-long data, no NUL in text, a DN that parses.
[[nodiscard]] bool is_well_formed(const Identity& identity) noexcept;

inline constexpr size_t kMaxIdentityBytes = 1024;

}  // namespace ipsecgw::model
