// Devices, sessions and contexts of the CPU-crypto engines.

// rte_cryptodev_sym_session_pool_create is still marked experimental in 22.11, and unchanged since 19.05.
#define ALLOW_EXPERIMENTAL_API

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>

#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <rte_mempool.h>

#include "base/secret_bytes.h"
#include "base/text.h"
#include "esp/engine_cpu_crypto_internal.h"

namespace ipsecgw::esp {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::Direction;
using model::Encryption;
using model::Integrity;
using sa::CipherContext;
using sa::CipherContextPtr;

namespace {

constexpr const char* kBus = "vdev";
constexpr uint32_t kFirstPoolSessions = 128;
constexpr uint32_t kLargestPoolSessions = 4096;

/// A suite in the driver's terms: one AEAD, or a cipher and an authentication in the order of their execution.
struct Transforms {
    rte_crypto_sym_xform first{};
    rte_crypto_sym_xform second{};
};

rte_crypto_auth_algorithm auth_algorithm(Integrity integrity) noexcept
{
    switch (integrity) {
        case Integrity::kHmacSha256:
            return RTE_CRYPTO_AUTH_SHA256_HMAC;
        case Integrity::kHmacSha384:
            return RTE_CRYPTO_AUTH_SHA384_HMAC;
        case Integrity::kHmacSha512:
            return RTE_CRYPTO_AUTH_SHA512_HMAC;
        case Integrity::kNone:
            break;
    }
    return RTE_CRYPTO_AUTH_NULL;
}

bool is_gcm_or_chacha(Encryption encryption) noexcept
{
    switch (encryption) {
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
        case Encryption::kChaCha20Poly1305:
            return true;
        case Encryption::kAesGmac:
        case Encryption::kAesCbc:
        case Encryption::kAesCtr:
        case Encryption::kNull:
            break;
    }
    return false;
}

rte_crypto_aead_algorithm aead_algorithm(Encryption encryption) noexcept
{
    return encryption == Encryption::kChaCha20Poly1305 ? RTE_CRYPTO_AEAD_CHACHA20_POLY1305 : RTE_CRYPTO_AEAD_AES_GCM;
}

rte_crypto_cipher_algorithm cipher_algorithm(Encryption encryption) noexcept
{
    return encryption == Encryption::kAesCbc ? RTE_CRYPTO_CIPHER_AES_CBC : RTE_CRYPTO_CIPHER_AES_CTR;
}

rte_crypto_sym_xform aead_transform(const KeyRequest& request, const model::SuiteLayout& layout, const KeyParts& parts)
{
    rte_crypto_sym_xform transform{};
    transform.type = RTE_CRYPTO_SYM_XFORM_AEAD;
    transform.aead.op =
        request.direction == Direction::kOutbound ? RTE_CRYPTO_AEAD_OP_ENCRYPT : RTE_CRYPTO_AEAD_OP_DECRYPT;
    transform.aead.algo = aead_algorithm(request.suite.encryption);
    transform.aead.key = {parts.key.data(), layout.key_bytes};
    transform.aead.iv.length = kNonceBytes;
    transform.aead.digest_length = layout.icv_bytes;
    transform.aead.aad_length = request.esn ? kEsnAadBytes : kEspHeaderBytes;
    return transform;
}

rte_crypto_sym_xform auth_transform(const KeyRequest& request, const model::SuiteLayout& layout, const KeyParts& parts)
{
    rte_crypto_sym_xform transform{};
    transform.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    transform.auth.op =
        request.direction == Direction::kOutbound ? RTE_CRYPTO_AUTH_OP_GENERATE : RTE_CRYPTO_AUTH_OP_VERIFY;
    transform.auth.digest_length = layout.icv_bytes;
    if (request.suite.encryption == Encryption::kAesGmac) {
        transform.auth.algo = RTE_CRYPTO_AUTH_AES_GMAC;
        transform.auth.key = {parts.key.data(), layout.key_bytes};
        transform.auth.iv.length = kNonceBytes;
    } else {
        transform.auth.algo = auth_algorithm(request.suite.integrity);
        transform.auth.key = {parts.integrity_key.data(), layout.integrity_key_bytes};
    }
    return transform;
}

/// The keys stay the caller's: the transforms point at them.
void describe(const KeyRequest& request, const KeyParts& parts, Transforms& out)
{
    const model::SuiteLayout layout = request.suite.layout();
    if (is_gcm_or_chacha(request.suite.encryption)) {
        out.first = aead_transform(request, layout, parts);
        return;
    }
    out.first = auth_transform(request, layout, parts);
    if (request.suite.encryption == Encryption::kAesGmac || request.suite.encryption == Encryption::kNull)
        return;
    rte_crypto_sym_xform cipher{};
    cipher.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
    cipher.cipher.op =
        request.direction == Direction::kOutbound ? RTE_CRYPTO_CIPHER_OP_ENCRYPT : RTE_CRYPTO_CIPHER_OP_DECRYPT;
    cipher.cipher.algo = cipher_algorithm(request.suite.encryption);
    cipher.cipher.key = {parts.key.data(), layout.key_bytes};
    cipher.cipher.iv.length = 16;
    out.second = cipher;
    if (request.direction == Direction::kOutbound)
        std::swap(out.first,
                  out.second);  // encrypt then authenticate; inbound the other way (RFC 4303 sections 3.3.2, 3.4.4)
    out.first.next = &out.second;
}

void destroy_context(CipherContext* base) noexcept
{
    auto* const context = static_cast<CpuCryptoContext*>(base);
    context->owner->release(context->session);
    base::wipe({reinterpret_cast<uint8_t*>(&context->salt), sizeof context->salt});
    delete context;
}

/// While it lives, drivers do not announce what they do: creating two devices writes six lines that tell an operator
/// nothing. A level that the operator has lowered or raised (--log-level) is left as it is.
class QuietDrivers {
  public:
    QuietDrivers() noexcept
    {
        for (size_t i = 0; i < std::size(kTypes); i++) {
            quieted_[i] = rte_log_get_level(kTypes[i]) == static_cast<int>(RTE_LOG_INFO);
            if (quieted_[i])
                rte_log_set_level(kTypes[i], RTE_LOG_NOTICE);
        }
    }
    ~QuietDrivers()
    {
        for (size_t i = 0; i < std::size(kTypes); i++)
            if (quieted_[i])
                rte_log_set_level(kTypes[i], RTE_LOG_INFO);
    }
    QuietDrivers(const QuietDrivers&) = delete;
    QuietDrivers& operator=(const QuietDrivers&) = delete;

