#include "esp/engine.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "esp/engine_cpu_crypto_internal.h"
#include "esp/engine_internal.h"
#include "esp/engine_mixed_internal.h"
#include "esp/engine_openssl_internal.h"
#include "esp/engine_self_test_internal.h"
#include "esp/engine_vaes_gcm_internal.h"
#include "esp/look_aside.h"
#include "esp/look_aside_internal.h"

namespace ipsecgw::esp {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::EngineChoice;
using model::EspSuite;

namespace {

enum class EngineKind : uint8_t { kVaesGcm, kAesniGcm, kAesniMb, kOpenssl };
constexpr size_t kEngineKinds = 4;
constexpr uint32_t kOwnSessions = 3;

/// What kAuto asks in turn. The order is the same for every suite, by bench/micro/esp_engines_bench on Zen 4, cycles
/// per packet sealed at 64, 256 and 1420 bytes: AES-128-GCM 57, 109 and 362 (vaes_gcm), 108, 155 and 386 (aesni_gcm);
/// on Zen 5 at 64 and 1420 bytes: AES-128-GCM 108 and 394 (aesni_gcm), 171 and 473 (aesni_mb), 806 and 1670 (openssl);
/// ChaCha20-Poly1305 500 and 1480 (aesni_mb), 1350 and 2800 (openssl). Suites with HMAC mix the last two: see
/// engine_mixed_internal.h.
constexpr EngineKind kFastestFirst[] = {EngineKind::kVaesGcm, EngineKind::kAesniGcm, EngineKind::kAesniMb,
                                        EngineKind::kOpenssl};

enum class TestResult : uint8_t { kPassed, kFailed, kUnsupported };

/// An engine, and what it may be used for.
struct Engine {
    EngineKind kind;
    const char* name;
    std::unique_ptr<CpuCryptoDevice> device;  // CPU crypto only
    std::optional<Error> absent;              // why it is not there at all
    std::vector<TestResult> results;          // by index in all_esp_suites()
    std::vector<std::string> failed;          // "aes128gcm16: it sealed ..."
    int socket = -1;

    Result<sa::CipherContextPtr> make(const KeyRequest& request) const
    {
        switch (kind) {
            case EngineKind::kVaesGcm:
                return make_vaes_gcm_context(request, socket);
            case EngineKind::kAesniGcm:
            case EngineKind::kAesniMb:
                return device->make_context(request);
            case EngineKind::kOpenssl:
                break;
        }
        return make_openssl_context(request);
    }

    void test_all()
    {
        for (const EspSuite& suite : model::all_esp_suites()) {
            const auto result = self_test(suite, [this](const KeyRequest& request) { return make(request); });
            if (result) {
                results.push_back(TestResult::kPassed);
            } else if (result.error().code == ErrorCode::kUnsupported) {
                results.push_back(TestResult::kUnsupported);
            } else {
                results.push_back(TestResult::kFailed);
                failed.push_back(suite.name() + ": " + result.error().what);
            }
        }
    }

    [[nodiscard]] TestResult result_for(const EspSuite& suite) const
    {
        const auto& all = model::all_esp_suites();
        const auto at = static_cast<size_t>(std::find(all.begin(), all.end(), suite) - all.begin());
        return at < results.size() ? results[at] : TestResult::kUnsupported;
    }

