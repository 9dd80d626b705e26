// Look-aside crypto: a device ciphers asynchronously, the gateway does the rest of ESP before and behind it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "esp/drop_sink.h"
#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"

struct rte_crypto_op;

namespace ipsecgw::esp {

class LookAsideDevice;
class QueuePair;
struct LookAsideContext;

/// Packets that one worker's queue pair of one device has at once. Above it they are dropped (kCryptoFull): enough to
/// keep a device busy over a worker's turn, small enough that their mbufs stay in the cache.
inline constexpr uint32_t kLookAsidePackets = 512;

/// Packets of one SA that a device has finished, in the order they were given.
struct Ciphered {
    sa::InboundSa* inbound = nullptr;  // one of the two
    sa::OutboundSa* outbound = nullptr;
    uint16_t kept = 0;   // the first so many of `packets`: as open_burst and seal_burst leave survivors
    uint16_t taken = 0;  // came back from the device
    std::array<rte_mbuf*, sa::kMaxBurst> packets;

    LookAsideContext* context = nullptr;  // for release()
};

/// One worker's queue pairs, one on each look-aside device.
///
/// An SA that has packets in a device stands until release() has been called for all of them, however long ago it was
/// retired: CipherContext::is_idle tells the reclaimer. So neither the SA nor its session goes while a device may use
/// them, and packets that were accepted are not lost.
/// Order: devices finish a queue pair's operations in the order they were enqueued, so the packets of an SA keep
/// theirs. Threads: the worker. Does not allocate, block or log.
class LookAside {
  public:
    /// By Engines::look_aside_of.
    LookAside(std::vector<std::unique_ptr<QueuePair>> queues, uint16_t worker);
    ~LookAside();
    LookAside(const LookAside&) = delete;
    LookAside& operator=(const LookAside&) = delete;

    /// The first half of open_burst: everything before the cipher (replay check included), then to the device. The same
    /// requirements and drops, and kCryptoFull. All packets are taken.
    void open(sa::InboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept;
    /// The first half of seal_burst, in the same way.
    void seal(sa::OutboundSa& sa, std::span<rte_mbuf*> burst, DropSink& drops) noexcept;
    /// Gives the devices what waits for them; once a turn. What a device does not take is dropped (kCryptoFull): it may
    /// have worked on the bytes, and a second time would undo a counter-mode cipher.
    void flush(DropSink& drops) noexcept;

    /// Packets a device has finished, of one SA: the second half of open_burst or seal_burst is done for them. False:
    /// none. The caller deals with the survivors, then calls release().
    bool take(Ciphered& out, DropSink& drops) noexcept;
    void release(const Ciphered& group) noexcept;

    /// Packets in the devices, or waiting to be given to them.
    [[nodiscard]] uint32_t in_flight() const noexcept { return in_flight_; }

  private:
    struct Lane;
    struct Submission;
    void submit(const Submission& submission, DropSink& drops) noexcept;
    void flush(Lane& lane, DropSink& drops) noexcept;
    void refused(Lane& lane, rte_crypto_op* operation, DropSink& drops) noexcept;
    bool refill() noexcept;

    std::vector<Lane> lanes_;  // [device]
    uint16_t worker_;
    uint32_t in_flight_ = 0;
    // Dequeued from one device and not yet taken.
    uint16_t done_count_ = 0;
    size_t done_lane_ = 0;
    std::array<rte_crypto_op*, sa::kMaxBurst> done_;
};

}  // namespace ipsecgw::esp
