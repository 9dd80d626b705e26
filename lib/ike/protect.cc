#include "ike/protect.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/byte_order.h"
#include "crypto/aead.h"
#include "crypto/aes.h"
#include "crypto/hmac.h"
#include "ike/message_internal.h"

namespace ipsecgw::ike {
namespace {

using base::ByteWriter;
using base::Error;
using base::ErrorCode;
using base::Result;
using crypto::Aead;
using crypto::Aes;
using crypto::Operation;
using model::Encryption;
using model::EspSuite;

constexpr size_t kFragmentHeaderBytes = 8;  // RFC 7383 section 2.5: the generic header, number and total
constexpr size_t kMinFragmentContent = 16;  // smaller ones are a wrong limit

/// Bytes of an encrypted payload around its content.
struct Frame {
    size_t iv;
    size_t icv;
    size_t block;  // the content with padding and pad length is a multiple of this

    /// Content, padding and pad length. Counter-based ciphers need no padding (RFC 5282 section 3, RFC 5930
    /// section 2.2).
    [[nodiscard]] size_t padded(size_t content) const { return (content + 1 + block - 1) / block * block; }
    /// The most content of an encrypted payload whose fields may have `bytes`.
    [[nodiscard]] size_t content_of(size_t bytes) const
    {
        if (bytes < iv + icv + block)
            return 0;
        return (bytes - iv - icv) / block * block - 1;
    }
};

Frame frame_of(const EspSuite& cipher)
{
    const auto layout = cipher.layout();
    return {layout.iv_bytes, layout.icv_bytes, cipher.encryption == Encryption::kAesCbc ? Aes::kBlockBytes : 1};
}

struct KeyParts {
    std::span<const uint8_t> key;
    std::span<const uint8_t> salt;
};

/// Nothing when the key is not of this cipher.
std::optional<KeyParts> split_key(const EspSuite& cipher, const DirectionKeys& keys)
{
    const auto layout = cipher.layout();
    const auto sk_e = keys.sk_e.view();
    if (sk_e.size() != size_t{layout.key_bytes} + layout.salt_bytes || keys.sk_a.size() != layout.integrity_key_bytes)
        return std::nullopt;
    return KeyParts{sk_e.first(layout.key_bytes), sk_e.subspan(layout.key_bytes)};
}

crypto::Hash hash_of(model::Integrity integrity)
{
    switch (integrity) {
        case model::Integrity::kNone:
        case model::Integrity::kHmacSha256:
            return crypto::Hash::kSha256;
        case model::Integrity::kHmacSha384:
            return crypto::Hash::kSha384;
        case model::Integrity::kHmacSha512:
            return crypto::Hash::kSha512;
    }
    return crypto::Hash::kSha256;
}

/// Salt and explicit IV: the nonce of RFC 5282 section 4 and RFC 7634 section 2, the front of RFC 5930's counter block.
std::array<uint8_t, Aead::kNonceBytes> nonce_of(std::span<const uint8_t> salt, std::span<const uint8_t> iv)
{
    std::array<uint8_t, Aead::kNonceBytes> nonce{};
    std::copy(iv.begin(), iv.end(), std::copy(salt.begin(), salt.end(), nonce.begin()));
    return nonce;
}

Result<Aead> make_aead(const EspSuite& cipher, Operation operation, const KeyParts& key)
{
    const auto algorithm = cipher.encryption == Encryption::kChaCha20Poly1305 ? crypto::AeadAlgorithm::kChaCha20Poly1305
                                                                              : crypto::AeadAlgorithm::kAesGcm;
    return Aead::create(algorithm, operation, key.key, cipher.layout().icv_bytes);
}

/// AES-CBC or AES-CTR over `text` in place.
bool run_aes(const EspSuite& cipher, Operation operation, const KeyParts& key, std::span<const uint8_t> iv,
             std::span<uint8_t> text)
{
    const bool is_cbc = cipher.encryption == Encryption::kAesCbc;
    auto aes = Aes::create(is_cbc ? crypto::AesMode::kCbc : crypto::AesMode::kCtr, operation, key.key);
    if (!aes)
        return false;
    if (is_cbc)
        return aes->crypt(iv.data(), text);
    std::array<uint8_t, Aes::kBlockBytes> counter{};  // RFC 5930 section 2.3: nonce, IV, 1
    const auto nonce = nonce_of(key.salt, iv);
    std::copy(nonce.begin(), nonce.end(), counter.begin());
    counter.back() = 1;
    return aes->crypt(counter.data(), text);
}

bool is_for_ike(const EspSuite& cipher)
{
    switch (cipher.encryption) {
        case Encryption::kNull:
        case Encryption::kAesGmac:
            return false;
        case Encryption::kAesCbc:
        case Encryption::kAesCtr:
            return cipher.integrity != model::Integrity::kNone;
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
        case Encryption::kChaCha20Poly1305:
            return true;
    }
    return false;
}

/// Writes an explicit IV that this key has not had.
Result<void> write_iv(const SealContext& context, ByteWriter& out)
{
    if (context.suite.cipher.encryption == Encryption::kAesCbc) {
        std::array<uint8_t, Aes::kBlockBytes> iv;
        if (!context.random(iv))
            return Error{ErrorCode::kResourceExhausted, "there are no random bytes for an IV"};
        out.bytes(iv);
        return {};
    }
    if (context.keys.next_iv == std::numeric_limits<uint64_t>::max())
        return Error{ErrorCode::kResourceExhausted, "the IVs of this IKE SA are used up"};
    out.u64(context.keys.next_iv++);
    return {};
}

/// A piece of the content with what goes before it.
struct Piece {
    PayloadType outer;
    PayloadType first;
    uint16_t fragment;
    uint16_t fragments;
    std::span<const uint8_t> content;
};

/// Encrypts message[offset + iv ...] in place and fills in the ICV at its end.
Result<void> seal_in_place(const SealContext& context, size_t offset, std::span<uint8_t> message)
{
    const EspSuite& cipher = context.suite.cipher;
    const Frame frame = frame_of(cipher);
    const auto key = split_key(cipher, context.keys);
    if (!key)
        return Error{ErrorCode::kInternal, "an IKE key has not the length of its cipher"};
    const auto iv = message.subspan(offset, frame.iv);
    const auto text = message.subspan(offset + frame.iv, message.size() - offset - frame.iv - frame.icv);
    const auto icv = message.last(frame.icv);
    if (!cipher.is_aead()) {
        if (!run_aes(cipher, Operation::kSeal, *key, iv, text))
            return Error{ErrorCode::kInternal, "an IKE message could not be encrypted"};
        const crypto::Hmac hmac(hash_of(cipher.integrity), context.keys.sk_a.view());
        hmac.compute(message.first(message.size() - frame.icv), {}, icv);
        return {};
    }
    auto aead = GW_TRY(make_aead(cipher, Operation::kSeal, *key));
    const auto nonce = nonce_of(key->salt, iv);
    if (!aead.seal({nonce.data(), message.first(offset)}, text, icv.data()))
        return Error{ErrorCode::kInternal, "an IKE message could not be encrypted"};
    return {};
}

Result<Bytes> seal_piece(const SealContext& context, const Header& header, const Piece& piece)
{
    const Frame frame = frame_of(context.suite.cipher);
    const bool is_fragment = piece.outer == PayloadType::kEncryptedFragment;
    const size_t padded = frame.padded(piece.content.size());
    ByteWriter out;
    out.reserve(kHeaderBytes + kFragmentHeaderBytes + frame.iv + padded + frame.icv);
    write_header(out, header, piece.outer);
    const size_t start = out.size();
    out.u8(static_cast<uint8_t>(piece.first));
    out.u8(0);
    size_t offset = 0;
    {
        const auto length = out.length16(start);
        if (is_fragment) {
            out.u16(piece.fragment);
            out.u16(piece.fragments);
        }
        offset = out.size();
        if (auto written = write_iv(context, out); !written)
            return std::move(written).error();
        out.bytes(piece.content);
        out.zeros(padded - piece.content.size() - 1);
        out.u8(static_cast<uint8_t>(padded - piece.content.size() - 1));
        out.zeros(frame.icv);
    }
    if (!out.ok() || out.size() > kMaxMessageBytes)
        return Error{ErrorCode::kInvalidArgument, "an IKE message is longer than a datagram"};
    out.set_u32(kLengthOffset, static_cast<uint32_t>(out.size()));
    Bytes message = out.take();
    if (auto sealed = seal_in_place(context, offset, message); !sealed)
        return std::move(sealed).error();
    return message;
}

Result<std::vector<Bytes>> seal_fragments(const SealContext& context, const Header& header,
                                          const EncodedPayloads& payloads)
{
    const size_t around = kHeaderBytes + kFragmentHeaderBytes;
    const size_t room =
        context.max_bytes > around ? frame_of(context.suite.cipher).content_of(context.max_bytes - around) : 0;
    const size_t count = room == 0 ? 0 : (payloads.bytes.size() + room - 1) / room;
    if (room < kMinFragmentContent || count > Reassembly::kMaxFragments)
        return Error{ErrorCode::kInvalidArgument, "an IKE message does not fit into its fragments"};
    const std::span<const uint8_t> all(payloads.bytes);
    std::vector<Bytes> out;
    for (size_t i = 0; i < count; i++) {
        const auto content = all.subspan(i * room, std::min(room, all.size() - i * room));
        auto piece = seal_piece(context, header,
                                {PayloadType::kEncryptedFragment, i == 0 ? payloads.first : PayloadType::kNone,
                                 static_cast<uint16_t>(i + 1), static_cast<uint16_t>(count), content});
        if (!piece)
            return std::move(piece).error();
        out.push_back(*std::move(piece));
    }
    return out;
}

/// Verifies and decrypts `text` in place; false: not authentic.
bool open_in_place(const EspSuite& cipher, const DirectionKeys& keys, std::span<const uint8_t> message, size_t offset,
                   std::span<uint8_t> text)
{
    const Frame frame = frame_of(cipher);
    const auto key = split_key(cipher, keys);
    if (!key)
        return false;
    const auto iv = message.subspan(offset, frame.iv);
    const auto icv = message.last(frame.icv);
    if (!cipher.is_aead()) {
        const crypto::Hmac hmac(hash_of(cipher.integrity), keys.sk_a.view());
        return hmac.verify(message.first(message.size() - frame.icv), {}, icv) &&
               run_aes(cipher, Operation::kOpen, *key, iv, text);
    }
    auto aead = make_aead(cipher, Operation::kOpen, *key);
    const auto nonce = nonce_of(key->salt, iv);
    return aead && aead->open({nonce.data(), message.first(offset)}, text, icv.data());
}

}  // namespace

Result<std::vector<Bytes>> seal_message(const SealContext& context, const Header& header,
                                        std::span<const Payload> payloads)
{
    if (!is_for_ike(context.suite.cipher))
        return Error{ErrorCode::kInternal, "\"" + context.suite.cipher.name() + "\" is no cipher for IKE"};
    const EncodedPayloads encoded = GW_TRY(encode_payloads(payloads));
    const Frame frame = frame_of(context.suite.cipher);
    const size_t whole = kHeaderBytes + kPayloadHeaderBytes + frame.iv + frame.padded(encoded.bytes.size()) + frame.icv;
    if (context.max_bytes != 0 && whole > context.max_bytes)
        return seal_fragments(context, header, encoded);
    auto message = seal_piece(context, header, {PayloadType::kEncrypted, encoded.first, 0, 0, encoded.bytes});
    if (!message)
        return std::move(message).error();
    std::vector<Bytes> out;
    out.push_back(*std::move(message));
    return out;
}

std::optional<OpenedPayload> open_encrypted(const model::IkeSuite& suite, const DirectionKeys& keys,
                                            std::span<const uint8_t> message, const EncryptedPayload& encrypted)
{
    const EspSuite& cipher = suite.cipher;
    const Frame frame = frame_of(cipher);
    if (!is_for_ike(cipher) || encrypted.offset > message.size())
        return std::nullopt;
    const size_t size = message.size() - encrypted.offset;
    if (size < frame.iv + frame.icv + frame.block || (size - frame.iv - frame.icv) % frame.block != 0)
        return std::nullopt;
    const auto closed = message.subspan(encrypted.offset + frame.iv, size - frame.iv - frame.icv);
    OpenedPayload out{encrypted.first, encrypted.fragment, encrypted.fragments, {closed.begin(), closed.end()}};
    if (!open_in_place(cipher, keys, message, encrypted.offset, out.bytes))
        return std::nullopt;
    const size_t padding = out.bytes.back();  // of any value, so only its length is looked at (RFC 7296 section 3.14)
    if (padding + 1 > out.bytes.size())
        return std::nullopt;
    out.bytes.resize(out.bytes.size() - padding - 1);
    return out;
}

Reassembly::Outcome Reassembly::add(OpenedPayload fragment)
{
    const size_t total = fragment.fragments;
    if (fragment.fragment == 0 || fragment.fragment > total || total > kMaxFragments || total < parts_.size())
        return Outcome::kDropped;
    if (total > parts_.size()) {
        parts_.clear();
        parts_.resize(total);
        kept_ = bytes_ = 0;
    }
    auto& part = parts_[fragment.fragment - 1U];
    if (part || bytes_ + fragment.bytes.size() > kMaxBytes)
        return Outcome::kDropped;
    if (fragment.fragment == 1)
        first_ = fragment.first;
    bytes_ += fragment.bytes.size();
    part = std::move(fragment.bytes);
    kept_++;
    return kept_ == parts_.size() ? Outcome::kComplete : Outcome::kKept;
}

OpenedPayload Reassembly::take()
{
    OpenedPayload out{first_, 0, 0, {}};
    out.bytes.reserve(bytes_);
    for (const auto& part : std::exchange(parts_, {}))
        if (part)
            out.bytes.insert(out.bytes.end(), part->begin(), part->end());
    kept_ = bytes_ = 0;
    return out;
}

}  // namespace ipsecgw::ike