    [[nodiscard]] EngineInfo info() const
    {
        if (absent)
            return {name, false, absent->what};
        const auto passed = static_cast<size_t>(std::count(results.begin(), results.end(), TestResult::kPassed));
        std::string reason = device != nullptr ? "device " + device->name() + ", " : "";
        reason += base::format("%zu of %zu algorithms", passed, results.size());
        if (!failed.empty())
            reason += "; not used where its self test failed: " + base::join(failed);
        return {name, passed != 0, reason};
    }
};

Engine open_vaes_gcm(const Engines::Options& options)
{
    Engine engine{EngineKind::kVaesGcm, kVaesGcmName, nullptr, std::nullopt, {}, {}, options.socket};
    if (!options.cpu_crypto)
        engine.absent = Error{ErrorCode::kUnsupported, "switched off"};
    else if (!vaes_gcm_is_supported())
        engine.absent = Error{ErrorCode::kUnsupported, "this CPU has no VAES and VPCLMULQDQ with AVX-512"};
    return engine;
}

// An inbound SA takes a session, an outbound one as many as there are workers where its contexts are not shareable.
// And there are those of the self test and of prepare_thread().
uint32_t sessions_for(const Engines::Options& options)
{
    const uint64_t sessions = uint64_t{options.max_sas} * (uint64_t{options.workers} + 1) + kOwnSessions;
    return static_cast<uint32_t>(std::min<uint64_t>(sessions, UINT32_MAX));
}

using LookAsideDevices = std::vector<std::unique_ptr<LookAsideDevice>>;

Result<LookAsideDevices> open_look_aside(const Engines::Options& options)
{
    LookAsideDevices devices;
    for (const std::string& name : options.look_aside)
        devices.push_back(GW_TRY(LookAsideDevice::open({.name = name,
                                                        .index = static_cast<uint8_t>(devices.size()),
                                                        .workers = options.workers,
                                                        .max_sessions = sessions_for(options),
                                                        .socket = options.socket})));
    return devices;
}

Engine open_cpu_crypto(EngineKind kind, const char* name, const Engines::Options& options)
{
    Engine engine{kind, name, nullptr, std::nullopt, {}, {}};
    if (!options.cpu_crypto) {
        engine.absent = Error{ErrorCode::kUnsupported, "switched off"};
        return engine;
    }
    auto device = CpuCryptoDevice::open({name, sessions_for(options), options.socket, options.look_aside});
    if (device)
        engine.device = std::move(device).value();
    else
        engine.absent = std::move(device).error();
    return engine;
}

}  // namespace

class Engines::Devices {
  public:
    /// `look_aside` are started: the CPU-crypto engines, which take devices that nobody has started, leave them alone.
    Devices(const Options& options, LookAsideDevices look_aside) : look_aside_(std::move(look_aside))
    {
        engines_[0] = open_vaes_gcm(options);
        engines_[1] = open_cpu_crypto(EngineKind::kAesniGcm, kAesniGcmName, options);
        engines_[2] = open_cpu_crypto(EngineKind::kAesniMb, kAesniMbName, options);
        engines_[3] = Engine{EngineKind::kOpenssl, kOpensslName, nullptr, std::nullopt, {}, {}};
        for (Engine& engine : engines_)
            if (!engine.absent)
                engine.test_all();
        make_warm_up_contexts();
    }

    /// Runs each context of a library that keeps state per thread once, on a packet of nobody's.
    void prepare_thread() const noexcept
    {
        for (const auto& context : warm_up_) {
            uint8_t packet[64] = {};
            const sa::EspText text{packet + 8, 16, 0};
            context->seal(*context, {&text, 1});
        }
    }

    [[nodiscard]] const std::array<Engine, kEngineKinds>& all() const noexcept { return engines_; }
    [[nodiscard]] const Engine& of(EngineKind kind) const noexcept { return engines_[static_cast<size_t>(kind)]; }

    /// With `engine`, joined by OpenSSL where that gains.
    [[nodiscard]] Result<sa::CipherContextPtr> make_fastest(const Engine& engine, const KeyRequest& request) const
    {
        auto many = engine.make(request);
        if (!many || engine.kind != EngineKind::kAesniMb || !gains_from_mixing(request.suite))
            return many;
        return mix(request, std::move(many).value(), GW_TRY(of(EngineKind::kOpenssl).make(request)));
    }

    [[nodiscard]] const LookAsideDevices& look_aside() const noexcept { return look_aside_; }

    /// The device that takes the suite's SAs; kUnsupported.
    [[nodiscard]] Result<LookAsideDevice*> look_aside_for(const EspSuite& suite) const
    {
        LookAsideDevice* best = nullptr;
        std::vector<std::string> refusals;
        for (const auto& device : look_aside_) {
            if (auto refusal = device->refuses(suite); !refusal.empty())
                refusals.push_back(std::move(refusal));
            else if (best == nullptr || (device->driver() == best->driver() && device->contexts() < best->contexts()))
                best = device.get();
        }
        if (best != nullptr)
            return best;
        if (refusals.empty())
            return Error{ErrorCode::kUnsupported, "no look-aside device is configured",
                         "name a crypto device in the gateway's lookaside setting"};
        return Error{ErrorCode::kUnsupported, base::join(refusals, "; "), "see which engines do what in gwctl stats"};
    }

  private:
    void make_warm_up_contexts()
    {
        const EspSuite suite{model::Encryption::kAesGcm16, 128, model::Integrity::kNone};
        const std::array<uint8_t, 20> keymat{};
        for (const Engine& engine : engines_) {
            if (engine.device == nullptr || engine.result_for(suite) != TestResult::kPassed)
                continue;
            auto context = engine.make({suite, keymat, false, model::Direction::kOutbound});
            if (context)
                warm_up_.push_back(std::move(context).value());
        }
    }

