// Devices, sessions and contexts of the CPU-crypto engines.

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <utility>

#include <rte_cryptodev.h>
#include <rte_dev.h>
#include <rte_errno.h>

#include "base/secret_bytes.h"
#include "base/text.h"
#include "esp/engine_cpu_crypto_internal.h"

namespace ipsecgw::esp {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::Direction;
using model::Encryption;
using sa::CipherContext;
using sa::CipherContextPtr;

namespace {

constexpr const char* kBus = "vdev";

void destroy_context(CipherContext* base) noexcept
{
    auto* const context = static_cast<CpuCryptoContext*>(base);
    context->owner->release(context->session);
    base::wipe({reinterpret_cast<uint8_t*>(&context->salt), sizeof context->salt});
    delete context;
}

/// Names of the devices made here: "crypto_aesni_gcm_gw0".
constexpr const char* kOwnSuffix = "_gw";

/// A device of `driver` that is nobody's: EAL made it and it is not started. Devices that another gateway in this
/// process made are left alone.
std::optional<uint8_t> find_unused(const std::string& driver, std::span<const std::string> taken)
{
    uint8_t ids[RTE_CRYPTO_MAX_DEVS];
    const uint8_t count = rte_cryptodev_devices_get(driver.c_str(), ids, RTE_CRYPTO_MAX_DEVS);
    for (uint8_t i = 0; i < count; i++) {
        const std::string_view name = rte_cryptodev_name_get(ids[i]);
        if (name.starts_with(driver + kOwnSuffix) || std::find(taken.begin(), taken.end(), name) != taken.end())
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
    if (const auto id = find_unused(driver, options.taken)) {
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

Result<CipherContextPtr> CpuCryptoDevice::make_context(const KeyRequest& request)
{
    if (!device_supports(id_, request.suite))
        return Error{ErrorCode::kUnsupported, base::format("%s cannot do %s", engine_, request.suite.name().c_str())};
    const bool draws_iv = request.suite.encryption == Encryption::kAesCbc && request.direction == Direction::kOutbound;
    std::unique_ptr<crypto::IvSource> ivs;
    if (draws_iv)
        ivs = std::make_unique<crypto::IvSource>(GW_TRY(crypto::IvSource::create()));

    const model::SuiteLayout layout = request.suite.layout();
    const KeyParts parts(layout, request.keymat);
    Transforms transforms;
    describe(request, parts, 0, transforms);
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
