#include <algorithm>
#include <array>
#include <vector>

#include "esp/engine_self_test_internal.h"
#include "esp/engine_self_test_vectors.h"

namespace ipsecgw::esp {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::Direction;
using model::Encryption;
using model::EspSuite;
using sa::CipherContextPtr;
using sa::EspText;

namespace {

constexpr uint32_t kSpi = 0x01020304;
constexpr uint32_t kSequence = 0x05060708;
constexpr uint32_t kSequenceHigh = 0x0a0b0c0d;
constexpr size_t kRoomBefore = 4;  // what cipher_context.h promises engines
constexpr size_t kBurst = 5;       // odd, so that no engine's lanes come out even
constexpr size_t kForged = 3;      // the one that must fail

Error failed(const char* step)
{
    return {ErrorCode::kInternal, step};
}

Encryption with_long_icv(Encryption encryption) noexcept
{
    return encryption == Encryption::kAesGcm8 || encryption == Encryption::kAesGcm12 ? Encryption::kAesGcm16
                                                                                     : encryption;
}

const KnownAnswer* find_answer(const EspSuite& suite) noexcept
{
    const auto* const found = std::find_if(std::begin(kKnownAnswers), std::end(kKnownAnswers), [&suite](const auto& a) {
        return a.encryption == with_long_icv(suite.encryption) && a.key_bits == suite.key_bits &&
               a.integrity == suite.integrity;
    });
    return found == std::end(kKnownAnswers) ? nullptr : found;
}

const uint8_t* bytes_of(const char* literal) noexcept
{
    return reinterpret_cast<const uint8_t*>(literal);
}

/// One packet in memory of its own.
class Packet {
  public:
    Packet(const EspSuite& suite, bool esn) : layout_(suite.layout())
    {
        text_bytes_ = suite.encryption == Encryption::kAesCbc ? kKnownCbcTextBytes : kKnownTextBytes;
        memory_.resize(kRoomBefore + kEspHeaderBytes + layout_.iv_bytes + text_bytes_ + layout_.icv_bytes);
        base::store_be32(esp(), kSpi);
        base::store_be32(esp() + 4, kSequence);
        for (size_t i = 0; i < layout_.iv_bytes; i++)
            esp()[kEspHeaderBytes + i] = static_cast<uint8_t>(0xf0 - i);
        for (size_t i = 0; i < text_bytes_; i++)
            text()[i] = static_cast<uint8_t>(0x20 + i);
        sequence_high_ = esn ? kSequenceHigh : 0;
    }

    uint8_t* esp() noexcept { return memory_.data() + kRoomBefore; }
    uint8_t* text() noexcept { return esp() + kEspHeaderBytes + layout_.iv_bytes; }
    uint8_t* icv() noexcept { return text() + text_bytes_; }
    [[nodiscard]] size_t text_bytes() const noexcept { return text_bytes_; }
    EspText as_text() noexcept { return {esp(), static_cast<uint32_t>(text_bytes_), sequence_high_}; }
    [[nodiscard]] bool text_is_plain() noexcept
    {
        for (size_t i = 0; i < text_bytes_; i++)
            if (text()[i] != static_cast<uint8_t>(0x20 + i))
                return false;
        return true;
    }

  private:
    model::SuiteLayout layout_;
    size_t text_bytes_;
    uint32_t sequence_high_;
    std::vector<uint8_t> memory_;
};

/// Keying material, contexts and the burst of one round.
struct Round {
    EspSuite suite;
    bool esn;
    model::SuiteLayout layout;
    const uint8_t* icv;
    std::vector<Packet> packets;

    Round(const EspSuite& tested, bool with_esn, const KnownAnswer& answer)
        : suite(tested),
          esn(with_esn),
          layout(tested.layout()),
          icv(bytes_of(with_esn ? answer.icv_with_esn : answer.icv)),
          packets(kBurst, Packet(tested, with_esn))
    {
    }

    std::array<EspText, kBurst> texts() noexcept
    {
        std::array<EspText, kBurst> out;
        for (size_t i = 0; i < kBurst; i++)
            out[i] = packets[i].as_text();
        return out;
    }

    [[nodiscard]] bool icvs_are_right() noexcept
    {
        return std::all_of(packets.begin(), packets.end(),
                           [this](Packet& packet) { return std::equal(icv, icv + layout.icv_bytes, packet.icv()); });
    }

    /// AES-CBC: the sealed packet of the table instead of one sealed here.
    void take_known_cbc() noexcept
    {
        for (const auto& known : kKnownCbcTexts)
            if (known.key_bits == suite.key_bits)
                for (Packet& packet : packets) {
                    std::copy_n(bytes_of(known.ciphertext), packet.text_bytes(), packet.text());
                    std::copy_n(icv, layout.icv_bytes, packet.icv());
                }
    }

    /// Opens the burst with one packet forged.
    Result<void> open(sa::CipherContext& context)
    {
        packets[kForged].text()[7] ^= 0x10;
        const auto burst = texts();
        if (context.open(context, burst) != (low_bits(kBurst) & ~(uint64_t{1} << kForged)))
            return failed("it took a forged packet or refused an authentic one");
        for (size_t i = 0; i < kBurst; i++)
            if (i != kForged && !packets[i].text_is_plain())
                return failed("it opened a packet wrongly");
        return {};
    }
};

Result<void> run(Round& round, const ContextMaker& make, std::span<const uint8_t> keymat)
{
    const CipherContextPtr seal = GW_TRY(make({round.suite, keymat, round.esn, Direction::kOutbound}));
    const CipherContextPtr open = GW_TRY(make({round.suite, keymat, round.esn, Direction::kInbound}));
    const bool cbc = round.suite.encryption == Encryption::kAesCbc;
    if (cbc) {
        Round known = round;
        known.take_known_cbc();
        GW_TRY(known.open(*open));
    }
    const auto burst = round.texts();
    if (seal->seal(*seal, burst) != low_bits(kBurst))
        return failed("it did not seal");
    if (!cbc && !round.icvs_are_right())
        return failed("it sealed a known packet with a wrong ICV");
    return round.open(*open);
}

}  // namespace

Result<void> self_test(const EspSuite& suite, const ContextMaker& make)
{
    const KnownAnswer* const answer = find_answer(suite);
    if (answer == nullptr)
        return failed("no known answer for it");
    std::vector<uint8_t> keymat(suite.layout().keymat_bytes());
    for (size_t i = 0; i < keymat.size(); i++)
        keymat[i] = static_cast<uint8_t>(7 * i + 1);
    for (const bool esn : {false, true}) {
        Round round(suite, esn, *answer);
        GW_TRY(run(round, make, keymat));
    }
    return {};
}

}  // namespace ipsecgw::esp
