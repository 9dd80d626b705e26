#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "base/secret_bytes.h"
#include "crypto/aead.h"
#include "crypto/aes.h"
#include "crypto/hmac.h"
#include "crypto/random.h"
#include "esp/engine_openssl_internal.h"

namespace ipsecgw::esp {

using base::Result;
using model::Direction;
using model::Encryption;
using sa::CipherContext;
using sa::CipherContextPtr;
using sa::EspText;

namespace {

constexpr size_t kCounterIvBytes = 8;
using Nonce = std::array<uint8_t, 16>;

/// Calls `one` for each packet and gathers the result bits.
template <class One>
uint64_t each(std::span<const EspText> packets, One one) noexcept
{
    uint64_t done = 0;
    for (size_t i = 0; i < packets.size(); i++)
        done |= static_cast<uint64_t>(one(packets[i])) << i;
    return done;
}

template <class Context>
void destroy(CipherContext* context) noexcept
{
    delete static_cast<Context*>(context);
}

/// Fills what all contexts of this engine have in common.
template <class Context>
CipherContextPtr finish(std::unique_ptr<Context> context, Direction direction) noexcept
{
    (direction == Direction::kOutbound ? context->seal : context->open) =
        direction == Direction::kOutbound ? &Context::seal_burst : &Context::open_burst;
    context->destroy = &destroy<Context>;
    context->engine = kOpensslName;
    context->shareable = false;
    return CipherContextPtr(context.release());
}

crypto::Operation operation(Direction direction) noexcept
{
    return direction == Direction::kOutbound ? crypto::Operation::kSeal : crypto::Operation::kOpen;
}

/// AES-GCM (RFC 4106) and ChaCha20-Poly1305 (RFC 7634): the text is enciphered, the header is AAD. AES-GMAC (RFC 4543):
/// all of it is AAD and nothing is enciphered.
enum class AeadText : uint8_t { kEnciphered, kClear };

template <AeadText kText>
struct AeadContext : CipherContext {
    AeadContext(crypto::Aead keyed, uint32_t salt_bits, bool with_esn) noexcept
        : aead(std::move(keyed)), salt(salt_bits), esn(with_esn)
    {
    }
    ~AeadContext() { base::wipe({reinterpret_cast<uint8_t*>(&salt), sizeof salt}); }

    /// Runs `use(input, text, icv)` with the inputs the packet gives.
    template <class Use>
    bool with_input(const EspText& packet, Use use) noexcept
    {
        Nonce nonce;
        std::array<uint8_t, kEsnAadBytes> header;
        uint8_t* const iv = packet.esp + kEspHeaderBytes;
        uint8_t* const text = iv + kCounterIvBytes;
        store_nonce(nonce.data(), salt, iv, 0);
        crypto::AeadInput input{nonce.data(), {packet.esp, kEspHeaderBytes}};
        if (esn) {
            store_esn_header(header.data(), packet.esp, packet.sequence_high);
            input.aad = header;
        }
        std::span<uint8_t> enciphered(text, packet.text_bytes);
        if constexpr (kText == AeadText::kClear) {
            input.more_aad = {iv, kCounterIvBytes + packet.text_bytes};
            enciphered = {};
        }
        return use(input, enciphered, text + packet.text_bytes);
    }

    static uint64_t seal_burst(CipherContext& self, std::span<const EspText> packets) noexcept
    {
        auto& context = static_cast<AeadContext&>(self);
        return each(packets, [&context](const EspText& packet) noexcept {
            return context.with_input(packet, [&context](auto& input, auto text, uint8_t* icv) noexcept {
                return context.aead.seal(input, text, icv);
            });
        });
    }

    static uint64_t open_burst(CipherContext& self, std::span<const EspText> packets) noexcept
    {
        auto& context = static_cast<AeadContext&>(self);
        return each(packets, [&context](const EspText& packet) noexcept {
            return context.with_input(packet, [&context](auto& input, auto text, const uint8_t* icv) noexcept {
                return context.aead.open(input, text, icv);
            });
        });
    }

    crypto::Aead aead;
    uint32_t salt;
    bool esn;
};

/// Encrypt, then HMAC over header, IV and ciphertext, with the high sequence half behind them (RFC 4303
/// section 3.3.2.1).
template <Encryption kCipher>
struct HmacContext : CipherContext {
    static constexpr size_t kIvBytes = kCipher == Encryption::kAesCbc   ? crypto::Aes::kBlockBytes
                                       : kCipher == Encryption::kAesCtr ? kCounterIvBytes
                                                                        : 0;

    HmacContext(const model::EspSuite& suite, const KeyParts& parts, crypto::Hash hash, bool with_esn) noexcept
        : hmac(hash, parts.integrity_key), salt(parts.salt), icv_bytes(suite.layout().icv_bytes), esn(with_esn)
    {
    }
    ~HmacContext() { base::wipe({reinterpret_cast<uint8_t*>(&salt), sizeof salt}); }

