// The load of one worker: fresh packets in, and what comes out taken away. Never inside what is measured.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "case.h"
#include "rig.h"
#include "sa/cipher_context.h"

namespace ipsecgw::bench {

/// Makes frames in the worker's receive ring: in clear for outbound cases; for inbound ones sealed, each SA with its
/// own sequence numbers, so that replay protection is on and never strikes.
class Traffic {
  public:
    static base::Result<Traffic> create(const Case& what, Rig& rig, uint16_t worker);

    /// Puts `count` (at most 64) frames into the receive ring. kResourceExhausted when frames are missing: lost in the
    /// gateway, as their mbufs come back otherwise.
    base::Result<void> feed(uint16_t count);
    /// Frees what was transmitted; returns how many.
    uint32_t drain();

    /// Bytes of the clear frames fed so far, without FCS.
    [[nodiscard]] uint64_t clear_bytes() const { return clear_bytes_; }

    /// One burst of what the engine ciphers for such frames, again and again: the cost that no gateway can be below.
    /// TSC cycles.
    uint64_t cipher_burst();

    /// Polls and transmits on the ports as a worker would, without a gateway between; TSC cycles.
    uint64_t pass_burst();

  private:
    Traffic(const Case& what, Rig& rig, uint16_t worker);
    [[nodiscard]] uint32_t next_sa();
    void write_clear(uint8_t* frame, uint16_t bytes, uint32_t sa);
    /// Returns the text for the cipher.
    sa::EspText write_sealed(rte_mbuf* m, uint16_t bytes, uint32_t sa);
    base::Result<void> fill(std::span<rte_mbuf*> burst);

    const Case& what_;
    Rig& rig_;
    const uint16_t worker_;
    const model::SuiteLayout layout_;
    sa::CipherContextPtr seal_;
    sa::CipherContextPtr open_;        // inbound: for cipher_burst()
    std::vector<uint32_t> sequences_;  // by SA
    uint64_t random_ = 0x9e3779b97f4a7c15;
    uint64_t iv_ = 0;
    size_t at_ = 0;  // in the mix
    uint64_t clear_bytes_ = 0;
};

}  // namespace ipsecgw::bench
