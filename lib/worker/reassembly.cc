// rte_ip_frag_table_del_expired_entries() is not in DPDK's stable interface yet.
#define ALLOW_EXPERIMENTAL_API
#include "worker/reassembly.h"

#include <algorithm>

#include <rte_cycles.h>
#include <rte_ip_frag.h>
#include <rte_lcore.h>
#include <rte_log.h>

#include "base/text.h"
#include "net/headers.h"

namespace ipsecgw::worker {

namespace {

constexpr uint32_t kBucketEntries = 4;
constexpr uint32_t kFragmentHeaderBytes = 8;

struct TableDeleter {
    void operator()(rte_ip_frag_tbl* table) const noexcept { rte_ip_frag_table_destroy(table); }
};

/// The library says at level info how much it has allocated.
class Quiet {
  public:
    Quiet() { rte_log_set_level(RTE_LOGTYPE_USER1, RTE_LOG_WARNING); }
    ~Quiet() { rte_log_set_level(RTE_LOGTYPE_USER1, static_cast<uint32_t>(level_)); }
    Quiet(const Quiet&) = delete;
    Quiet& operator=(const Quiet&) = delete;

  private:
    const int level_ = rte_log_get_level(RTE_LOGTYPE_USER1);
};

}  // namespace

struct Reassembly::State {
    std::unique_ptr<rte_ip_frag_tbl, TableDeleter> table;
    rte_ip_frag_death_row dead{};
    uint32_t waiting = 0;  // buffers in the table

    rte_mbuf* add(rte_mbuf* m, uint64_t now_tsc) noexcept
    {
        m->l2_len = 0;
        if (*rte_pktmbuf_mtod(m, const uint8_t*) >> 4 == 4)
            return rte_ipv4_frag_reassemble_packet(table.get(), &dead, m, now_tsc, rte_pktmbuf_mtod(m, rte_ipv4_hdr*));
        auto* header = rte_pktmbuf_mtod(m, rte_ipv6_hdr*);
        m->l3_len = sizeof(net::Ipv6Header) + kFragmentHeaderBytes;
        return rte_ipv6_frag_reassemble_packet(table.get(), &dead, m, now_tsc, header,
                                               reinterpret_cast<rte_ipv6_fragment_ext*>(header + 1));
    }
};

uint32_t Reassembly::buffers(uint32_t packets) noexcept
{
    return packets * RTE_LIBRTE_IP_FRAG_MAX_FRAG;
}

base::Result<std::unique_ptr<Reassembly>> Reassembly::create(uint32_t packets, int socket)
{
    const uint32_t buckets = rte_align32pow2(std::max(1U, packets / kBucketEntries));
    auto state = std::make_unique<State>();
    const Quiet quiet;
    state->table.reset(rte_ip_frag_table_create(buckets, kBucketEntries, std::min(packets, buckets * kBucketEntries),
                                                rte_get_tsc_hz(), socket < 0 ? SOCKET_ID_ANY : socket));
    if (state->table == nullptr)
        return base::Error{base::ErrorCode::kResourceExhausted,
                           base::format("no memory for %u packets in reassembly", packets),
                           "give the EAL more memory, or gateway.reassembly a smaller number"};
    return std::unique_ptr<Reassembly>(new Reassembly(std::move(state)));
}

Reassembly::Reassembly(std::unique_ptr<State> state) : state_(std::move(state)) {}

Reassembly::~Reassembly() = default;

rte_mbuf* Reassembly::add(rte_mbuf* fragment, uint64_t now_tsc) noexcept
{
    state_->waiting++;
    rte_mbuf* whole = state_->add(fragment, now_tsc);
    if (whole == nullptr)
        return nullptr;
    state_->waiting -= whole->nb_segs;
    if (rte_pktmbuf_linearize(whole) != 0) {
        state_->waiting++;
        state_->dead.row[state_->dead.cnt++] = whole;
        return nullptr;
    }
    // What the library leaves for a port to transmit.
    whole->ol_flags &= ~(RTE_MBUF_F_TX_IP_CKSUM | RTE_MBUF_F_TX_IPV4 | RTE_MBUF_F_RX_IP_CKSUM_MASK);
    whole->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD;
    return whole;
}

void Reassembly::expire(uint64_t now_tsc) noexcept
{
    if (state_->waiting != 0)
        rte_ip_frag_table_del_expired_entries(state_->table.get(), &state_->dead, now_tsc);
}

std::span<rte_mbuf*> Reassembly::take_dead() noexcept
{
    const uint32_t count = state_->dead.cnt;
    state_->dead.cnt = 0;
    state_->waiting -= count;
    return {state_->dead.row, count};
}

}  // namespace ipsecgw::worker