    [[nodiscard]] bool crypt(const EspText& packet) noexcept
    {
        uint8_t* const iv = packet.esp + kEspHeaderBytes;
        const std::span<uint8_t> text(iv + kIvBytes, packet.text_bytes);
        if constexpr (kCipher == Encryption::kAesCbc)
            return aes->crypt(iv, text);
        if constexpr (kCipher == Encryption::kAesCtr) {
            Nonce counter;
            store_nonce(counter.data(), salt, iv, base::swap_be32(1));
            return aes->crypt(counter.data(), text);
        }
        return true;
    }

    [[nodiscard]] bool seal_one(const EspText& packet) noexcept
    {
        if constexpr (kCipher == Encryption::kAesCbc)
            if (!ivs->next(packet.esp + kEspHeaderBytes))
                return false;
        if (!crypt(packet))
            return false;
        const std::span<uint8_t> covered(packet.esp, kEspHeaderBytes + kIvBytes + packet.text_bytes);
        const uint32_t high = base::swap_be32(packet.sequence_high);
        hmac.compute(covered, {reinterpret_cast<const uint8_t*>(&high), esn ? sizeof high : 0},
                     {covered.data() + covered.size(), icv_bytes});
        return true;
    }

    [[nodiscard]] bool open_one(const EspText& packet) noexcept
    {
        const std::span<uint8_t> covered(packet.esp, kEspHeaderBytes + kIvBytes + packet.text_bytes);
        const uint32_t high = base::swap_be32(packet.sequence_high);
        return hmac.verify(covered, {reinterpret_cast<const uint8_t*>(&high), esn ? sizeof high : 0},
                           {covered.data() + covered.size(), icv_bytes}) &&
               crypt(packet);
    }

    static uint64_t seal_burst(CipherContext& self, std::span<const EspText> packets) noexcept
    {
        auto& context = static_cast<HmacContext&>(self);
        return each(packets, [&context](const EspText& packet) noexcept { return context.seal_one(packet); });
    }

    static uint64_t open_burst(CipherContext& self, std::span<const EspText> packets) noexcept
    {
        auto& context = static_cast<HmacContext&>(self);
        return each(packets, [&context](const EspText& packet) noexcept { return context.open_one(packet); });
    }

    crypto::Hmac hmac;
    std::optional<crypto::Aes> aes;         // not for NULL
    std::unique_ptr<crypto::IvSource> ivs;  // AES-CBC outbound
    uint32_t salt;
    uint8_t icv_bytes;
    bool esn;
};

crypto::Hash hash_of(model::Integrity integrity) noexcept
{
    switch (integrity) {
        case model::Integrity::kHmacSha256:
            return crypto::Hash::kSha256;
        case model::Integrity::kHmacSha384:
            return crypto::Hash::kSha384;
        case model::Integrity::kHmacSha512:
        case model::Integrity::kNone:
            break;
    }
    return crypto::Hash::kSha512;
}

template <AeadText kText>
Result<CipherContextPtr> make_aead(const KeyRequest& request, crypto::AeadAlgorithm algorithm)
{
    const model::SuiteLayout layout = request.suite.layout();
    const KeyParts parts(layout, request.keymat);
    auto aead = GW_TRY(crypto::Aead::create(algorithm, operation(request.direction), parts.key, layout.icv_bytes));
    return finish(std::make_unique<AeadContext<kText>>(std::move(aead), parts.salt, request.esn), request.direction);
}

template <Encryption kCipher>
Result<CipherContextPtr> make_hmac(const KeyRequest& request)
{
    const KeyParts parts(request.suite.layout(), request.keymat);
    auto context =
        std::make_unique<HmacContext<kCipher>>(request.suite, parts, hash_of(request.suite.integrity), request.esn);
    if constexpr (kCipher != Encryption::kNull) {
        const auto mode = kCipher == Encryption::kAesCbc ? crypto::AesMode::kCbc : crypto::AesMode::kCtr;
        context->aes = GW_TRY(crypto::Aes::create(mode, operation(request.direction), parts.key));
    }
    if constexpr (kCipher == Encryption::kAesCbc)
        if (request.direction == Direction::kOutbound)
            context->ivs = std::make_unique<crypto::IvSource>(GW_TRY(crypto::IvSource::create()));
    return finish(std::move(context), request.direction);
}

}  // namespace

Result<CipherContextPtr> make_openssl_context(const KeyRequest& request)
{
    switch (request.suite.encryption) {
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
            return make_aead<AeadText::kEnciphered>(request, crypto::AeadAlgorithm::kAesGcm);
        case Encryption::kAesGmac:
            return make_aead<AeadText::kClear>(request, crypto::AeadAlgorithm::kAesGcm);
        case Encryption::kChaCha20Poly1305:
            return make_aead<AeadText::kEnciphered>(request, crypto::AeadAlgorithm::kChaCha20Poly1305);
        case Encryption::kAesCbc:
            return make_hmac<Encryption::kAesCbc>(request);
        case Encryption::kAesCtr:
            return make_hmac<Encryption::kAesCtr>(request);
        case Encryption::kNull:
            return make_hmac<Encryption::kNull>(request);
    }
    return base::Error{base::ErrorCode::kUnsupported, "no such encryption algorithm"};
}

}  // namespace ipsecgw::esp
