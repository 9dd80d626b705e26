// What ports do to packets themselves (rte_security): theirs told from ours on the way in, sessions attached on the way out.
// rte_security_dynfield is experimental still in 25.11.
#define ALLOW_EXPERIMENTAL_API

#include <rte_security.h>

#include "dpdk/compat.h"
#include "esp/open.h"
#include "net/headers.h"
#include "sa/sad.h"
#include "worker/context.h"

namespace ipsecgw::worker {

using telemetry::Drop;

namespace {

bool marked(const rte_mbuf* m) noexcept
{
    return (m->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD) != 0 && rte_security_dynfield_is_registered();
}

/// Counts a run of packets of one SA and passes them on.
void accept_run(Context& context, sa::InboundSa& sa, std::span<rte_mbuf*> run) noexcept
{
    context.enter(Stage::kEsp);
    uint16_t good = 0;
    for (rte_mbuf* m : run) {
        // Replayed, forged or malformed: the port does not tell which.
        if ((m->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED) != 0) [[unlikely]]
            context.drops.drop(m, Drop::kPortRejected, sa.drops);
        else
            run[good++] = m;
    }
    if (good == 0)
        return;
    opened(context, sa, run.first(esp::accept_opened(sa, run.first(good), context.drops)));
}

}  // namespace

bool take_opened_by_port(Context& context, const PortView& port, rte_mbuf* m, TagMemo& known, Batch& accepted) noexcept
{
    if (!marked(m))
        return false;
    const uint64_t tag = *rte_security_dynfield(m);
    if (known.sa == nullptr || known.tag != tag)
        known = {tag, context.data.sad->inbound_by_tag(sa::SaTag::from(tag))};
    sa::InboundSa* sa = known.sa;
    PacketInfo& packet = info(m);
    packet.in_port = port.index;
    if (sa == nullptr || port.role == model::PortRole::kProtected) {
        context.drops.drop(m, Drop::kStaleTag);
        return true;
    }
    if (sa->kind != sa::OffloadKind::kFullProtocol)
        return false;
    if (rte_pktmbuf_adj(m, sizeof(net::EthernetHeader)) == nullptr) {
        context.drops.drop(m, Drop::kRunt);
        return true;
    }
    if (sa->owner != context.index) {
        packet.spi = 0;
        packet.tag = tag;
        packet.fragment = Fragment::kWhole;
        hand_over(context, m, sa->owner);
        return true;
    }
    packet.inbound = sa;
    accepted.add(m);
    return true;
}

void take_opened_handed_over(Context& context, rte_mbuf* m, Batch& accepted) noexcept
{
    sa::InboundSa* sa = context.data.sad->inbound_by_tag(sa::SaTag::from(info(m).tag));
    if (sa == nullptr || sa->kind != sa::OffloadKind::kFullProtocol || sa->owner != context.index) {
        context.drops.drop(m, Drop::kStaleTag);
        return;
    }
    info(m).inbound = sa;
    accepted.add(m);
}

void accept_opened_by_port(Context& context, Batch& accepted) noexcept
{
    const std::span<rte_mbuf*> packets = accepted.all();
    for (size_t first = 0; first < packets.size();) {
        sa::InboundSa* sa = info(packets[first]).inbound;
        size_t end = first + 1;
        while (end < packets.size() && info(packets[end]).inbound == sa)
            end++;
        accept_run(context, *sa, packets.subspan(first, end - first));
        first = end;
    }
    accepted.count = 0;
}

PortText text_of(const sa::InboundSa& sa, rte_mbuf* m) noexcept
{
    if (!marked(m))
        return PortText::kCiphered;
    if (*rte_security_dynfield(m) != sa.tag().value())
        return PortText::kStale;
    return (m->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED) != 0 ? PortText::kForged : PortText::kDeciphered;
}

uint16_t attach_sessions(Context& context, const PortView& port, std::span<rte_mbuf*> frames) noexcept
{
    uint16_t kept = 0;
    uint64_t tag = 0;
    const sa::OutboundSa* sa = nullptr;  // that of `tag`: frames of one SA come in runs
    for (rte_mbuf* m : frames) {
        if ((m->ol_flags & RTE_MBUF_F_TX_SEC_OFFLOAD) == 0) [[likely]] {
            frames[kept++] = m;
            continue;
        }
        if (sa == nullptr || info(m).tag != tag) {
            tag = info(m).tag;
            sa = context.data.sad->outbound_by_tag(sa::SaTag::from(tag));
        }
        if (sa == nullptr || sa->session == nullptr) {
            context.drops.drop(m, Drop::kStaleTag);
            continue;
        }
        if (sa->session_port != port.port_id) {
            context.drops.drop(m, Drop::kOtherPort, sa->drops);
            continue;
        }
        m->l2_len = sizeof(net::EthernetHeader);
        if (rte_security_set_pkt_metadata(dpdk::compat::security_ctx(sa->session_context), sa->session, m, nullptr) != 0) {
            context.drops.drop(m, Drop::kCipher, sa->drops);
            continue;
        }
        frames[kept++] = m;
    }
    return kept;
}

}  // namespace ipsecgw::worker
