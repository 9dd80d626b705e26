// Look-aside devices: set-up, test, sessions, queue pairs.

// rte_cryptodev_sym_session_pool_create's family is still marked experimental in 22.11.
#define ALLOW_EXPERIMENTAL_API

#include <algorithm>
#include <array>
#include <utility>

#include <rte_cryptodev.h>
#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_mempool.h>

#include "base/secret_bytes.h"
#include "base/text.h"
#include "esp/engine_self_test_internal.h"
#include "esp/look_aside_internal.h"

namespace ipsecgw::esp {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::Direction;
using model::Encryption;
using model::EspSuite;
using sa::CipherContext;
using sa::CipherContextPtr;
using sa::EspText;

namespace {

/// Of a queue pair: more than are ever given, so that a device that keeps one slot free (rings do) takes all.
constexpr uint32_t kDescriptors = 2 * kLookAsidePackets;

/// A look-aside context that is run to the end at once, on packets that are in no mbuf: for the self test, before
/// workers use the queue pair.
class Trial {
  public:
    static Result<std::unique_ptr<Trial>> create(const LookAsideDevice& device)
    {
        auto trial = std::unique_ptr<Trial>(new Trial());
        trial->queue_ = GW_TRY(QueuePair::create(device, 0));
        const std::string name = base::format("gw_trial_%u", device.id());
        trial->packets_ = rte_pktmbuf_pool_create(name.c_str(), kPackets, 0, 0, kRoom, device.socket());
        if (trial->packets_ == nullptr)
            return Error{ErrorCode::kResourceExhausted,
                         base::format("no memory to test %s: %s", device.name().c_str(), rte_strerror(rte_errno)),
                         "give EAL more memory (-m or huge pages)"};
        return trial;
    }
    ~Trial()
    {
        queue_.reset();  // frees what it still holds into the pool
        rte_mempool_free(packets_);
    }
    Trial(const Trial&) = delete;
    Trial& operator=(const Trial&) = delete;

    /// Bit i: packet i succeeded.
    uint64_t run(LookAsideContext& context, std::span<const EspText> texts) noexcept
    {
        uint64_t done = 0;
        for (size_t i = 0; i < texts.size(); i++)
            submit(context, texts[i], i);
        const uint64_t deadline = rte_rdtsc() + rte_get_tsc_hz();
        while (queue_->in_flight() != 0 && rte_rdtsc() < deadline) {
            std::array<rte_crypto_op*, 1> operation;
            if (queue_->dequeue(operation) != 0)
                done |= collect(context, operation[0], texts);
        }
        return done;
    }

  private:
    static constexpr uint32_t kPackets = 63;
    static constexpr uint16_t kBefore = 32;  // an outer header would be there
    static constexpr uint16_t kRoom = RTE_PKTMBUF_HEADROOM + 2048;

    Trial() = default;

    static size_t bytes_of(const LookAsideContext& context, const EspText& text) noexcept
    {
        return kEspHeaderBytes + context.iv_bytes + text.text_bytes + context.icv_bytes;
    }
    void submit(LookAsideContext& context, const EspText& text, size_t index) noexcept
    {
        rte_mbuf* m = rte_pktmbuf_alloc(packets_);
        if (m == nullptr)
            return;
        const size_t bytes = bytes_of(context, text);
        auto* start = reinterpret_cast<uint8_t*>(rte_pktmbuf_append(m, static_cast<uint16_t>(kBefore + bytes)));
        if (start == nullptr || queue_->room() == 0) {
            rte_pktmbuf_free(m);
            return;
        }
        std::memcpy(start + kBefore, text.esp, bytes);
        rte_crypto_op* operation = queue_->take();
        sym_of(operation).m_src = m;
        data_of(operation).text = {start + kBefore, text.text_bytes, text.sequence_high};
        data_of(operation).sequence = index;
        if (context.fill(context, {&operation, 1}) != 1 || queue_->enqueue({&operation, 1}) != 1) {
            rte_pktmbuf_free(m);
            queue_->give_back(operation);
        }
    }
    uint64_t collect(const LookAsideContext& context, rte_crypto_op* operation, std::span<const EspText> texts) noexcept
    {
        const OperationData& data = data_of(operation);
        if (context.restore != nullptr)
            context.restore(*operation);
        const EspText& text = texts[data.sequence];
        std::memcpy(text.esp, data.text.esp, bytes_of(context, text));
        const uint64_t bit = uint64_t{1} << data.sequence;
        const bool succeeded = operation->status == RTE_CRYPTO_OP_STATUS_SUCCESS;
        rte_pktmbuf_free(sym_of(operation).m_src);
        queue_->give_back(operation);
        return succeeded ? bit : 0;
    }

