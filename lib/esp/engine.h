// The cipher engines of this process, and the choice between them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/algorithms.h"
#include "model/sa_params.h"
#include "sa/cipher_context.h"

namespace ipsecgw::esp {

class LookAside;

/// One engine as the start log and listings show it.
struct EngineInfo {
    std::string name;  // "vaes_gcm", "aesni_gcm", "aesni_mb", "openssl"; a context may name two: "aesni_mb+openssl"
    bool usable;
    std::string reason;  // why not, or the device behind it
};

/// A keyed context and why this engine was taken: "auto: aesni_gcm, fastest for aes128gcm16 on this machine".
struct Keyed {
    sa::CipherContextPtr context;
    std::string reason;
};

/// Owns the crypto devices. Two may live in one process. It outlives the contexts it has keyed.
/// Threads: the control thread, which also destroys the contexts.
class Engines {
  public:
    struct Options {
        uint16_t workers = 1;
        uint32_t max_sas = 1024;  // sessions of each CPU-crypto device
        bool cpu_crypto = true;   // false: OpenSSL only
        int socket = -1;
        std::vector<std::string> look_aside =
            {};  // crypto devices that cipher asynchronously, in the order to ask them
    };
    /// Probes the devices: ones given to EAL (--vdev crypto_aesni_gcm0) are taken, otherwise they are created. An
    /// engine that is not usable is no error: OpenSSL always is. Each usable engine has passed a known-answer test per
    /// algorithm. But a look-aside device that is named must be there, with a queue pair for each worker.
    static base::Result<std::unique_ptr<Engines>> create(const Options& options);
    ~Engines();
    Engines(const Engines&) = delete;
    Engines& operator=(const Engines&) = delete;

    [[nodiscard]] std::vector<EngineInfo> list() const;
    [[nodiscard]] bool has_look_aside() const noexcept;

    /// Worker `worker`'s queue pairs of all look-aside devices; null without any. Once for each worker, before it runs;
    /// gone before this is. Threads: control.
    [[nodiscard]] base::Result<std::unique_ptr<LookAside>> look_aside_of(uint16_t worker) const;
    /// The name of the look-aside device that key_look_aside() would take; kUnsupported with the reason why none.
    [[nodiscard]] base::Result<std::string> look_aside_for(const model::EspSuite& suite) const;

    /// Sets up what the calling thread needs to run contexts, so that no packet pays for it: the multi-buffer library
    /// takes 200 KB and a quarter of a millisecond at a thread's first burst. Workers call it once before they poll.
    /// Threads: any, at any time.
    void prepare_thread() const noexcept;

    /// Keys a context for one direction. kUnsupported when the named engine cannot do the suite (never for kAuto,
    /// kOpenssl, nor kLookAside, which is kAuto here); kInvalidArgument when the keying material has another length
    /// than the suite's; kResourceExhausted.
    base::Result<Keyed> key(const model::EspSuite& suite, std::span<const uint8_t> keymat, bool esn,
                            model::Direction direction, model::EngineChoice choice);

    /// The same for a look-aside device: the first that does the suite; of several of one driver the one with the
    /// fewest contexts. One context for each worker that may use the SA: they are not shareable.
    base::Result<Keyed> key_look_aside(const model::EspSuite& suite, std::span<const uint8_t> keymat, bool esn,
                                       model::Direction direction);

  private:
    class Devices;
    explicit Engines(std::unique_ptr<Devices> devices);
    std::unique_ptr<Devices> devices_;
};

}  // namespace ipsecgw::esp
