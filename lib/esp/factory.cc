#include "esp/factory.h"

#include <algorithm>
#include <array>
#include <vector>

#include "base/byte_order.h"
#include "crypto/random.h"
#include "esp/iv_writer_internal.h"
#include "esp/outer_header.h"
#include "esp/seal.h"

namespace ipsecgw::esp {
namespace {

uint8_t common_flags(const model::SaParams& params)
{
    uint8_t flags = 0;
    if (params.esn)
        flags |= sa::kSaEsn;
    if (params.mode == model::Mode::kTransport)
        flags |= sa::kSaTransport;
    if (params.udp)
        flags |= sa::kSaUdp;
    if (!params.local.is_v4())
        flags |= sa::kSaOuterIpv6;
    if (params.tunnel.ecn == model::EcnPolicy::kNormal)
        flags |= sa::kSaEcn;
    return flags;
}

/// The last number the SA may use: the number space's, or the hard packet limit, which counts from number 1 on.
uint64_t last_sequence(const model::SaParams& params)
{
    const uint64_t space = params.esn ? kLastExtendedSequence : UINT32_MAX;
    return params.lifetime.hard_packets == 0 ? space : std::min(space, params.lifetime.hard_packets);
}

/// Where the IVs of an SA start. The nonce is implicit salt and IV; a random start keeps a restart that comes back with
/// the same key (RFC 4106 section 3.1: unique per key) away from the IVs used before.
base::Result<uint64_t> random_iv_base()
{
    std::array<uint8_t, sizeof(uint64_t)> bytes;
    if (!crypto::random_bytes(bytes))
        return base::Error{base::ErrorCode::kUnavailable, "no random bytes for the SA's IVs",
                           "the system's entropy source does not answer: check /dev/urandom"};
    return base::load_be64(bytes.data());
}

struct KeyedWorkers {
    std::vector<sa::CipherContextPtr> contexts;
    std::string reason;
};

base::Result<Keyed> key_for(const model::SaParams& params, Engines& engines, sa::OffloadKind kind)
{
    if (kind == sa::OffloadKind::kLookAside)
        return engines.key_look_aside(params.suite, params.keymat.view(), params.esn, params.direction);
    return engines.key(params.suite, params.keymat.view(), params.esn, params.direction, params.engine);
}

/// One context for all where the engine's may be shared, else one each.
base::Result<KeyedWorkers> key_workers(const model::SaParams& params, uint16_t workers, Engines& engines,
                                       sa::OffloadKind kind)
{
    KeyedWorkers keyed;
    if (kind == sa::OffloadKind::kInlineCrypto && params.suite.encryption == model::Encryption::kAesCbc)
        while (keyed.contexts.size() < workers)
            keyed.contexts.push_back(GW_TRY(make_iv_writer()));
    if (kind == sa::OffloadKind::kInlineCrypto || kind == sa::OffloadKind::kFullProtocol)
        return keyed;
    do {
        Keyed next = GW_TRY(key_for(params, engines, kind));
        keyed.reason = std::move(next.reason);
        keyed.contexts.push_back(std::move(next.context));
    } while (keyed.contexts.size() < workers && !keyed.contexts.front()->shareable);
    return keyed;
}

}  // namespace

base::Result<BuiltInbound> build_inbound(const model::SaParams& params, uint16_t owner, Engines& engines, int socket,
                                         sa::OffloadKind kind)
{
    Keyed keyed;
    if (kind != sa::OffloadKind::kFullProtocol)
        keyed = GW_TRY(key_for(params, engines, kind));
    sa::InboundSaPtr sa = GW_TRY(sa::allocate_inbound(params.replay_window, params.esn, socket));
    const model::SuiteLayout layout = params.suite.layout();
    sa->spi = params.spi;
    sa->kind = kind;
    sa->owner = owner;
    sa->flags = common_flags(params);
    if (params.tunnel.copy_dscp_inward)
        sa->flags |= sa::kSaCopyDscp;
    sa->iv_bytes = layout.iv_bytes;
    sa->icv_bytes = layout.icv_bytes;
    sa->align_bytes = layout.align_bytes;
    sa->udp_local_port = params.udp ? params.udp->local_port : uint16_t{0};
    sa->udp_remote_port = params.udp ? params.udp->remote_port : uint16_t{0};
    if (params.lifetime.hard_packets != 0 || params.lifetime.hard_bytes != 0)
        sa->flags |= sa::kSaLimited;
    sa->hard_packets = params.lifetime.hard_packets;
    sa->hard_bytes = params.lifetime.hard_bytes;
    sa->local = params.local;
    sa->remote = params.remote;
    sa->cipher = keyed.context.release();
    return BuiltInbound{std::move(sa), std::move(keyed.reason)};
}

base::Result<BuiltOutbound> build_outbound(const model::SaParams& params, uint16_t workers, Engines& engines,
                                           int socket, sa::OffloadKind kind)
{
    KeyedWorkers keyed = GW_TRY(key_workers(params, workers, engines, kind));
    const uint64_t iv_base = GW_TRY(random_iv_base());
    sa::OutboundSaPtr sa = GW_TRY(sa::allocate_outbound(keyed.contexts, workers, socket));
    const model::SuiteLayout layout = params.suite.layout();
    sa->spi = params.spi;
    sa->kind = kind;
    sa->flags = common_flags(params);
    if (!params.tunnel.dscp)
        sa->flags |= sa::kSaCopyDscp;
    if (params.tunnel.copy_flow_label)
        sa->flags |= sa::kSaCopyFlowLabel;
    sa->iv_bytes = layout.iv_bytes;
    sa->icv_bytes = layout.icv_bytes;
    sa->align_bytes = layout.align_bytes;
    sa->outer_bytes = build_outer_header(params, sa->outer);
    sa->df = params.tunnel.df;
    sa->tfc_pad_to = params.tfc_pad_to;
    sa->udp_local_port = params.udp ? params.udp->local_port : uint16_t{0};
    sa->udp_remote_port = params.udp ? params.udp->remote_port : uint16_t{0};
    sa->iv_base = iv_base;
    sa->last_sequence = last_sequence(params);
    sa->limited_by_lifetime = params.lifetime.hard_packets != 0 && sa->last_sequence == params.lifetime.hard_packets;
    sa->next_sequence.store(std::min(params.first_sequence, sa->last_sequence + 1), std::memory_order_relaxed);
    sa->local = params.local;
    sa->remote = params.remote;
    std::copy_n(params.remote.data(), params.remote.bytes().size(), sa->peer);
    return BuiltOutbound{std::move(sa), std::move(keyed.reason)};
}

}  // namespace ipsecgw::esp
