// Packets in the terms of an asynchronous crypto operation, by the suite's kind, ESN and direction.
#include <rte_branch_prediction.h>
#include <rte_crypto_sym.h>

#include "esp/look_aside_internal.h"

namespace ipsecgw::esp {

using model::Direction;
using model::Encryption;

namespace {

constexpr size_t kCounterIvBytes = 8;
constexpr size_t kEsnHighBytes = 4;

/// Devices may use the address the bus sees instead of ours.
rte_iova_t iova_of(const rte_mbuf* m, const uint8_t* at) noexcept
{
    return rte_pktmbuf_iova(m) + static_cast<rte_iova_t>(at - rte_pktmbuf_mtod(m, const uint8_t*));
}
rte_iova_t iova_of(rte_crypto_op* operation, const uint8_t* in_data) noexcept
{
    const auto* const start = reinterpret_cast<const uint8_t*>(operation);
    return rte_crypto_op_ctophys_offset(operation, static_cast<size_t>(in_data - start));
}
uint32_t offset_of(const rte_mbuf* m, const uint8_t* at) noexcept
{
    return static_cast<uint32_t>(at - rte_pktmbuf_mtod(m, const uint8_t*));
}

void prepare(const LookAsideContext& context, rte_crypto_op* operation) noexcept
{
    operation->status = RTE_CRYPTO_OP_STATUS_NOT_PROCESSED;
    operation->sess_type = RTE_CRYPTO_OP_WITH_SESSION;
    sym_of(operation).session = context.session;
    sym_of(operation).m_dst = nullptr;
}

/// AES-GCM (RFC 4106) and ChaCha20-Poly1305 (RFC 7634), both directions: the session knows which. The AAD is copied
/// beside the operation: without ESN too, since some devices want it there.
template <bool kEsn>
uint16_t fill_aead(LookAsideContext& context, std::span<rte_crypto_op*> operations) noexcept
{
    for (rte_crypto_op* operation : operations) {
        OperationData& data = data_of(operation);
        rte_crypto_sym_op& sym = sym_of(operation);
        uint8_t* const iv = data.text.esp + kEspHeaderBytes;
        uint8_t* const text = iv + kCounterIvBytes;
        prepare(context, operation);
        store_nonce(data.iv, context.salt, iv, 0);
        if constexpr (kEsn)
            store_esn_header(data.aad, data.text.esp, data.text.sequence_high);
        else
            std::memcpy(data.aad, data.text.esp, kEspHeaderBytes);
        sym.aead.data.offset = offset_of(sym.m_src, text);
        sym.aead.data.length = data.text.text_bytes;
        sym.aead.aad.data = data.aad;
        sym.aead.aad.phys_addr = iova_of(operation, data.aad);
        sym.aead.digest.data = text + data.text.text_bytes;
        sym.aead.digest.phys_addr = iova_of(sym.m_src, sym.aead.digest.data);
    }
    return static_cast<uint16_t>(operations.size());
}

/// AES-GMAC (RFC 4543 section 3.3): header, IV and text are authenticated as one region. With ESN the high half belongs
/// inside the header, so the header is spread over the 4 bytes before it until the device is done.
template <bool kEsn>
uint16_t fill_gmac(LookAsideContext& context, std::span<rte_crypto_op*> operations) noexcept
{
    constexpr size_t kSpread = kEsn ? kEsnHighBytes : 0;
    for (rte_crypto_op* operation : operations) {
        OperationData& data = data_of(operation);
        rte_crypto_sym_op& sym = sym_of(operation);
        uint8_t* const esp = data.text.esp;
        prepare(context, operation);
        store_nonce(data.iv, context.salt, esp + kEspHeaderBytes, 0);
        if constexpr (kEsn) {
            uint8_t header[kEsnAadBytes];
            store_esn_header(header, esp, data.text.sequence_high);
            std::memcpy(&data.before, esp - kSpread, kSpread);
            std::memcpy(esp - kSpread, header, sizeof header);
        }
        const size_t covered = kEspHeaderBytes + kCounterIvBytes + data.text.text_bytes;
        sym.cipher.data = {};
        sym.auth.data.offset = offset_of(sym.m_src, esp - kSpread);
        sym.auth.data.length = static_cast<uint32_t>(kSpread + covered);
        sym.auth.digest.data = esp + covered;
        sym.auth.digest.phys_addr = iova_of(sym.m_src, sym.auth.digest.data);
    }
    return static_cast<uint16_t>(operations.size());
}

void restore_gmac_esn(rte_crypto_op& operation) noexcept
{
    const OperationData& data = data_of(&operation);
    uint8_t* const esp = data.text.esp;
    std::memcpy(esp, esp - kEsnHighBytes, kEsnHighBytes);  // the SPI, over the high half
    std::memcpy(esp - kEsnHighBytes, &data.before, kEsnHighBytes);
}

constexpr size_t iv_bytes(Encryption cipher) noexcept
{
    return cipher == Encryption::kNull ? 0 : cipher == Encryption::kAesCbc ? 16 : kCounterIvBytes;
}

/// The IV of the cipher, where the session looks for it. False: no random bytes.
template <Encryption kCipher, Direction kDirection>
bool set_cipher_iv(LookAsideContext& context, OperationData& data) noexcept
{
    uint8_t* const iv = data.text.esp + kEspHeaderBytes;
    if constexpr (kCipher == Encryption::kAesCbc) {
        if (kDirection == Direction::kOutbound && unlikely(!context.ivs->next(iv)))
            return false;
        std::memcpy(data.iv, iv, iv_bytes(kCipher));
    } else if constexpr (kCipher == Encryption::kAesCtr) {
        store_nonce(data.iv, context.salt, iv, base::swap_be32(1));
    }
    return true;
}

/// AES-CBC, AES-CTR or NULL with HMAC. With ESN the high half is authenticated behind the text (RFC 4303
/// section 2.2.1), where the ICV stands: outbound the device writes the ICV over it when it has hashed it; inbound the
/// ICV moves aside first.
template <Encryption kCipher, bool kEsn, Direction kDirection>
uint16_t fill_hmac(LookAsideContext& context, std::span<rte_crypto_op*> operations) noexcept
{
    uint16_t filled = 0;
    for (rte_crypto_op* operation : operations) {
        OperationData& data = data_of(operation);
        rte_crypto_sym_op& sym = sym_of(operation);
        uint8_t* const esp = data.text.esp;
        prepare(context, operation);
        if (unlikely((!set_cipher_iv<kCipher, kDirection>(context, data))))
            return filled;
        const size_t covered = kEspHeaderBytes + iv_bytes(kCipher) + data.text.text_bytes;
        uint8_t* const icv = esp + covered;
        sym.cipher.data.offset = offset_of(sym.m_src, esp + kEspHeaderBytes + iv_bytes(kCipher));
        sym.cipher.data.length = kCipher == Encryption::kNull ? 0 : data.text.text_bytes;
        sym.auth.data.offset = offset_of(sym.m_src, esp);
        sym.auth.data.length = static_cast<uint32_t>(covered + (kEsn ? kEsnHighBytes : 0));
        sym.auth.digest.data = icv;
        if constexpr (kEsn && kDirection == Direction::kInbound) {
            std::memcpy(data.icv, icv, context.icv_bytes);
            sym.auth.digest.data = data.icv;
            sym.auth.digest.phys_addr = iova_of(operation, data.icv);
        } else {
            sym.auth.digest.phys_addr = iova_of(sym.m_src, icv);
        }
        if constexpr (kEsn)
            base::store_be32(icv, data.text.sequence_high);
        filled++;
    }
    return filled;
}

struct Functions {
    using Type = LookAsideContext::FillFunction;
    template <bool kEsn>
    static constexpr Type kAead = fill_aead<kEsn>;
    template <bool kEsn>
    static constexpr Type kGmac = fill_gmac<kEsn>;
    template <Encryption kCipher, bool kEsn, Direction kDirection>
    static constexpr Type kHmac = fill_hmac<kCipher, kEsn, kDirection>;
};

}  // namespace

LookAsideContext::FillFunction look_aside_fill(const KeyRequest& request) noexcept
{
    return pick_for_suite<Functions>(request);
}

LookAsideContext::RestoreFunction look_aside_restore(const KeyRequest& request) noexcept
{
    return request.suite.encryption == Encryption::kAesGmac && request.esn ? restore_gmac_esn : nullptr;
}

}  // namespace ipsecgw::esp
