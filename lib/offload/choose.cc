#include "offload/choose.h"

#include "base/text.h"

namespace ipsecgw::offload {
namespace {

using base::Error;
using base::ErrorCode;
using model::HwOffload;
using sa::OffloadKind;

base::Result<std::unique_ptr<Installed>> ask(const model::SaParams& params, OffloadKind kind, sa::SaTag tag, const Options& options)
{
    if (!options.placement)
        return Error{ErrorCode::kUnsupported, "no port leads to the peer", ""};
    if (options.provider == nullptr)
        return Error{ErrorCode::kUnsupported, "no port has a security context", ""};
    return options.provider->prepare(params, kind, tag, *options.placement);
}

base::Result<Choice> exactly(const model::SaParams& params, OffloadKind kind, sa::SaTag tag, const Options& options)
{
    auto installed = ask(params, kind, tag, options);
    if (!installed) {
        Error error = std::move(installed).error();
        error.what = "SA \"" + params.name + "\": hw_offload: " + error.what;
        error.hint = "hw_offload = \"auto\" takes software where the port cannot";
        return error;
    }
    return Choice{kind, "as configured", std::move(installed).value()};
}

base::Result<Choice> look_aside(const model::SaParams& params, const Options& options)
{
    if (options.look_aside)
        return Choice{OffloadKind::kLookAside, "as configured: " + options.look_aside_reason, nullptr};
    return Error{ErrorCode::kUnsupported, "SA \"" + params.name + "\": engine: " + options.look_aside_reason,
                 "hw_offload = \"auto\" takes software where no device can, and prefers ports"};
}

Choice automatic(const model::SaParams& params, sa::SaTag tag, const Options& options)
{
    std::string refused;
    for (const OffloadKind kind : {OffloadKind::kFullProtocol, OffloadKind::kInlineCrypto}) {
        auto installed = ask(params, kind, tag, options);
        if (installed)
            return {kind, refused.empty() ? "auto: the port offers it" : "auto: " + refused, std::move(installed).value()};
        // Both kinds usually fail for one reason: say it once.
        if (refused != installed.error().what)
            refused += (refused.empty() ? "" : "; ") + installed.error().what;
    }
    if (options.look_aside)
        return {OffloadKind::kLookAside, "auto: " + refused + "; " + options.look_aside_reason, nullptr};
    if (!options.look_aside_reason.empty())
        refused += "; " + options.look_aside_reason;
    return {OffloadKind::kSoftware, "auto: " + refused, nullptr};
}

}  // namespace

base::Result<Choice> choose(const model::SaParams& params, sa::SaTag tag, const Options& options)
{
    switch (params.hw_offload) {
        case HwOffload::kNo:
            if (params.engine == model::EngineChoice::kLookAside)
                return look_aside(params, options);
            return Choice{OffloadKind::kSoftware, "as configured", nullptr};
        case HwOffload::kCrypto:
            return exactly(params, OffloadKind::kInlineCrypto, tag, options);
        case HwOffload::kFull:
            return exactly(params, OffloadKind::kFullProtocol, tag, options);
        case HwOffload::kAuto:
            return automatic(params, tag, options);
    }
    return Error{ErrorCode::kInternal, "unknown hw_offload", ""};
}

}  // namespace ipsecgw::offload
