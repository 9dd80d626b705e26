#include <memory>
#include <utility>

#include "esp/engine_mixed_internal.h"

namespace ipsecgw::esp {

using model::Direction;
using model::Encryption;
using model::Integrity;
using sa::CipherContext;
using sa::CipherContextPtr;
using sa::EspText;

namespace {

/// When multi-buffer pays. Measured on Zen 5 with AVX-512 over 64 to 1420 bytes; with fewer lanes it pays a little
/// earlier.
struct Lanes {
    uint8_t lanes;       // packets hashed at once
    uint8_t break_even;  // of these in use, from where on it is cheaper than one after the other
};

Lanes lanes_for(const KeyRequest& request) noexcept
{
    switch (request.suite.integrity) {
        case Integrity::kHmacSha256: {
            // OpenSSL cannot run AES-CBC encryption in parallel, so it loses earlier there.
            const bool serial =
                request.suite.encryption == Encryption::kAesCbc && request.direction == Direction::kOutbound;
            return {16, serial ? uint8_t{7} : uint8_t{10}};
        }
        case Integrity::kHmacSha384:
        case Integrity::kHmacSha512:
            return {8, 3};
        case Integrity::kNone:
            break;
    }
    return {1, 1};
}

struct MixedContext : CipherContext {
    CipherContextPtr many;
    CipherContextPtr few;
    Lanes lanes;

    /// Packets from the front that go to `many`: whole lanes, and the rest with them when it is worth a round.
    [[nodiscard]] size_t share_of_many(size_t burst) const noexcept
    {
        const size_t rest = burst % lanes.lanes;
        return rest >= lanes.break_even ? burst : burst - rest;
    }

    static uint64_t seal_burst(CipherContext& self, std::span<const EspText> packets) noexcept
    {
        auto& context = static_cast<MixedContext&>(self);
        return context.split(context.many->seal, context.few->seal, packets);
    }

    static uint64_t open_burst(CipherContext& self, std::span<const EspText> packets) noexcept
    {
        auto& context = static_cast<MixedContext&>(self);
        return context.split(context.many->open, context.few->open, packets);
    }

    uint64_t split(BurstFunction with_many, BurstFunction with_few, std::span<const EspText> packets) noexcept
    {
        const size_t first = share_of_many(packets.size());
        uint64_t done = 0;
        if (first != 0)
            done = with_many(*many, packets.first(first));
        if (first != packets.size())
            done |= with_few(*few, packets.subspan(first)) << first;  // first < 64 here
        return done;
    }
};

}  // namespace

bool gains_from_mixing(const model::EspSuite& suite) noexcept
{
    return suite.integrity != Integrity::kNone;
}

CipherContextPtr mix(const KeyRequest& request, CipherContextPtr many, CipherContextPtr few)
{
    auto context = std::make_unique<MixedContext>();
    context->many = std::move(many);
    context->few = std::move(few);
    context->lanes = lanes_for(request);
    (request.direction == Direction::kOutbound ? context->seal : context->open) =
        request.direction == Direction::kOutbound ? &MixedContext::seal_burst : &MixedContext::open_burst;
    context->destroy = [](CipherContext* self) noexcept { delete static_cast<MixedContext*>(self); };
    context->engine = kMixedName;
    return CipherContextPtr(context.release());
}

}  // namespace ipsecgw::esp
