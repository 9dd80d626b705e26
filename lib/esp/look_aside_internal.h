// Look-aside devices: an asynchronous crypto device, its sessions, and what an operation carries of its packet.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <rte_crypto.h>
#include <rte_cryptodev.h>
#include <rte_mbuf.h>

#include "crypto/random.h"
#include "esp/engine.h"
#include "esp/engine_cryptodev_internal.h"
#include "esp/engine_internal.h"
#include "esp/look_aside.h"

namespace ipsecgw::esp {

/// Behind the symmetric operation, where the device reads IV and AAD, and the gateway finds its packet's state again.
struct alignas(16) OperationData {
    uint8_t iv[16];
    uint8_t aad[16];
    uint8_t icv[kMaxIcvBytes];  // inbound HMAC with ESN: the ICV, moved out of the way
    sa::EspText text;
    LookAsideContext* context;
    void* sa;              // InboundSa or OutboundSa, as the context's direction says
    uint64_t sequence;     // inbound
    uint32_t before;       // GMAC with ESN: the 4 bytes before the ESP header
    uint16_t inner_bytes;  // outbound
};

/// From the start of the operation; where sessions are told their IVs are.
inline constexpr uint16_t kOperationDataOffset = RTE_ALIGN_CEIL(sizeof(rte_crypto_op) + sizeof(rte_crypto_sym_op), 16);
/// Of the pool's elements, behind the symmetric operation.
inline constexpr uint16_t kOperationPrivateBytes =
    kOperationDataOffset - sizeof(rte_crypto_op) - sizeof(rte_crypto_sym_op) + sizeof(OperationData);

inline OperationData& data_of(rte_crypto_op* operation) noexcept
{
    return *rte_crypto_op_ctod_offset(operation, OperationData*, kOperationDataOffset);
}

/// The operation's symmetric half. By its place: the member is an array of no elements, which compilers take at its word.
static_assert(offsetof(rte_crypto_op, sym) == sizeof(rte_crypto_op));
inline rte_crypto_sym_op& sym_of(rte_crypto_op* operation) noexcept
{
    return *reinterpret_cast<rte_crypto_sym_op*>(operation + 1);
}

class LookAsideDevice;

/// A session of one SA on one queue pair. `in_flight` is written by the worker of that queue pair alone.
///
/// Memory order: control asks is_idle() once the grace period of the SA has passed. Additions are relaxed: the worker's
/// quiescent state, which control has acquired, stands behind the last of them. Subtractions release, is_idle() acquires:
/// when control sees 0, the worker has done all it ever does with the SA.
struct LookAsideContext : sa::CipherContext {
    /// Describes packets to the device: an operation each, m_src and OperationData::text set. Returns how many; fewer
    /// than given when there are no random bytes for IVs.
    using FillFunction = uint16_t (*)(LookAsideContext&, std::span<rte_crypto_op*>) noexcept;
    /// Puts back what the device needed changed around the text. Null: nothing.
    using RestoreFunction = void (*)(rte_crypto_op&) noexcept;

    FillFunction fill = nullptr;
    RestoreFunction restore = nullptr;
    void* session = nullptr;
    LookAsideDevice* owner = nullptr;
    std::unique_ptr<crypto::IvSource> ivs;  // AES-CBC outbound
    uint32_t salt = 0;
    uint8_t iv_bytes = 0;
    uint8_t icv_bytes = 0;
    uint8_t device_index = 0;  // among the look-aside devices
    model::Direction direction = model::Direction::kInbound;
    std::atomic<uint32_t> in_flight = 0;
};

/// The functions for such contexts, stamped out for the suite's kind, ESN and direction.
LookAsideContext::FillFunction look_aside_fill(const KeyRequest& request) noexcept;
LookAsideContext::RestoreFunction look_aside_restore(const KeyRequest& request) noexcept;

/// One crypto device, with a queue pair for each worker. Threads: control, but for the queue pairs.
class LookAsideDevice {
  public:
    struct Options {
        std::string name;   // as EAL knows it
        uint8_t index = 0;  // among the look-aside devices
        uint16_t workers = 1;
        uint32_t max_sessions = 0;
        int socket = -1;
    };
    /// Configures and starts it, and tests each suite that it says it does. kNotFound, kUnsupported (too few queue
    /// pairs, no symmetric crypto, no suite), kUnavailable (does not start, or is somebody else's).
    static base::Result<std::unique_ptr<LookAsideDevice>> open(Options options);
    ~LookAsideDevice();
    LookAsideDevice(const LookAsideDevice&) = delete;
    LookAsideDevice& operator=(const LookAsideDevice&) = delete;

    [[nodiscard]] uint8_t id() const noexcept { return id_; }
    [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
    [[nodiscard]] const std::string& driver() const noexcept { return driver_; }
    [[nodiscard]] int socket() const noexcept { return options_.socket; }
    [[nodiscard]] uint32_t contexts() const noexcept { return contexts_; }
    /// Nothing when it does the suite and has passed its test; else why not.
    [[nodiscard]] std::string refuses(const model::EspSuite& suite) const;
    [[nodiscard]] EngineInfo info() const;

    /// kResourceExhausted; kUnsupported when the driver refuses all the same. The context has no burst functions: its
    /// packets go through LookAside.
    base::Result<sa::CipherContextPtr> make_context(const KeyRequest& request);
    void release(void* session) noexcept;

  private:
    enum class TestResult : uint8_t { kPassed, kFailed, kUnsupported };
    LookAsideDevice(uint8_t id, Options options);
    base::Result<void> start();
    base::Result<void> test_all();

    uint8_t id_;
    Options options_;
    std::string driver_;
    SessionPools sessions_;
    uint32_t contexts_ = 0;
    bool started_ = false;
    std::vector<TestResult> results_;  // by index in all_esp_suites()
    std::vector<std::string> failed_;  // "aes128gcm16: it sealed ..."
};

/// A device's queue pair q for worker q, with operations of its own.
class QueuePair {
  public:
    static base::Result<std::unique_ptr<QueuePair>> create(const LookAsideDevice& device, uint16_t queue);
    /// Takes back what the device still has, for up to 0.1 s; frees those packets, and the ones of a device that does not
    /// answer. It must not have been stopped.
    ~QueuePair();
    QueuePair(const QueuePair&) = delete;
    QueuePair& operator=(const QueuePair&) = delete;

    /// Packets it takes now.
    [[nodiscard]] uint16_t room() const noexcept { return static_cast<uint16_t>(free_.size()); }
    [[nodiscard]] uint32_t in_flight() const noexcept { return static_cast<uint32_t>(all_.size() - free_.size()); }

    /// room() must not be 0.
    rte_crypto_op* take() noexcept
    {
        rte_crypto_op* operation = free_.back();
        free_.pop_back();
        return operation;
    }
    void give_back(rte_crypto_op* operation) noexcept
    {
        sym_of(operation).m_src = nullptr;
        free_.push_back(operation);  // never more than were reserved
    }
    /// How many the device took.
    uint16_t enqueue(std::span<rte_crypto_op*> operations) noexcept;
    uint16_t dequeue(std::span<rte_crypto_op*> operations) noexcept;

  private:
    QueuePair(uint8_t device, uint16_t queue) : device_(device), queue_(queue) {}

    uint8_t device_;
    uint16_t queue_;
    rte_mempool* pool_ = nullptr;
    std::vector<rte_crypto_op*> all_;
    std::vector<rte_crypto_op*> free_;
};

}  // namespace ipsecgw::esp
