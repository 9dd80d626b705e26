// A keyed ESP cipher: the seam between an SA and the engine that does its cryptography.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <rte_common.h>
#include <rte_prefetch.h>

namespace ipsecgw::sa {

inline constexpr uint16_t kMaxBurst = 64;  // packets in one cipher call; one bit each in its result

/// One packet as the cipher sees it. The layout is RFC 4303's: ESP header, IV, text, ICV, contiguous and writable from
/// `esp`, and the 4 bytes before `esp` writable too: an engine may use them while it runs and puts them back.
/// `text_bytes` excludes the IV and the ICV; it includes the trailer. It is a multiple of the suite's align_bytes and
/// not 0: the caller has checked it, engines do not.
struct EspText {
    uint8_t* esp;
    uint32_t text_bytes;
    uint32_t sequence_high;  // upper half of the ESN; 0 without ESN
};

/// Key, salt and algorithm of one SA, ready to run. Everything the transform needs beyond this it reads from the
/// packet: SPI, low sequence number and IV. With ESN the high half enters the AAD or the ICV as the algorithm's RFC
/// says.
///
/// Engines derive from this and fill it; the pointers are chosen once, when the SA is installed.
/// Threads: one at a time, unless `shareable`.
struct CipherContext {
    using BurstFunction = uint64_t (*)(CipherContext&, std::span<const EspText>) noexcept;

    /// Encrypts in place and writes the ICV behind the text. Bit i of the result: packet i succeeded; one that did not
    /// must not be sent. The caller has written the IV, unique under the key; except for AES-CBC, whose IV must also be
    /// unpredictable (RFC 3602 section 3): there seal itself draws and writes it. Null in a context keyed for inbound.
    BurstFunction seal = nullptr;
    /// Verifies, then decrypts in place. Bit i: packet i is authentic. The text of a packet that is not may be garbage.
    /// The ICV is not preserved. Null in a context keyed for outbound.
    BurstFunction open = nullptr;
    /// Wipes the key and frees.
    void (*destroy)(CipherContext*) noexcept = nullptr;
    /// False while an engine that works asynchronously still has packets: the SA must not be freed. Null: always true.
    /// Threads: the writer of the tables, at any time.
    bool (*is_idle)(const CipherContext&) noexcept = nullptr;
    /// Static string for listings: "vaes_gcm", "aesni_gcm", "aesni_mb", "openssl", "aesni_mb+openssl".
    const char* engine = nullptr;
    /// Several threads may run bursts at the same time. Never so for an AES-CBC context that seals: it owns a source of
    /// IVs.
    bool shareable = false;
    /// What a burst reads, in bytes from here: the context itself, then as much before `tail_from` as a text is long, then
    /// all up to `hot_bytes`. An engine that does not care has its first line.
    uint16_t hot_bytes = 64;
    uint16_t tail_from = 64;

    /// Fetches ahead what a text of about `bytes` needs.
    void prefetch(uint32_t bytes) const noexcept
    {
        constexpr uint32_t kLine = RTE_CACHE_LINE_SIZE;
        constexpr uint32_t kAround = 48;  // header, lengths and padding
        const auto* const start = reinterpret_cast<const uint8_t*>(this);
        rte_prefetch0(start);
        const uint32_t before = bytes + kAround;
        const uint32_t from = before + kLine < tail_from ? tail_from - before : kLine;
        for (uint32_t at = from / kLine * kLine; at < hot_bytes; at += kLine)
            rte_prefetch0(start + at);
    }
};

struct CipherContextDeleter {
    void operator()(CipherContext* context) const noexcept { context->destroy(context); }
};
using CipherContextPtr = std::unique_ptr<CipherContext, CipherContextDeleter>;

}  // namespace ipsecgw::sa
