// Into outbound SAs: path MTU, groups, seal, and on by the outer destination.
#include <algorithm>

#include "esp/seal.h"
#include "worker/context.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

constexpr uint32_t kIpv6MinimumMtu = 1280;  // RFC 8200 section 5

/// The upper bound of what an SA's packets may be on their way; without a route there is none yet.
uint32_t path_mtu(const Route& route) noexcept
{
    return route.port == nullptr ? UINT32_MAX : route.port->mtu;
}

/// What the packet will be on the wire. esp::sealed_bytes knows transport mode for the plain header alone; its result
/// differs by the length of the headers ESP stays behind, which do not count for padding.
uint32_t bytes_sealed(const sa::OutboundSa& sa, rte_mbuf* m) noexcept
{
    if (!sa.is(sa::kSaTransport))
        return esp::sealed_bytes(sa, m->pkt_len);
    const uint32_t plain = sa.is(sa::kSaOuterIpv6) ? 40 : 20;
    const uint32_t more = info(m).transport_offset - std::min<uint32_t>(plain, info(m).transport_offset);
    return esp::sealed_bytes(sa, m->pkt_len - more) + more;
}

/// Larger inside than `mtu` outside allows. Fragments before it seals (RFC 4301 section 8.2 leaves the choice), so that
/// the peer has nothing to put together; where that may not be, the sender learns what fits.
void shrink_or_reject(Context& context, rte_mbuf* m, sa::OutboundSa& sa, uint32_t mtu) noexcept
{
    const uint32_t inner = esp::inner_mtu(sa, mtu);
    if (!sa.is(sa::kSaTransport) && may_fragment(m, inner)) {
        Batch pieces;
        fragment(context, m, inner, pieces);
        for (rte_mbuf* piece : pieces.all())
            enqueue_for_sealing(context, piece, sa);
        return;
    }
    // An IPv6 sender never goes below 1280 (RFC 8201 section 4): telling it less would be told in vain.
    if (info(m).flow.family == net::Family::kIpv6)
        send_too_big(context, m, std::max(inner, kIpv6MinimumMtu));
    else if (inner != 0)
        send_too_big(context, m, inner);
    context.drops.drop(m, Drop::kTooBig, sa.counters[context.index]);
}

/// Seals the packets of one SA and sends them, or leaves them to a look-aside device meanwhile.
void seal_group(Context& context, sa::OutboundSa& sa, std::span<rte_mbuf*> group) noexcept
{
    if (sa.kind == sa::OffloadKind::kLookAside)
        context.look_aside->seal(sa, group, context.drops);
    else
        send_sealed(context, sa, group.first(esp::seal_burst(sa, context.index, group, context.drops)));
}

}  // namespace

void queue_for_sealing(Context& context, rte_mbuf* m, sa::OutboundSa& sa) noexcept
{
    context.enter(Stage::kEsp);
    if (sa.is(sa::kSaTransport)) {
        // For whole packets only (RFC 4303 section 3.1.1).
        if (info(m).fragment != Fragment::kWhole) {
            context.drops.drop(m, Drop::kFragment);
            return;
        }
        m->l3_len = info(m).transport_offset & 0x1ff;
    }
    // What fits every port needs no route to be told so, and what fits by far needs no exact length.
    if (sa.tfc_pad_to != 0 || m->pkt_len + kMostSealedBytes > context.smallest_mtu) {
        const uint32_t bytes = bytes_sealed(sa, m);
        if (bytes > context.smallest_mtu) [[unlikely]] {
            const uint32_t mtu = path_mtu(route_to(context, sa.remote));
            if (bytes > mtu) {
                shrink_or_reject(context, m, sa, mtu);
                return;
            }
        }
    }
    enqueue_for_sealing(context, m, sa);
}

void send_sealed(Context& context, const sa::OutboundSa& sa, std::span<rte_mbuf*> packets) noexcept
{
    const bool transport = sa.is(sa::kSaTransport);
    const bool by_port = sa.kind == sa::OffloadKind::kInlineCrypto || sa.kind == sa::OffloadKind::kFullProtocol;
    Route route = route_to(context, sa.remote);
    for (rte_mbuf* m : packets) {
        info(m).origin = Origin::kSealed;
        if (by_port)
            info(m).tag = sa.tag().value();
        if (transport)
            route = route_to(context, info(m).flow);
        send(context, m, route);
    }
}

void seal_queued(Context& context) noexcept
{
    while (context.outgoing_count != 0) {
        std::array<Outgoing, 2 * kMaxWork> work;
        uint16_t left = context.outgoing_count;
        std::copy_n(context.outgoing.begin(), left, work.begin());
        context.outgoing_count = 0;
        for (uint16_t i = 0; i < left; i++)
            if ((i == 0 || work[i - 1].sa != work[i].sa) && work[i].sa->ciphers[context.index] != nullptr)
                work[i].sa->ciphers[context.index]->prefetch();
        while (left != 0) {
            sa::OutboundSa* sa = work[0].sa;
            std::array<rte_mbuf*, kMaxWork> group;
            uint16_t grouped = 0;
            uint16_t others = 0;
            for (uint16_t i = 0; i < left; i++) {
                if (work[i].sa == sa && grouped < group.size())
                    group[grouped++] = work[i].packet;
                else
                    work[others++] = work[i];
            }
            left = others;
            context.enter(Stage::kEsp);
            seal_group(context, *sa, {group.data(), grouped});
        }
    }
}

}  // namespace ipsecgw::worker
