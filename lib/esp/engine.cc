#include "esp/engine.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/text.h"
#include "esp/engine_cpu_crypto_internal.h"
#include "esp/engine_internal.h"
#include "esp/engine_openssl_internal.h"
#include "esp/engine_self_test_internal.h"

namespace ipsecgw::esp {

using base::Error;
using base::ErrorCode;
using base::Result;
using model::EngineChoice;
using model::EspSuite;

namespace {

enum class EngineKind : uint8_t { kAesniGcm, kAesniMb, kOpenssl };
constexpr size_t kEngineKinds = 3;

/// The engines from fastest to slowest for a suite, by bench/micro (Zen 5, bursts of 32, both directions).
constexpr std::array<EngineKind, kEngineKinds> order_for(const EspSuite&) noexcept
{
    return {EngineKind::kAesniGcm, EngineKind::kAesniMb, EngineKind::kOpenssl};
}

/// An engine, and what it may be used for.
struct Engine {
    EngineKind kind;
    const char* name;
    std::unique_ptr<CpuCryptoDevice> device;  // CPU crypto only
    std::optional<Error> absent;              // why it is not there at all
    std::vector<bool> passed;                 // by index in all_esp_suites()
    std::vector<std::string> failed;          // "aes128gcm16: it sealed ..."

    Result<sa::CipherContextPtr> make(const KeyRequest& request) const
    {
        return kind == EngineKind::kOpenssl ? make_openssl_context(request) : device->make_context(request);
    }

    void test_all()
    {
        for (const EspSuite& suite : model::all_esp_suites()) {
            const auto result = self_test(suite, [this](const KeyRequest& request) { return make(request); });
            passed.push_back(result.has_value());
            if (!result && result.error().code != ErrorCode::kUnsupported)
                failed.push_back(suite.name() + ": " + result.error().what);
        }
    }

    [[nodiscard]] size_t passed_count() const noexcept
    {
        return static_cast<size_t>(std::count(passed.begin(), passed.end(), true));
    }
    [[nodiscard]] bool can(const EspSuite& suite) const
    {
        const auto& all = model::all_esp_suites();
        const auto at = static_cast<size_t>(std::find(all.begin(), all.end(), suite) - all.begin());
        return at < passed.size() && passed[at];
    }
    [[nodiscard]] EngineInfo info() const
    {
        if (absent)
            return {name, false, absent->what};
        std::string reason = device != nullptr ? "device " + device->name() + ", " : "";
        reason += base::format("%zu of %zu algorithms", passed_count(), passed.size());
        if (!failed.empty())
            reason += "; not used where its self test failed: " + base::join(failed);
        return {name, passed_count() != 0, reason};
    }
};

Engine open_cpu_crypto(EngineKind kind, const char* name, const Engines::Options& options)
{
    Engine engine{kind, name, nullptr, std::nullopt, {}, {}};
    if (!options.cpu_crypto) {
        engine.absent = Error{ErrorCode::kUnsupported, "switched off"};
        return engine;
    }
    // An inbound SA takes a session, an outbound one as many as there are workers where its contexts are not shareable.
    const uint64_t sessions = uint64_t{options.max_sas} * (uint64_t{options.workers} + 1);
    auto device = CpuCryptoDevice::open(
        {name, static_cast<uint32_t>(std::clamp<uint64_t>(sessions, 16, UINT32_MAX)), options.socket});
    if (device)
        engine.device = std::move(device).value();
    else
        engine.absent = std::move(device).error();
    return engine;
}

}  // namespace

class Engines::Devices {
  public:
    explicit Devices(const Options& options)
    {
        engines_[0] = open_cpu_crypto(EngineKind::kAesniGcm, kAesniGcmName, options);
        engines_[1] = open_cpu_crypto(EngineKind::kAesniMb, kAesniMbName, options);
        engines_[2] = Engine{EngineKind::kOpenssl, kOpensslName, nullptr, std::nullopt, {}, {}};
        for (Engine& engine : engines_)
            if (!engine.absent)
                engine.test_all();
    }

    [[nodiscard]] const std::array<Engine, kEngineKinds>& all() const noexcept { return engines_; }
    [[nodiscard]] const Engine& of(EngineKind kind) const noexcept { return engines_[static_cast<size_t>(kind)]; }

  private:
    std::array<Engine, kEngineKinds> engines_;  // by EngineKind
};

namespace {

/// What an operator reads beside the SA.
std::string why(const Engine& engine, const EspSuite& suite, EngineChoice choice,
                const std::vector<std::string>& passed_over)
{
    std::string text = engine.name;
    if (choice != EngineChoice::kAuto)
        text += ", as configured";
    else
        text = "auto: " + text + (passed_over.empty() ? ", the fastest for " + suite.name() : "");
    if (!passed_over.empty())
        text += "; " + base::join(passed_over, "; ");
    return text;
}

bool wanted(EngineKind kind, EngineChoice choice) noexcept
{
    switch (choice) {
        case EngineChoice::kAuto:
            return true;
        case EngineChoice::kCpuCrypto:
            return kind != EngineKind::kOpenssl;
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
    auto devices = std::make_unique<Devices>(options);
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
    return out;
}

Result<Keyed> Engines::key(const EspSuite& suite, std::span<const uint8_t> keymat, bool esn, model::Direction direction,
                           EngineChoice choice)
{
    if (const size_t bytes = suite.layout().keymat_bytes(); keymat.size() != bytes)
        return Error{ErrorCode::kInvalidArgument, base::format("%s takes %zu bytes of keying material, got %zu",
                                                               suite.name().c_str(), bytes, keymat.size())};
    std::vector<std::string> passed_over;
    Error last{ErrorCode::kUnsupported, "no engine of the configured kind does " + suite.name(),
               "leave the engine to auto"};
    for (const EngineKind kind : order_for(suite)) {
        const Engine& engine = devices_->of(kind);
        if (!wanted(kind, choice))
            continue;
        if (engine.absent) {
            passed_over.push_back(std::string(engine.name) + ": " + engine.absent->what);
            continue;
        }
        if (!engine.can(suite))
            continue;
        auto context = engine.make({suite, keymat, esn, direction});
        if (context)
            return Keyed{std::move(context).value(), why(engine, suite, choice, passed_over)};
        last = std::move(context).error();
        passed_over.push_back(std::string(engine.name) + ": " + last.what);
    }
    if (last.code == ErrorCode::kUnsupported && !passed_over.empty())
        last.what += " (" + base::join(passed_over, "; ") + ")";
    return last;
}

}  // namespace ipsecgw::esp
