// Packets for engine tests: memory with guards around, kept apart so that a stray write shows.
#pragma once

#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include "base/byte_order.h"
#include "model/algorithms.h"
#include "sa/cipher_context.h"

namespace ipsecgw::esp {

/// A deterministic source; the seed names the case.
class Random {
  public:
    explicit Random(uint32_t seed) : engine_(seed) {}
    uint32_t below(uint32_t limit) { return std::uniform_int_distribution<uint32_t>(0, limit - 1)(engine_); }
    std::vector<uint8_t> bytes(size_t size)
    {
        std::vector<uint8_t> out(size);
        for (auto& byte : out)
            byte = static_cast<uint8_t>(engine_());
        return out;
    }

  private:
    std::mt19937 engine_;
};

/// One ESP packet in a buffer of exactly the size engines may touch: 4 bytes before the header, nothing behind the ICV.
class TestPacket {
  public:
    static constexpr size_t kBefore = 4;
    static constexpr size_t kGuard = 32;

    TestPacket(const model::EspSuite& suite, std::span<const uint8_t> text, uint32_t sequence_high, Random& random)
        : layout_(suite.layout()), plain_(text.begin(), text.end()), sequence_high_(sequence_high)
    {
        memory_ = random.bytes(kGuard + kBefore + 8 + layout_.iv_bytes + text.size() + layout_.icv_bytes + kGuard);
        std::memcpy(this->text(), text.data(), text.size());
        around_ = guards();
    }

    uint8_t* esp() { return memory_.data() + kGuard + kBefore; }
    uint8_t* iv() { return esp() + 8; }
    uint8_t* text() { return iv() + layout_.iv_bytes; }
    uint8_t* icv() { return text() + plain_.size(); }
    sa::EspText as_text() { return {esp(), static_cast<uint32_t>(plain_.size()), sequence_high_}; }
    /// From the ESP header to the end of the ICV.
    std::span<uint8_t> wire() { return {esp(), 8 + layout_.iv_bytes + plain_.size() + layout_.icv_bytes}; }
    void set_sequence_high(uint32_t high) { sequence_high_ = high; }
    [[nodiscard]] const std::vector<uint8_t>& plain() const { return plain_; }
    bool text_is_plain() { return std::memcmp(text(), plain_.data(), plain_.size()) == 0; }
    /// Nothing outside header, IV, text and ICV has changed for good.
    bool guards_hold() { return guards() == around_; }
    std::vector<uint8_t> header() { return {esp(), esp() + 8}; }

  private:
    std::vector<uint8_t> guards()
    {
        std::vector<uint8_t> out(memory_.begin(), memory_.begin() + kGuard + kBefore);
        out.insert(out.end(), memory_.end() - kGuard, memory_.end());
        return out;
    }

    model::SuiteLayout layout_;
    std::vector<uint8_t> plain_;
    uint32_t sequence_high_;
    std::vector<uint8_t> memory_;
    std::vector<uint8_t> around_;
};

inline std::vector<sa::EspText> texts(std::vector<TestPacket>& packets)
{
    std::vector<sa::EspText> out;
    for (auto& packet : packets)
        out.push_back(packet.as_text());
    return out;
}

inline uint64_t all_of(size_t n)
{
    return n >= 64 ? ~uint64_t{0} : (uint64_t{1} << n) - 1;
}

}  // namespace ipsecgw::esp