    LookAsideDevices look_aside_;
    std::array<Engine, kEngineKinds> engines_;   // by EngineKind
    std::vector<sa::CipherContextPtr> warm_up_;  // shareable; gone before the devices are
};

namespace {

/// What an operator reads beside the SA.
std::string why(const sa::CipherContext& context, const EspSuite& suite, EngineChoice choice,
                const std::vector<std::string>& passed_over)
{
    std::string text = context.engine;
    if (choice != EngineChoice::kAuto)
        text += ", as configured";
    else
        text = "auto: " + text + (passed_over.empty() ? ", the fastest for " + suite.name() : "");
    if (!passed_over.empty())
        text += "; not " + base::join(passed_over, "; not ");
    return text;
}

/// Nothing when the engine may be used for the suite; else why not, empty when it simply does not do it.
std::optional<std::string> not_for(const Engine& engine, const EspSuite& suite)
{
    if (engine.absent)
        return engine.absent->what;
    switch (engine.result_for(suite)) {
        case TestResult::kPassed:
            return std::nullopt;
        case TestResult::kFailed:
            return "its self test failed";
        case TestResult::kUnsupported:
            break;
    }
    return "";
}

Result<void> check_keymat(const EspSuite& suite, std::span<const uint8_t> keymat)
{
    if (const size_t bytes = suite.layout().keymat_bytes(); keymat.size() != bytes)
        return Error{ErrorCode::kInvalidArgument, base::format("%s takes %zu bytes of keying material, got %zu",
                                                               suite.name().c_str(), bytes, keymat.size())};
    return {};
}

bool wanted(EngineKind kind, EngineChoice choice) noexcept
{
    switch (choice) {
        case EngineChoice::kAuto:
        case EngineChoice::kLookAside:
            return true;
        case EngineChoice::kCpuCrypto:
            return kind == EngineKind::kAesniGcm || kind == EngineKind::kAesniMb;
        case EngineChoice::kOpenssl:
            return kind == EngineKind::kOpenssl;
    }
    return false;
}

}  // namespace

Engines::Engines(std::unique_ptr<Devices> devices) : devices_(std::move(devices)) {}
Engines::~Engines() = default;

Result<std::unique_ptr<Engines>> Engines::create(const Options& options)
{
    auto devices = std::make_unique<Devices>(options, GW_TRY(open_look_aside(options)));
    const Engine& openssl = devices->of(EngineKind::kOpenssl);
    if (!openssl.failed.empty())
        return Error{ErrorCode::kUnavailable, "OpenSSL fails its self test: " + base::join(openssl.failed),
                     "check the installed libcrypto"};
    return std::unique_ptr<Engines>(new Engines(std::move(devices)));
}

std::vector<EngineInfo> Engines::list() const
{
    std::vector<EngineInfo> out;
    for (const Engine& engine : devices_->all())
        out.push_back(engine.info());
    for (const auto& device : devices_->look_aside())
        out.push_back(device->info());
    return out;
}

bool Engines::has_look_aside() const noexcept
{
    return !devices_->look_aside().empty();
}

Result<std::unique_ptr<LookAside>> Engines::look_aside_of(uint16_t worker) const
{
    if (!has_look_aside())
        return std::unique_ptr<LookAside>();
    std::vector<std::unique_ptr<QueuePair>> queues;
    for (const auto& device : devices_->look_aside())
        queues.push_back(GW_TRY(QueuePair::create(*device, worker)));
    return std::make_unique<LookAside>(std::move(queues), worker);
}

Result<std::string> Engines::look_aside_for(const EspSuite& suite) const
{
    return GW_TRY(devices_->look_aside_for(suite))->name();
}

Result<Keyed> Engines::key_look_aside(const EspSuite& suite, std::span<const uint8_t> keymat, bool esn,
                                      model::Direction direction)
{
    GW_TRY(check_keymat(suite, keymat));
    LookAsideDevice* const device = GW_TRY(devices_->look_aside_for(suite));
    return Keyed{GW_TRY(device->make_context({suite, keymat, esn, direction})),
                 "look-aside device, driver " + device->driver()};
}

void Engines::prepare_thread() const noexcept
{
    devices_->prepare_thread();
}

Result<Keyed> Engines::key(const EspSuite& suite, std::span<const uint8_t> keymat, bool esn, model::Direction direction,
                           EngineChoice choice)
{
    GW_TRY(check_keymat(suite, keymat));
    if (choice == EngineChoice::kLookAside)
        choice = EngineChoice::kAuto;
    const KeyRequest request{suite, keymat, esn, direction};
    std::vector<std::string> passed_over;
    Error last{ErrorCode::kUnsupported, "no engine of the configured kind does " + suite.name(),
               "leave the engine to auto"};
    for (const EngineKind kind : kFastestFirst) {
        const Engine& engine = devices_->of(kind);
        if (!wanted(kind, choice))
            continue;
        if (const auto reason = not_for(engine, suite)) {
            if (!reason->empty())
                passed_over.push_back(engine.name + (": " + *reason));
            continue;
        }
        auto context = choice == EngineChoice::kAuto ? devices_->make_fastest(engine, request) : engine.make(request);
        if (context) {
            std::string reason = why(**context, suite, choice, passed_over);
            return Keyed{std::move(context).value(), std::move(reason)};
        }
        last = std::move(context).error();
        passed_over.push_back(engine.name + (": " + last.what));
    }
    if (last.code == ErrorCode::kUnsupported && !passed_over.empty())
        last.what += " (" + base::join(passed_over, "; ") + ")";
    return last;
}

}  // namespace ipsecgw::esp
