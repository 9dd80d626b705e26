// Packets for the gateway itself that arrive in fragments: ESP and IKE that a path cut (RFC 791 section 3.2, RFC 8200
// section 4.5; RFC 4303 section 3.4.1 wants ESP whole).
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include <rte_mbuf.h>

#include "base/result.h"

struct rte_ip_frag_tbl;

namespace ipsecgw::worker {

/// DPDK's reassembly table: a fixed number of packets at a time, each of at most eight fragments, for at most a second.
/// Fragments that overlap or leave holes end their packet (RFC 5722). Threads: one worker.
class Reassembly {
  public:
    /// `packets` at a time: more than 0. kResourceExhausted.
    static base::Result<std::unique_ptr<Reassembly>> create(uint32_t packets, int socket);
    ~Reassembly();
    Reassembly(const Reassembly&) = delete;
    Reassembly& operator=(const Reassembly&) = delete;

    /// Buffers that wait in one table at most.
    static uint32_t buffers(uint32_t packets) noexcept;

    /// Takes a fragment that starts at its IP header, has been parsed and is one segment; in IPv6 the Fragment header
    /// must be the first extension header. Returns the packet when it is complete: one segment, its IP header that of a
    /// whole packet (IPv4: RTE_MBUF_F_RX_IP_CKSUM_GOOD instead of a checksum). Null: kept or given up; see take_dead().
    [[nodiscard]] rte_mbuf* add(rte_mbuf* fragment, uint64_t now_tsc) noexcept;
    /// Gives up packets that are too old. Cheap where nothing waits.
    void expire(uint64_t now_tsc) noexcept;
    /// Fragments given up since the last call; the caller frees them. Call it after each of the others.
    [[nodiscard]] std::span<rte_mbuf*> take_dead() noexcept;

  private:
    struct State;
    explicit Reassembly(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace ipsecgw::worker
