// The packet path of the CPU-crypto engines: describe up to 64 packets to the driver on the stack, one call, read the
// result.

// rte_cryptodev_sym_cpu_crypto_process is still marked experimental in 22.11, and unchanged since 20.05.
#define ALLOW_EXPERIMENTAL_API

#include <cassert>

#include <rte_branch_prediction.h>
#include <rte_crypto_sym.h>
#include <rte_cryptodev.h>

#include "esp/engine_cpu_crypto_internal.h"

namespace ipsecgw::esp {

using model::Direction;
using model::Encryption;
using sa::CipherContext;
using sa::EspText;
using sa::kMaxBurst;

namespace {

constexpr size_t kCounterIvBytes = 8;
constexpr size_t kEsnHighBytes = 4;

constexpr size_t iv_bytes(Encryption cipher) noexcept
{
    switch (cipher) {
        case Encryption::kNull:
            return 0;
        case Encryption::kAesCbc:
            return 16;
        case Encryption::kAesCtr:
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
        case Encryption::kAesGmac:
        case Encryption::kChaCha20Poly1305:
            break;
    }
    return kCounterIvBytes;
}

/// One burst in the driver's terms. Left uninitialised on purpose: only the first n entries are written and read, and
/// of the pointer pairs only the virtual address, since the CPU does the work.
struct Burst {
    rte_crypto_vec region[kMaxBurst];
    rte_crypto_sgl list[kMaxBurst];
    rte_crypto_va_iova_ptr iv[kMaxBurst];
    rte_crypto_va_iova_ptr digest[kMaxBurst];
    rte_crypto_va_iova_ptr aad[kMaxBurst];
    int32_t status[kMaxBurst];