  private:
    // The multi-buffer driver never registers a type of its own, so its lines are EAL's.
    static constexpr uint32_t kTypes[] = {RTE_LOGTYPE_CRYPTODEV, RTE_LOGTYPE_EAL};
    bool quieted_[std::size(kTypes)] = {};
};

/// Names of the devices made here: "crypto_aesni_gcm_gw0".
constexpr const char* kOwnSuffix = "_gw";

/// A device of `driver` that is nobody's: EAL made it and it is not started. Devices that another gateway in this
/// process made are left alone.
std::optional<uint8_t> find_unused(const std::string& driver)
{
    uint8_t ids[RTE_CRYPTO_MAX_DEVS];
    const uint8_t count = rte_cryptodev_devices_get(driver.c_str(), ids, RTE_CRYPTO_MAX_DEVS);
    for (uint8_t i = 0; i < count; i++) {
        if (std::string_view(rte_cryptodev_name_get(ids[i])).starts_with(driver + kOwnSuffix))
            continue;
        rte_cryptodev_config config{};
        config.nb_queue_pairs = 1;
        config.socket_id = rte_cryptodev_socket_id(ids[i]);
        if (rte_cryptodev_configure(ids[i], &config) == 0)  // -EBUSY when started
            return ids[i];
    }
    return std::nullopt;
}

}  // namespace

SessionPools::~SessionPools()
{
    for (const Pool& pool : pools_)
        rte_mempool_free(pool.memory);
}

Result<SessionPools::Pool*> SessionPools::pool_with_room()
{
    const auto roomy = std::find_if(pools_.rbegin(), pools_.rend(), [](const Pool& pool) { return pool.free != 0; });
    if (roomy != pools_.rend())
        return &*roomy;
    const uint32_t doubled = std::clamp(reserved_, kFirstPoolSessions, kLargestPoolSessions);
    const uint32_t size = std::min(doubled, limit_ - reserved_);
    if (size == 0)
        return Error{ErrorCode::kResourceExhausted,
                     base::format("all %u cipher sessions of the device are in use", limit_),
                     "raise max_sas in the configuration"};
    const std::string name = base::format("gw_sessions_%u_%zu", device_, pools_.size());
    rte_mempool* const memory = rte_cryptodev_sym_session_pool_create(
        name.c_str(), size, rte_cryptodev_sym_get_private_session_size(device_), 0, 0, socket_);
    if (memory == nullptr)
        return Error{ErrorCode::kResourceExhausted,
                     base::format("no memory for %u more cipher sessions: %s", size, rte_strerror(rte_errno)),
                     "give EAL more memory (-m or huge pages)"};
    reserved_ += size;
    pools_.push_back({memory, size});
    return &pools_.back();
}

Result<void*> SessionPools::create(rte_crypto_sym_xform* transform)
{
    Pool* const pool = GW_TRY(pool_with_room());
    void* const session = rte_cryptodev_sym_session_create(device_, transform, pool->memory);
    if (session == nullptr)
        return Error{ErrorCode::kUnsupported,
                     base::format("the crypto driver refused the algorithm: %s", rte_strerror(rte_errno))};
    pool->free--;
    return session;
}

void SessionPools::release(void* session) noexcept
{
    const rte_mempool* const memory = rte_mempool_from_obj(session);
    rte_cryptodev_sym_session_free(device_, session);  // wipes the session's private half
    for (Pool& pool : pools_)
        if (pool.memory == memory)
            pool.free++;
}

CpuCryptoDevice::CpuCryptoDevice(uint8_t id, std::string name, bool created, const Options& options)
    : id_(id),
      name_(std::move(name)),
      created_(created),
      engine_(options.engine),
      sessions_(id, options.max_sessions, options.socket)
{
}

CpuCryptoDevice::~CpuCryptoDevice()
{
    const QuietDrivers quiet;
    rte_cryptodev_stop(id_);
    rte_cryptodev_close(id_);
    if (created_)
        rte_eal_hotplug_remove(kBus, name_.c_str());
}

Result<std::unique_ptr<CpuCryptoDevice>> CpuCryptoDevice::open(const Options& options)
{
    const std::string driver = base::format("crypto_%s", options.engine);
    if (rte_cryptodev_driver_id_get(driver.c_str()) < 0)
        return Error{ErrorCode::kUnsupported, base::format("DPDK has no driver %s here", driver.c_str()),
                     "it is built for x86-64 only, in librte_crypto_ipsec_mb"};
    const QuietDrivers quiet;
    std::unique_ptr<CpuCryptoDevice> device;
    if (const auto id = find_unused(driver)) {
        device.reset(new CpuCryptoDevice(*id, rte_cryptodev_name_get(*id), false, options));
    } else {
        // Another gateway in this process may have taken the first names.
        for (uint32_t i = 0; i < RTE_CRYPTO_MAX_DEVS && device == nullptr; i++) {
            const std::string name = driver + kOwnSuffix + std::to_string(i);
            if (rte_cryptodev_get_dev_id(name.c_str()) >= 0)
                continue;
            if (const int error = rte_eal_hotplug_add(kBus, name.c_str(), "max_nb_queue_pairs=1"); error != 0)
                return Error{ErrorCode::kUnavailable,
                             base::format("device %s cannot be created: %s", name.c_str(), rte_strerror(-error))};
            const int created = rte_cryptodev_get_dev_id(name.c_str());
            if (created < 0)
                return Error{ErrorCode::kInternal, base::format("device %s was created and not found", name.c_str())};
            device.reset(new CpuCryptoDevice(static_cast<uint8_t>(created), name, true, options));
        }
    }
    if (device == nullptr)
        return Error{ErrorCode::kResourceExhausted, "this process has the most crypto devices DPDK allows"};
    GW_TRY(device->start(options.socket));
    return device;
}

Result<void> CpuCryptoDevice::start(int socket)
{
    rte_cryptodev_info info;
    rte_cryptodev_info_get(id_, &info);
    if ((info.feature_flags & RTE_CRYPTODEV_FF_SYM_CPU_CRYPTO) == 0)
        return Error{ErrorCode::kUnsupported, base::format("device %s has no synchronous mode", name_.c_str())};
    // No queue is used, but the driver keys sessions with the queue pair's cipher library, which otherwise it sets up
    // and tests each time.
    rte_cryptodev_config config{};
    config.nb_queue_pairs = 1;
    config.socket_id = socket;
    rte_cryptodev_qp_conf queue{};
    queue.nb_descriptors = 64;
    int error = rte_cryptodev_configure(id_, &config);
    if (error == 0)
        error = rte_cryptodev_queue_pair_setup(id_, 0, &queue, socket);
    if (error == 0)
        error = rte_cryptodev_start(id_);
    if (error != 0)
        return Error{ErrorCode::kUnavailable,
                     base::format("device %s does not start: %s", name_.c_str(), rte_strerror(-error))};
    return {};
}

bool CpuCryptoDevice::supports(const model::EspSuite& suite) const
{
    const model::SuiteLayout layout = suite.layout();
    rte_cryptodev_sym_capability_idx index{};
    if (is_gcm_or_chacha(suite.encryption)) {
        index.type = RTE_CRYPTO_SYM_XFORM_AEAD;
        index.algo.aead = aead_algorithm(suite.encryption);
        const auto* const capability = rte_cryptodev_sym_capability_get(id_, &index);
        return capability != nullptr &&
               rte_cryptodev_sym_capability_check_aead(capability, layout.key_bytes, layout.icv_bytes, kEsnAadBytes,
                                                       kNonceBytes) == 0;
    }
    const bool gmac = suite.encryption == Encryption::kAesGmac;
    index.type = RTE_CRYPTO_SYM_XFORM_AUTH;
    index.algo.auth = gmac ? RTE_CRYPTO_AUTH_AES_GMAC : auth_algorithm(suite.integrity);
    const auto* const auth = rte_cryptodev_sym_capability_get(id_, &index);
    if (auth == nullptr ||
        rte_cryptodev_sym_capability_check_auth(auth, gmac ? layout.key_bytes : layout.integrity_key_bytes,
                                                layout.icv_bytes, gmac ? kNonceBytes : 0) != 0)
        return false;
    if (gmac || suite.encryption == Encryption::kNull)
        return true;
    index.type = RTE_CRYPTO_SYM_XFORM_CIPHER;
    index.algo.cipher = cipher_algorithm(suite.encryption);
    const auto* const cipher = rte_cryptodev_sym_capability_get(id_, &index);
    return cipher != nullptr && rte_cryptodev_sym_capability_check_cipher(cipher, layout.key_bytes, 16) == 0;
}

Result<CipherContextPtr> CpuCryptoDevice::make_context(const KeyRequest& request)
{
    if (!supports(request.suite))
        return Error{ErrorCode::kUnsupported, base::format("%s cannot do %s", engine_, request.suite.name().c_str())};
    const bool draws_iv = request.suite.encryption == Encryption::kAesCbc && request.direction == Direction::kOutbound;
    std::unique_ptr<crypto::IvSource> ivs;
    if (draws_iv)
        ivs = std::make_unique<crypto::IvSource>(GW_TRY(crypto::IvSource::create()));

    const model::SuiteLayout layout = request.suite.layout();
    const KeyParts parts(layout, request.keymat);
    Transforms transforms;
    describe(request, parts, transforms);
    auto context = std::make_unique<CpuCryptoContext>();
    context->session = GW_TRY(sessions_.create(&transforms.first));
    context->offsets = cpu_crypto_offsets(request);
    context->owner = this;
    context->ivs = std::move(ivs);
    context->salt = parts.salt;
    context->device = id_;
    context->icv_bytes = layout.icv_bytes;
    (request.direction == Direction::kOutbound ? context->seal : context->open) = cpu_crypto_burst(request);
    context->destroy = &destroy_context;
    context->engine = engine_;
    context->shareable = !draws_iv;
    return CipherContextPtr(context.release());
}

}  // namespace ipsecgw::esp
