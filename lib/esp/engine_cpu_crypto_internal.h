// The engines behind rte_cryptodev's synchronous mode: the calling thread does the work, no queue is involved.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "crypto/random.h"
#include "esp/engine_cryptodev_internal.h"
#include "esp/engine_internal.h"

namespace ipsecgw::esp {

inline constexpr const char* kAesniGcmName = "aesni_gcm";
inline constexpr const char* kAesniMbName = "aesni_mb";

/// One crypto device that can run synchronously. Its contexts must be gone before it goes.
/// Threads: control, except the contexts' bursts.
class CpuCryptoDevice {
  public:
    struct Options {
        const char* engine;  // kAesniGcmName or kAesniMbName
        uint32_t max_sessions;
        int socket;
        std::span<const std::string> taken = {};  // devices that are left alone
    };
    /// Takes a device of that driver which nobody has started (EAL's --vdev), or creates one. kUnsupported: there is no
    /// such driver here, or it cannot run synchronously; kUnavailable: the device does not start.
    static base::Result<std::unique_ptr<CpuCryptoDevice>> open(const Options& options);
    ~CpuCryptoDevice();
    CpuCryptoDevice(const CpuCryptoDevice&) = delete;
    CpuCryptoDevice& operator=(const CpuCryptoDevice&) = delete;

    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// kUnsupported, kResourceExhausted. Shareable between threads unless it seals AES-CBC: sessions are read only, and
    /// the library keeps its scratch state per thread.
    base::Result<sa::CipherContextPtr> make_context(const KeyRequest& request);

    void release(void* session) noexcept { sessions_.release(session); }

  private:
    CpuCryptoDevice(uint8_t id, std::string name, bool created, const Options& options);
    base::Result<void> start(int socket);

    uint8_t id_;
    std::string name_;
    bool created_;  // by us: taken away again
    const char* engine_;
    SessionPools sessions_;
};

/// A session and what a burst needs beside it, in one cache line.
struct CpuCryptoContext : sa::CipherContext {
    void* session = nullptr;
    uint64_t offsets = 0;  // rte_crypto_sym_ofs
    CpuCryptoDevice* owner = nullptr;
    std::unique_ptr<crypto::IvSource> ivs;  // AES-CBC outbound
    uint32_t salt = 0;
    uint8_t device = 0;
    uint8_t icv_bytes = 0;
};

/// The function that runs such contexts, stamped out for the suite's kind, ESN and direction.
sa::CipherContext::BurstFunction cpu_crypto_burst(const KeyRequest& request) noexcept;

/// What the device must leave out at each end of the region that cpu_crypto_burst() passes: rte_crypto_sym_ofs.
uint64_t cpu_crypto_offsets(const KeyRequest& request) noexcept;

}  // namespace ipsecgw::esp