    void set_region(size_t i, uint8_t* base, size_t bytes) noexcept
    {
        region[i].base = base;
        region[i].len = static_cast<uint32_t>(bytes);
        list[i].vec = &region[i];
        list[i].num = 1;
    }
};

/// Runs the first `n` packets of `burst`. Bit i: packet i succeeded.
uint64_t process(const CpuCryptoContext& context, Burst& burst, size_t n) noexcept
{
    rte_crypto_sym_vec vector;
    vector.num = static_cast<uint32_t>(n);
    vector.src_sgl = burst.list;
    vector.dest_sgl = nullptr;
    vector.iv = burst.iv;
    vector.digest = burst.digest;
    vector.aad = burst.aad;
    vector.status = burst.status;
    rte_crypto_sym_ofs offsets;
    offsets.raw = context.offsets;
    const uint32_t succeeded = rte_cryptodev_sym_cpu_crypto_process(context.device, context.session, offsets, &vector);
    if (likely(succeeded == n))
        return low_bits(n);
    // A driver that cannot run at all (no memory for its thread's state) returns 0 and leaves the status unwritten.
    if (succeeded == 0)
        return 0;
    uint64_t done = 0;
    for (size_t i = 0; i < n; i++)
        done |= static_cast<uint64_t>(burst.status[i] == 0) << i;
    return done;
}

/// AES-GCM (RFC 4106) and ChaCha20-Poly1305 (RFC 7634), both directions: the session knows which. Without ESN the
/// header in the packet is the AAD.
template <bool kEsn>
uint64_t aead_burst(CipherContext& self, std::span<const EspText> packets) noexcept
{
    const auto& context = static_cast<const CpuCryptoContext&>(self);
    assert(packets.size() <= kMaxBurst);
    Burst burst;
    alignas(16) uint8_t nonces[kMaxBurst][16];
    alignas(16) uint8_t headers[kEsn ? kMaxBurst : 1][16];
    for (size_t i = 0; i < packets.size(); i++) {
        const EspText& packet = packets[i];
        uint8_t* const iv = packet.esp + kEspHeaderBytes;
        uint8_t* const text = iv + kCounterIvBytes;
        store_nonce(nonces[i], context.salt, iv, 0);
        if constexpr (kEsn)
            store_esn_header(headers[i], packet.esp, packet.sequence_high);
        burst.set_region(i, text, packet.text_bytes);
        burst.iv[i].va = nonces[i];
        burst.aad[i].va = kEsn ? headers[i] : packet.esp;
        burst.digest[i].va = text + packet.text_bytes;
    }
    return process(context, burst, packets.size());
}

/// AES-GMAC (RFC 4543 section 3.3): header, IV and text are AAD, which the driver takes as one region. With ESN the
/// high half belongs inside the header, so the header is spread over the 4 bytes before it and restored afterwards.
template <bool kEsn>
uint64_t gmac_burst(CipherContext& self, std::span<const EspText> packets) noexcept
{
    const auto& context = static_cast<const CpuCryptoContext&>(self);
    assert(packets.size() <= kMaxBurst);
    Burst burst;
    alignas(16) uint8_t nonces[kMaxBurst][16];
    uint32_t before[kEsn ? kMaxBurst : 1];
    constexpr size_t kSpread = kEsn ? kEsnHighBytes : 0;
    for (size_t i = 0; i < packets.size(); i++) {
        const EspText& packet = packets[i];
        uint8_t* const iv = packet.esp + kEspHeaderBytes;
        store_nonce(nonces[i], context.salt, iv, 0);
        if constexpr (kEsn) {
            uint8_t header[kEsnAadBytes];
            store_esn_header(header, packet.esp, packet.sequence_high);
            std::memcpy(&before[i], packet.esp - kSpread, kSpread);
            std::memcpy(packet.esp - kSpread, header, sizeof header);
        }
        const size_t covered = kEspHeaderBytes + kCounterIvBytes + packet.text_bytes;
        burst.set_region(i, packet.esp - kSpread, kSpread + covered);
        burst.iv[i].va = nonces[i];
        burst.digest[i].va = packet.esp + covered;
    }
    const uint64_t done = process(context, burst, packets.size());
    if constexpr (kEsn)
        for (size_t i = 0; i < packets.size(); i++) {
            uint8_t* const esp = packets[i].esp;
            std::memcpy(esp, esp - kSpread, kSpread);  // the SPI, over the high half
            std::memcpy(esp - kSpread, &before[i], kSpread);
        }
    return done;
}

/// AES-CBC, AES-CTR or NULL with HMAC. With ESN the high half is authenticated behind the text (RFC 4303
/// section 2.2.1), where the ICV stands: outbound the driver writes the ICV over it when it has hashed it; inbound the
/// ICV moves aside first.
template <Encryption kCipher, bool kEsn, Direction kDirection>
uint64_t hmac_burst(CipherContext& self, std::span<const EspText> packets) noexcept
{
    auto& context = static_cast<CpuCryptoContext&>(self);
    assert(packets.size() <= kMaxBurst);
    constexpr bool kMoveIcv = kEsn && kDirection == Direction::kInbound;
    Burst burst;
    alignas(16) uint8_t counters[kCipher == Encryption::kAesCtr ? kMaxBurst : 1][16];
    alignas(16) uint8_t icvs[kMoveIcv ? kMaxBurst : 1][kMaxIcvBytes];
    for (size_t i = 0; i < packets.size(); i++) {
        const EspText& packet = packets[i];
        uint8_t* const iv = packet.esp + kEspHeaderBytes;
        if constexpr (kCipher == Encryption::kAesCbc && kDirection == Direction::kOutbound)
            if (unlikely(!context.ivs->next(iv)))
                return 0;
        const size_t covered = kEspHeaderBytes + iv_bytes(kCipher) + packet.text_bytes;
        uint8_t* const icv = packet.esp + covered;
        burst.iv[i].va = iv;
        if constexpr (kCipher == Encryption::kAesCtr) {
            store_nonce(counters[i], context.salt, iv, base::swap_be32(1));
            burst.iv[i].va = counters[i];
        }
        burst.digest[i].va = icv;
        if constexpr (kMoveIcv) {
            std::memcpy(icvs[i], icv, context.icv_bytes);
            burst.digest[i].va = icvs[i];
        }
        if constexpr (kEsn)
            base::store_be32(icv, packet.sequence_high);
        burst.set_region(i, packet.esp, covered + (kEsn ? kEsnHighBytes : 0));
    }
    return process(context, burst, packets.size());
}

struct Functions {
    using Type = CipherContext::BurstFunction;
    template <bool kEsn>
    static constexpr Type kAead = aead_burst<kEsn>;
    template <bool kEsn>
    static constexpr Type kGmac = gmac_burst<kEsn>;
    template <Encryption kCipher, bool kEsn, Direction kDirection>
    static constexpr Type kHmac = hmac_burst<kCipher, kEsn, kDirection>;
};

}  // namespace

CipherContext::BurstFunction cpu_crypto_burst(const KeyRequest& request) noexcept
{
    return pick_for_suite<Functions>(request);
}

uint64_t cpu_crypto_offsets(const KeyRequest& request) noexcept
{
    rte_crypto_sym_ofs offsets;
    offsets.raw = 0;
    if (!request.suite.is_aead()) {
        offsets.ofs.cipher.head = static_cast<uint16_t>(kEspHeaderBytes + iv_bytes(request.suite.encryption));
        offsets.ofs.cipher.tail = request.esn ? kEsnHighBytes : 0;
    }
    return offsets.raw;
}

}  // namespace ipsecgw::esp