    std::unique_ptr<QueuePair> queue_;
    rte_mempool* packets_ = nullptr;
};

/// A context of the self test: its bursts run to the end in a Trial.
struct TrialContext : CipherContext {
    CipherContextPtr tested;
    Trial* trial = nullptr;
};

uint64_t run_trial(CipherContext& self, std::span<const EspText> packets) noexcept
{
    auto& context = static_cast<TrialContext&>(self);
    return context.trial->run(static_cast<LookAsideContext&>(*context.tested), packets);
}

CipherContextPtr try_out(CipherContextPtr tested, Trial& trial)
{
    auto context = std::make_unique<TrialContext>();
    context->engine = tested->engine;
    context->tested = std::move(tested);
    context->trial = &trial;
    context->seal = context->open = &run_trial;
    context->destroy = [](CipherContext* self) noexcept { delete static_cast<TrialContext*>(self); };
    return CipherContextPtr(context.release());
}

void destroy_context(CipherContext* self) noexcept
{
    auto* const context = static_cast<LookAsideContext*>(self);
    context->owner->release(context->session);
    base::wipe({reinterpret_cast<uint8_t*>(&context->salt), sizeof context->salt});
    delete context;
}

/// Acquire pairs with the release of the worker that has let go of the SA.
bool is_idle(const CipherContext& self) noexcept
{
    return static_cast<const LookAsideContext&>(self).in_flight.load(std::memory_order_acquire) == 0;
}

std::string names_of_devices()
{
    std::vector<std::string> names;
    for (uint8_t id = 0; id < RTE_CRYPTO_MAX_DEVS; id++)
        if (const char* name = rte_cryptodev_name_get(id); name != nullptr && rte_cryptodev_is_valid_dev(id))
            names.emplace_back(name);
    return names.empty() ? "none" : base::join(names);
}

}  // namespace

LookAsideDevice::LookAsideDevice(uint8_t id, Options options)
    : id_(id), options_(std::move(options)), sessions_(id, options_.max_sessions, options_.socket)
{
}

LookAsideDevice::~LookAsideDevice()
{
    if (!started_)
        return;
    const QuietDrivers quiet;
    rte_cryptodev_stop(id_);
    rte_cryptodev_close(id_);
}

Result<std::unique_ptr<LookAsideDevice>> LookAsideDevice::open(Options options)
{
    const int id = rte_cryptodev_get_dev_id(options.name.c_str());
    if (id < 0)
        return Error{ErrorCode::kNotFound,
                     base::format("lookaside: there is no crypto device %s", options.name.c_str()),
                     "crypto devices of this process: " + names_of_devices() +
                         "; give one to EAL with --vdev crypto_openssl0 or -a and its PCI address"};
    const QuietDrivers quiet;
    std::unique_ptr<LookAsideDevice> device(new LookAsideDevice(static_cast<uint8_t>(id), std::move(options)));
    GW_TRY(device->start());
    GW_TRY(device->test_all());
    return device;
}

Result<void> LookAsideDevice::start()
{
    const char* const name = options_.name.c_str();
    rte_cryptodev_info info;
    rte_cryptodev_info_get(id_, &info);
    driver_ = info.driver_name;
    if ((info.feature_flags & RTE_CRYPTODEV_FF_SYMMETRIC_CRYPTO) == 0)
        return Error{ErrorCode::kUnsupported, base::format("lookaside: %s does no symmetric crypto", name), ""};
    if (info.max_nb_queue_pairs < options_.workers)
        return Error{ErrorCode::kUnsupported,
                     base::format("lookaside: %s has %u queue pairs for %u workers", name, info.max_nb_queue_pairs,
                                  options_.workers),
                     base::format("each worker needs one: run fewer workers, or give the device more (vdevs: "
                                  "max_nb_queue_pairs=%u)",
                                  options_.workers)};
    rte_cryptodev_config config{};
    config.nb_queue_pairs = options_.workers;
    config.socket_id = rte_cryptodev_socket_id(id_);
    config.ff_disable = RTE_CRYPTODEV_FF_ASYMMETRIC_CRYPTO & info.feature_flags;
    int error = rte_cryptodev_configure(id_, &config);
    rte_cryptodev_qp_conf queue{};
    queue.nb_descriptors = kDescriptors;
    for (uint16_t i = 0; i < options_.workers && error == 0; i++)
        error = rte_cryptodev_queue_pair_setup(id_, i, &queue, config.socket_id);
    if (error == 0)
        error = rte_cryptodev_start(id_);
    if (error == -EBUSY)
        return Error{ErrorCode::kUnavailable, base::format("lookaside: %s is in use already", name),
                     "name each device once, and none that another gateway of this process has"};
    if (error != 0)
        return Error{ErrorCode::kUnavailable,
                     base::format("lookaside: %s does not start: %s", name, rte_strerror(-error)), ""};
    started_ = true;
    return {};
}

Result<void> LookAsideDevice::test_all()
{
    const auto trial = GW_TRY(Trial::create(*this));
    const ContextMaker make = [this, &trial](const KeyRequest& request) -> Result<CipherContextPtr> {
        return try_out(GW_TRY(make_context(request)), *trial);
    };
    const auto& all = model::all_esp_suites();
    for (const EspSuite& suite : all) {
        results_.push_back(TestResult::kPassed);  // make_context asks
        const auto result = self_test(suite, make);
        if (result)
            continue;
        if (result.error().code == ErrorCode::kUnsupported) {
            results_.back() = TestResult::kUnsupported;
        } else {
            results_.back() = TestResult::kFailed;
            failed_.push_back(suite.name() + ": " + result.error().what);
        }
    }
    if (std::find(results_.begin(), results_.end(), TestResult::kPassed) == results_.end())
        return Error{ErrorCode::kUnsupported, base::format("lookaside: %s", info().reason.c_str()),
                     "name a device that does ESP's algorithms"};
    return {};
}

std::string LookAsideDevice::refuses(const EspSuite& suite) const
{
    const auto& all = model::all_esp_suites();
    const auto at = static_cast<size_t>(std::find(all.begin(), all.end(), suite) - all.begin());
    switch (at < results_.size() ? results_[at] : TestResult::kUnsupported) {
        case TestResult::kPassed:
            return {};
        case TestResult::kFailed:
            return options_.name + " failed its self test for " + suite.name();
        case TestResult::kUnsupported:
            break;
    }
    return options_.name + " does not do " + suite.name();
}

EngineInfo LookAsideDevice::info() const
{
    const auto passed = std::count(results_.begin(), results_.end(), TestResult::kPassed);
    std::string reason =
        base::format("look-aside, driver %s, %u queue pair%s, %zu of %zu algorithms", driver_.c_str(), options_.workers,
                     options_.workers == 1 ? "" : "s", static_cast<size_t>(passed), results_.size());
    if (!failed_.empty())
        reason += "; not used where its self test failed: " + base::join(failed_);
    return {options_.name, passed != 0, reason};
}

Result<CipherContextPtr> LookAsideDevice::make_context(const KeyRequest& request)
{
    if (!device_supports(id_, request.suite) || !refuses(request.suite).empty())
        return Error{ErrorCode::kUnsupported, options_.name + " does not do " + request.suite.name()};
    auto context = std::make_unique<LookAsideContext>();
    if (request.suite.encryption == Encryption::kAesCbc && request.direction == Direction::kOutbound)
        context->ivs = std::make_unique<crypto::IvSource>(GW_TRY(crypto::IvSource::create()));
    const model::SuiteLayout layout = request.suite.layout();
    const KeyParts parts(layout, request.keymat);
    Transforms transforms;
    describe(request, parts, kOperationDataOffset + offsetof(OperationData, iv), transforms);
    context->session = GW_TRY(sessions_.create(&transforms.first));
    context->fill = look_aside_fill(request);
    context->restore = look_aside_restore(request);
    context->owner = this;
    context->salt = parts.salt;
    context->iv_bytes = layout.iv_bytes;
    context->icv_bytes = layout.icv_bytes;
    context->device_index = options_.index;
    context->direction = request.direction;
    context->destroy = &destroy_context;
    context->is_idle = &is_idle;
    context->engine = options_.name.c_str();
    // A driver may keep state of a packet in its session (the openssl one does), and each queue pair runs in a thread
    // of its own.
    context->shareable = false;
    contexts_++;
    return CipherContextPtr(context.release());
}

void LookAsideDevice::release(void* session) noexcept
{
    contexts_--;
    sessions_.release(session);
}

Result<std::unique_ptr<QueuePair>> QueuePair::create(const LookAsideDevice& device, uint16_t queue)
{
    std::unique_ptr<QueuePair> pair(new QueuePair(device.id(), queue));
    const std::string name = base::format("gw_ops_%u_%u", device.id(), queue);
    pair->pool_ = rte_crypto_op_pool_create(name.c_str(), RTE_CRYPTO_OP_TYPE_SYMMETRIC, kLookAsidePackets, 0,
                                            kOperationPrivateBytes, device.socket());
    pair->all_.resize(kLookAsidePackets);
    if (pair->pool_ == nullptr || rte_crypto_op_bulk_alloc(pair->pool_, RTE_CRYPTO_OP_TYPE_SYMMETRIC, pair->all_.data(),
                                                           kLookAsidePackets) == 0) {
        pair->all_.clear();
        return Error{
            ErrorCode::kResourceExhausted,
            base::format("no memory for the operations of %s: %s", device.name().c_str(), rte_strerror(rte_errno)),
            "give EAL more memory (-m or huge pages)"};
    }
    for (rte_crypto_op* operation : pair->all_)
        sym_of(operation).m_src = nullptr;
    pair->free_ = pair->all_;
    return pair;
}

QueuePair::~QueuePair()
{
    // Drivers keep finished operations beyond their stop (the openssl one in a ring that it takes up again), so they are
    // taken from it while they are still ours.
    const uint64_t deadline = rte_rdtsc() + rte_get_tsc_hz() / 10;
    while (in_flight() != 0 && rte_rdtsc() < deadline) {
        rte_crypto_op* operation;
        if (dequeue({&operation, 1}) == 0)
            continue;
        rte_pktmbuf_free(sym_of(operation).m_src);
        give_back(operation);
    }
    for (rte_crypto_op* operation : all_) {
        rte_pktmbuf_free(sym_of(operation).m_src);  // null is allowed
        rte_crypto_op_free(operation);
    }
    rte_mempool_free(pool_);
}

uint16_t QueuePair::enqueue(std::span<rte_crypto_op*> operations) noexcept
{
    return rte_cryptodev_enqueue_burst(device_, queue_, operations.data(), static_cast<uint16_t>(operations.size()));
}

uint16_t QueuePair::dequeue(std::span<rte_crypto_op*> operations) noexcept
{
    return rte_cryptodev_dequeue_burst(device_, queue_, operations.data(), static_cast<uint16_t>(operations.size()));
}

}  // namespace ipsecgw::esp
