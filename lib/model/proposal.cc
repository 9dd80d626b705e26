#include "model/proposal.h"

#include <algorithm>
#include <iterator>

namespace ipsecgw::model {
namespace {

using base::Error;
using base::ErrorCode;
using base::Result;

// IANA "IKEv2 Encryption Algorithm Transform IDs".
struct EncryptionNumber {
    Encryption encryption;
    uint16_t id;
    std::array<uint16_t, 3>
        key_bits;  // what the Key Length attribute may be; 0: there is none (RFC 7296 section 3.3.5)
};
constexpr EncryptionNumber kEncryptionNumbers[] = {
    {Encryption::kNull, 11, {0, 0, 0}},       {Encryption::kAesCbc, 12, kAesKeyBits},
    {Encryption::kAesCtr, 13, kAesKeyBits},   {Encryption::kAesGcm8, 18, kAesKeyBits},
    {Encryption::kAesGcm12, 19, kAesKeyBits}, {Encryption::kAesGcm16, 20, kAesKeyBits},
    {Encryption::kAesGmac, 21, kAesKeyBits},  {Encryption::kChaCha20Poly1305, 28, {0, 0, 0}},
};

// IANA "IKEv2 Integrity Algorithm Transform IDs".
struct IntegrityNumber {
    Integrity integrity;
    uint16_t id;
    std::string_view word;
};
constexpr IntegrityNumber kIntegrityNumbers[] = {
    {Integrity::kNone, 0, "none"},
    {Integrity::kHmacSha256, 12, "sha256"},
    {Integrity::kHmacSha384, 13, "sha384"},
    {Integrity::kHmacSha512, 14, "sha512"},
};

std::string word_of(const Transform& transform)
{
    const auto unknown = [&](const char* kind) { return std::string(kind) + "-" + std::to_string(transform.id); };
    switch (transform.type) {
        case TransformType::kEncryption: {
            const auto cipher = cipher_of(transform);
            return cipher ? cipher->name()
                          : unknown("encr") + (transform.key_bits != 0 ? "/" + std::to_string(transform.key_bits) : "");
        }
        case TransformType::kPrf: {
            const auto prf = prf_of(transform);
            return prf ? std::string(to_string(*prf)) : unknown("prf");
        }
        case TransformType::kIntegrity: {
            const auto found = std::find_if(std::begin(kIntegrityNumbers), std::end(kIntegrityNumbers),
                                            [&](const IntegrityNumber& n) { return n.id == transform.id; });
            return found != std::end(kIntegrityNumbers) ? std::string(found->word) : unknown("integ");
        }
        case TransformType::kKeyExchange: {
            const auto group = group_of(transform.id);
            return group ? std::string(to_string(*group)) : unknown("group");
        }
        case TransformType::kSequenceNumbers:
            return transform.id == kEsn ? "esn" : transform.id == kNoEsn ? "noesn" : unknown("esn");
    }
    return "transform-" + std::to_string(static_cast<unsigned>(transform.type)) + "-" + std::to_string(transform.id);
}

/// The one transform of a type, or nothing: there is none or a choice is left.
std::optional<Transform> only(const Proposal& proposal, TransformType type)
{
    const auto found = proposal.of(type);
    return found.size() == 1 ? std::optional(found[0]) : std::nullopt;
}

Error not_chosen(const Proposal& proposal)
{
    return {
        ErrorCode::kUnsupported, "\"" + proposal.to_string() + "\" is not one algorithm of each kind that we have", {}};
}

/// The cipher with its integrity algorithm.
std::optional<EspSuite> suite_of(const Proposal& chosen)
{
    const auto encryption = only(chosen, TransformType::kEncryption);
    auto suite = encryption ? cipher_of(*encryption) : std::nullopt;
    if (!suite)
        return std::nullopt;
    const auto integrities = chosen.of(TransformType::kIntegrity);
    if (integrities.size() > 1)
        return std::nullopt;
    const auto integrity = integrities.empty() ? Integrity::kNone : integrity_of(integrities[0]);
    if (!integrity || suite->is_aead() != (*integrity == Integrity::kNone))
        return std::nullopt;
    suite->integrity = *integrity;
    return suite;
}

}  // namespace

std::vector<Transform> Proposal::of(TransformType type) const
{
    std::vector<Transform> out;
    std::copy_if(transforms.begin(), transforms.end(), std::back_inserter(out),
                 [type](const Transform& t) { return t.type == type; });
    return out;
}

bool Proposal::has(const Transform& transform) const
{
    return std::find(transforms.begin(), transforms.end(), transform) != transforms.end();
}

std::string Proposal::to_string() const
{
    std::string out;
    for (const auto& transform : transforms) {
        if (!out.empty())
            out += '-';
        out += word_of(transform);
    }
    return out;
}

std::string IkeSuite::name() const
{
    return cipher.name() + "-" + std::string(to_string(prf)) + "-" + std::string(to_string(group));
}

std::string ChildSuite::name() const
{
    return esp.name() + (group == KeyExchangeGroup::kNone ? "" : "-" + std::string(to_string(group))) +
           (esn ? "-esn" : "");
}

Transform to_transform(Encryption encryption, uint16_t key_bits) noexcept
{
    for (const auto& known : kEncryptionNumbers)
        if (known.encryption == encryption)
            return {TransformType::kEncryption, known.id, known.key_bits[0] == 0 ? uint16_t{0} : key_bits};
    return {};
}

Transform to_transform(Integrity integrity) noexcept
{
    for (const auto& known : kIntegrityNumbers)
        if (known.integrity == integrity)
            return {TransformType::kIntegrity, known.id, 0};
    return {};
}

Transform to_transform(Prf prf) noexcept
{
    return {TransformType::kPrf, static_cast<uint16_t>(prf), 0};
}

Transform to_transform(KeyExchangeGroup group) noexcept
{
    return {TransformType::kKeyExchange, static_cast<uint16_t>(group), 0};
}

std::optional<EspSuite> cipher_of(const Transform& encryption) noexcept
{
    if (encryption.type != TransformType::kEncryption)
        return std::nullopt;
    for (const auto& known : kEncryptionNumbers) {
        if (known.id != encryption.id ||
            std::find(known.key_bits.begin(), known.key_bits.end(), encryption.key_bits) == known.key_bits.end())
            continue;
        const bool is_chacha = known.encryption == Encryption::kChaCha20Poly1305;
        return EspSuite{known.encryption, is_chacha ? uint16_t{256} : encryption.key_bits, Integrity::kNone};
    }
    return std::nullopt;
}

std::optional<Integrity> integrity_of(const Transform& integrity) noexcept
{
    if (integrity.type != TransformType::kIntegrity || integrity.key_bits != 0)
        return std::nullopt;
    for (const auto& known : kIntegrityNumbers)
        if (known.id == integrity.id)
            return known.integrity;
    return std::nullopt;
}

std::optional<Prf> prf_of(const Transform& prf) noexcept
{
    if (prf.type != TransformType::kPrf || prf.key_bits != 0)
        return std::nullopt;
    for (const Prf known : {Prf::kHmacSha256, Prf::kHmacSha384, Prf::kHmacSha512})
        if (static_cast<uint16_t>(known) == prf.id)
            return known;
    return std::nullopt;
}

std::optional<KeyExchangeGroup> group_of(uint16_t id) noexcept
{
    const auto group = static_cast<KeyExchangeGroup>(id);
    if (to_string(group).empty())
        return std::nullopt;
    return group;
}

Result<IkeSuite> to_ike_suite(const Proposal& chosen)
{
    const auto suite = suite_of(chosen);
    const auto prf = prf_of(only(chosen, TransformType::kPrf).value_or(Transform{}));
    const auto group = group_of(only(chosen, TransformType::kKeyExchange).value_or(Transform{}).id);
    if (!suite || !prf || !group || *group == KeyExchangeGroup::kNone || suite->encryption == Encryption::kNull ||
        suite->encryption == Encryption::kAesGmac)
        return not_chosen(chosen);
    return IkeSuite{*suite, *prf, *group};
}

Result<ChildSuite> to_child_suite(const Proposal& chosen)
{
    const auto suite = suite_of(chosen);
    // Left out it says the same as 0, no ESN: some peers do so.
    const auto sequences = chosen.of(TransformType::kSequenceNumbers);
    const uint16_t sequence = sequences.empty() ? kNoEsn : sequences[0].id;
    const auto groups = chosen.of(TransformType::kKeyExchange);
    const auto group = groups.empty() ? std::optional(KeyExchangeGroup::kNone) : group_of(groups[0].id);
    if (!suite || sequences.size() > 1 || sequence > kEsn || groups.size() > 1 || !group)
        return not_chosen(chosen);
    return ChildSuite{*suite, sequence == kEsn, *group};
}

std::string_view to_string(KeyExchangeGroup group) noexcept
{
    switch (group) {
        case KeyExchangeGroup::kNone:
            return "modpnone";
        case KeyExchangeGroup::kModp2048:
            return "modp2048";
        case KeyExchangeGroup::kModp3072:
            return "modp3072";
        case KeyExchangeGroup::kModp4096:
            return "modp4096";
        case KeyExchangeGroup::kEcp256:
            return "ecp256";
        case KeyExchangeGroup::kEcp384:
            return "ecp384";
        case KeyExchangeGroup::kEcp521:
            return "ecp521";
        case KeyExchangeGroup::kCurve25519:
            return "x25519";
        case KeyExchangeGroup::kCurve448:
            return "x448";
    }
    return "";
}

std::string_view to_string(Prf prf) noexcept
{
    switch (prf) {
        case Prf::kHmacSha256:
            return "prfsha256";
        case Prf::kHmacSha384:
            return "prfsha384";
        case Prf::kHmacSha512:
            return "prfsha512";
    }
    return "";
}

}  // namespace ipsecgw::model
