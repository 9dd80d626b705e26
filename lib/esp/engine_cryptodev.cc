// Sessions, transforms and capabilities of crypto devices.

// rte_cryptodev_sym_session_pool_create is still marked experimental in 22.11, and unchanged since 19.05.
#define ALLOW_EXPERIMENTAL_API

#include <algorithm>
#include <utility>

#include <rte_cryptodev.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include "base/text.h"
#include "esp/engine_cryptodev_internal.h"

namespace ipsecgw::esp {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::Direction;
using model::Encryption;
using model::Integrity;

namespace {

constexpr uint32_t kFirstPoolSessions = 128;
constexpr uint32_t kLargestPoolSessions = 4096;

rte_crypto_auth_algorithm auth_algorithm(Integrity integrity) noexcept
{
    switch (integrity) {
        case Integrity::kHmacSha256:
            return RTE_CRYPTO_AUTH_SHA256_HMAC;
        case Integrity::kHmacSha384:
            return RTE_CRYPTO_AUTH_SHA384_HMAC;
        case Integrity::kHmacSha512:
            return RTE_CRYPTO_AUTH_SHA512_HMAC;
        case Integrity::kNone:
            break;
    }
    return RTE_CRYPTO_AUTH_NULL;
}

bool is_gcm_or_chacha(Encryption encryption) noexcept
{
    switch (encryption) {
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
        case Encryption::kChaCha20Poly1305:
            return true;
        case Encryption::kAesGmac:
        case Encryption::kAesCbc:
        case Encryption::kAesCtr:
        case Encryption::kNull:
            break;
    }
    return false;
}

rte_crypto_aead_algorithm aead_algorithm(Encryption encryption) noexcept
{
    return encryption == Encryption::kChaCha20Poly1305 ? RTE_CRYPTO_AEAD_CHACHA20_POLY1305 : RTE_CRYPTO_AEAD_AES_GCM;
}

rte_crypto_cipher_algorithm cipher_algorithm(Encryption encryption) noexcept
{
    return encryption == Encryption::kAesCbc ? RTE_CRYPTO_CIPHER_AES_CBC : RTE_CRYPTO_CIPHER_AES_CTR;
}

rte_crypto_sym_xform aead_transform(const KeyRequest& request, const model::SuiteLayout& layout, const KeyParts& parts,
                                    uint16_t iv_offset)
{
    rte_crypto_sym_xform transform{};
    transform.type = RTE_CRYPTO_SYM_XFORM_AEAD;
    transform.aead.op =
        request.direction == Direction::kOutbound ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT;
    transform.aead.algo = aead_algorithm(request.suite.encryption);
    transform.aead.key = {parts.key.data(), layout.key_bytes};
    transform.aead.iv.offset = iv_offset;
    transform.aead.iv.length = kNonceBytes;
    transform.aead.digest_length = layout.icv_bytes;
    transform.aead.aad_length = static_cast<uint16_t>(request.esn ? kEsnAadBytes : kEspHeaderBytes);
    return transform;
}

rte_crypto_sym_xform auth_transform(const KeyRequest& request, const model::SuiteLayout& layout, const KeyParts& parts,
                                    uint16_t iv_offset)
{
    rte_crypto_sym_xform transform{};
    transform.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    transform.auth.op =
        request.direction == Direction::kOutbound ? RTE_CRYPTO_AUTH_OP_GENERATE : RTE_CRYPTO_AUTH_OP_VERIFY;
    transform.auth.digest_length = layout.icv_bytes;
    if (request.suite.encryption == Encryption::kAesGmac) {
        transform.auth.algo = RTE_CRYPTO_AUTH_AES_GMAC;
        transform.auth.key = {parts.key.data(), layout.key_bytes};
        transform.auth.iv.offset = iv_offset;
        transform.auth.iv.length = kNonceBytes;
    } else {
        transform.auth.algo = auth_algorithm(request.suite.integrity);
        transform.auth.key = {parts.integrity_key.data(), layout.integrity_key_bytes};
    }
    return transform;
}

}  // namespace

void describe(const KeyRequest& request, const KeyParts& parts, uint16_t iv_offset, Transforms& out)
{
    const model::SuiteLayout layout = request.suite.layout();
    if (is_gcm_or_chacha(request.suite.encryption)) {
        out.first = aead_transform(request, layout, parts, iv_offset);
        return;
    }
    out.first = auth_transform(request, layout, parts, iv_offset);
    if (request.suite.encryption == Encryption::kAesGmac || request.suite.encryption == Encryption::kNull)
        return;
    rte_crypto_sym_xform cipher{};
    cipher.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
    cipher.cipher.op =
        request.direction == Direction::kOutbound ? RTE_CRYPTO_CIPHER_OP_ENCRYPT : RTE_CRYPTO_CIPHER_OP_DECRYPT;
    cipher.cipher.algo = cipher_algorithm(request.suite.encryption);
    cipher.cipher.key = {parts.key.data(), layout.key_bytes};
    cipher.cipher.iv.offset = iv_offset;
    cipher.cipher.iv.length = 16;
    out.second = cipher;
    if (request.direction == Direction::kOutbound)
        std::swap(out.first,
                  out.second);  // encrypt then authenticate; inbound the other way (RFC 4303 sections 3.3.2, 3.4.4)
    out.first.next = &out.second;
}

SessionPools::~SessionPools()
{
    for (const Pool& pool : pools_)
        rte_mempool_free(pool.memory);
}

Result<SessionPools::Pool*> SessionPools::pool_with_room()
{
    const auto roomy = std::find_if(pools_.rbegin(), pools_.rend(), [](const Pool& pool) { return pool.free != 0; });
    if (roomy != pools_.rend())
        return &*roomy;
    const uint32_t doubled = std::clamp(reserved_, kFirstPoolSessions, kLargestPoolSessions);
    const uint32_t size = std::min(doubled, limit_ - reserved_);
    if (size == 0)
        return Error{ErrorCode::kResourceExhausted,
                     base::format("all %u cipher sessions of the device are in use", limit_),
                     "raise max_sas in the configuration"};
    const std::string name = base::format("gw_sessions_%u_%zu", device_, pools_.size());
    rte_mempool* const memory = rte_cryptodev_sym_session_pool_create(
        name.c_str(), size, rte_cryptodev_sym_get_private_session_size(device_), 0, 0, socket_);
    if (memory == nullptr)
        return Error{ErrorCode::kResourceExhausted,
                     base::format("no memory for %u more cipher sessions: %s", size, rte_strerror(rte_errno)),
                     "give EAL more memory (-m or huge pages)"};
    reserved_ += size;
    pools_.push_back({memory, size});
    return &pools_.back();
}

Result<void*> SessionPools::create(rte_crypto_sym_xform* transform)
{
    Pool* const pool = GW_TRY(pool_with_room());
    void* const session = rte_cryptodev_sym_session_create(device_, transform, pool->memory);
    if (session == nullptr)
        return Error{ErrorCode::kUnsupported,
                     base::format("the crypto driver refused the algorithm: %s", rte_strerror(rte_errno))};
    pool->free--;
    return session;
}

void SessionPools::release(void* session) noexcept
{
    const rte_mempool* const memory = rte_mempool_from_obj(session);
    rte_cryptodev_sym_session_free(device_, session);  // wipes the session's private half
    for (Pool& pool : pools_)
        if (pool.memory == memory)
            pool.free++;
}

bool device_supports(uint8_t device, const model::EspSuite& suite)
{
    const model::SuiteLayout layout = suite.layout();
    rte_cryptodev_sym_capability_idx index{};
    if (is_gcm_or_chacha(suite.encryption)) {
        index.type = RTE_CRYPTO_SYM_XFORM_AEAD;
        index.algo.aead = aead_algorithm(suite.encryption);
        const auto* const capability = rte_cryptodev_sym_capability_get(device, &index);
        return capability != nullptr &&
               rte_cryptodev_sym_capability_check_aead(capability, layout.key_bytes, layout.icv_bytes, kEsnAadBytes,
                                                       kNonceBytes) == 0;
    }
    const bool gmac = suite.encryption == Encryption::kAesGmac;
    index.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    index.algo.auth = gmac ? RTE_CRYPTO_AUTH_AES_GMAC : auth_algorithm(suite.integrity);
    const auto* const auth = rte_cryptodev_sym_capability_get(device, &index);
    if (auth == nullptr ||
        rte_cryptodev_sym_capability_check_auth(auth, gmac ? layout.key_bytes : layout.integrity_key_bytes,
                                                layout.icv_bytes, gmac ? kNonceBytes : 0) != 0)
        return false;
    if (gmac || suite.encryption == Encryption::kNull)
        return true;
    index.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
    index.algo.cipher = cipher_algorithm(suite.encryption);
    const auto* const cipher = rte_cryptodev_sym_capability_get(device, &index);
    return cipher != nullptr && rte_cryptodev_sym_capability_check_cipher(cipher, layout.key_bytes, 16) == 0;
}

}  // namespace ipsecgw::esp
