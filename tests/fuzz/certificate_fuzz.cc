// Certificates, revocation lists, keys, AlgorithmIdentifiers and PEM from peers and files: nothing of it crashes, and
// what is read is fit to use.
#include <cstdint>
#include <cstdlib>
#include <span>
#include <vector>

#include "crypto/certificate.h"
#include "crypto/certificate_chain.h"
#include "crypto/pem.h"
#include "crypto/private_key.h"
#include "crypto/signature.h"

namespace {

using namespace ipsecgw;
using Bytes = std::span<const uint8_t>;

constexpr int64_t kNow = 1781524800;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

bool is_log_text(const std::string& text)
{
    for (const char c : text)
        if (c < 0x20 || c > 0x7e)
            return false;
    return text.size() < 600;
}

void use(const crypto::PublicKey& key)
{
    const auto again = crypto::PublicKey::from_spki(key.spki());
    require(again && *again == key && again->key_id() == key.key_id());
    for (const auto algorithm : {crypto::SignatureAlgorithm::kRsaPss, crypto::SignatureAlgorithm::kEcdsa,
                                 crypto::SignatureAlgorithm::kEd25519})
        require(!key.verify(crypto::SignatureScheme::of(algorithm, crypto::Hash::kSha256), {}, {}));
}

void use(const crypto::Certificate& certificate)
{
    use(certificate.public_key());
    require(is_log_text(certificate.subject()) && is_log_text(certificate.issuer()));
    for (const auto& name : certificate.names())
        require(!name.data.empty() &&
                (name.type != crypto::NameType::kIp || name.data.size() == 4 || name.data.size() == 16));
    static_cast<void>(certificate.has_subject(certificate.subject_der()));
    static_cast<void>(certificate.allows_ike().has_value());
    static_cast<void>(crypto::utc_text(certificate.not_after()));
    static_cast<void>(certificate.is_issued_by(certificate));
    const auto again = crypto::Certificate::from_der(certificate.der());
    require(again && *again == certificate);
}

void read_certificates(Bytes bytes)
{
    const auto all = crypto::Certificate::parse_all(bytes);
    if (!all)
        return;
    require(!all->empty());
    for (const auto& certificate : *all)
        use(certificate);
    // Nobody trusts anybody here; then everybody does.
    require(!crypto::verify_chain({all->front(), *all, {}, {}, kNow, crypto::RevocationCheck::kRelaxed}));
    static_cast<void>(
        crypto::verify_chain({all->front(), {}, *all, {}, all->front().not_before(), crypto::RevocationCheck::kIfUri})
            .has_value());
}

void read_private_key(Bytes bytes)
{
    const auto key = crypto::PrivateKey::parse(bytes);
    if (!key)
        return;
    use(key->public_key());
}

void read_revocation_list(Bytes bytes)
{
    const auto list = crypto::RevocationList::parse(bytes);
    if (list)
        require(is_log_text(list->issuer()));
}

void read_algorithm(Bytes bytes)
{
    const auto scheme = crypto::decode_algorithm_identifier(bytes);
    if (!scheme || scheme->salt_bytes > 127)
        return;
    const auto again = crypto::decode_algorithm_identifier(crypto::encode_algorithm_identifier(*scheme));
    require(again && *again == *scheme);
}

void read_pem(Bytes bytes)
{
    const auto blocks = crypto::decode_pem(bytes);
    if (blocks)
        for (const auto& block : *blocks)
            require(block.der.size() <= bytes.size());
}

void read_signature(Bytes bytes)
{
    for (const auto curve : {crypto::KeyType::kEcdsaP256, crypto::KeyType::kEcdsaP384, crypto::KeyType::kEcdsaP521}) {
        if (const auto raw = crypto::ecdsa_to_raw(curve, bytes)) {
            const auto der = crypto::ecdsa_from_raw(curve, *raw);
            require(der && crypto::ecdsa_to_raw(curve, *der).value() == *raw);
        }
        static_cast<void>(crypto::ecdsa_from_raw(curve, bytes).has_value());
    }
}

}  // namespace

/// The first byte says what the others are.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    static constexpr void (*kReaders[])(Bytes) = {read_certificates, read_private_key, read_revocation_list,
                                                  read_algorithm,    read_pem,         read_signature};
    if (size == 0)
        return 0;
    // A copy of its own, so that reading past it shows.
    const std::vector<uint8_t> bytes(data + 1, data + size);
    kReaders[data[0] % std::size(kReaders)](bytes);
    return 0;
}
