// IPv4 flows of which a worker knows how they end, so that a packet needs one look instead of the way through the
// stages.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include <rte_common.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "base/byte_order.h"
#include "dpdk/table_memory.h"
#include "net/checksum.h"
#include "net/headers.h"
#include "worker/flow_cache.h"
#include "worker/packet_info.h"

namespace ipsecgw::worker {

/// What tells IPv4 flows apart, as it lies on the wire.
struct Ipv4Flow {
    uint64_t addresses;  // source, destination
    uint64_t upper;      // the first four bytes behind the header (ports, an SPI), then the protocol

    [[nodiscard]] bool operator==(const Ipv4Flow& other) const noexcept
    {
        return ((addresses ^ other.addresses) | (upper ^ other.upper)) == 0;
    }
    [[nodiscard]] uint8_t protocol() const noexcept { return static_cast<uint8_t>(upper >> 32); }
    [[nodiscard]] uint32_t spi() const noexcept { return base::swap_be32(static_cast<uint32_t>(upper)); }
    [[nodiscard]] uint32_t destination() const noexcept { return static_cast<uint32_t>(addresses >> 32); }
    [[nodiscard]] bool has_ports() const noexcept
    {
        return protocol() == net::kProtoUdp || protocol() == net::kProtoTcp;
    }
};

/// A packet as most are: IPv4 without options, whole, with at least four bytes behind its header.
struct PlainIpv4 {
    Ipv4Flow flow;
    uint32_t bytes;  // by its own header
    uint8_t hops;
};

/// Reads the packet at `ip`, of which `room` bytes are there. False: it is not plain, or something is wrong with it;
/// parse.h finds out what. `checksum_flags` are the mbuf's RTE_MBUF_F_RX_IP_CKSUM_MASK.
[[nodiscard, gnu::always_inline]] inline bool read_plain_ipv4(const uint8_t* ip, uint32_t room,
                                                              uint64_t checksum_flags, PlainIpv4& out) noexcept
{
    constexpr uint32_t kLeast = sizeof(net::Ipv4Header) + 4;
    // Version, header length, more fragments and fragment offset; the don't-fragment bit and the reserved one are free.
    constexpr uint64_t kFixed = 0xff3f'0000'0000'00ff;
    if (room < kLeast) [[unlikely]]
        return false;
    uint64_t words[3];
    std::memcpy(words, ip, sizeof words);
    const uint32_t bytes = base::swap_be16(static_cast<uint16_t>(words[0] >> 16));
    if (((words[0] & kFixed) != 0x45) | (bytes < kLeast) | (bytes > room)) [[unlikely]]
        return false;
    constexpr uint64_t kLow = UINT32_MAX;
    const uint64_t sum =
        (words[0] & kLow) + (words[0] >> 32) + (words[1] & kLow) + (words[1] >> 32) + (words[2] & kLow);
    if (checksum_flags != RTE_MBUF_F_RX_IP_CKSUM_GOOD && !net::is_all_ones(sum)) [[unlikely]]
        return false;
    out.flow.addresses = words[1] >> 32 | words[2] << 32;
    out.flow.upper = words[2] >> 32 | (words[1] & 0xff00) << 24;
    out.bytes = bytes;
    out.hops = static_cast<uint8_t>(words[1]);
    return true;
}

/// Takes one off the hop limit of a plain packet, which is above 1 (RFC 1812 section 5.3.1), in one load and one store.
inline void take_hop_of_plain_ipv4(uint8_t* ip) noexcept
{
    uint32_t word;  // hop limit, protocol, checksum
    std::memcpy(&word, ip + offsetof(net::Ipv4Header, ttl), sizeof word);
    const uint32_t checksum = net::checksum_raise(static_cast<uint16_t>(word >> 16), base::swap_be16(0x0100));
    word = ((word - 1) & 0xffff) | checksum << 16;
    std::memcpy(ip + offsetof(net::Ipv4Header, ttl), &word, sizeof word);
}

/// By flow, what became of a packet of it that went through all stages, where that depends on the flow and the tables
/// alone. TCP and UDP; direct-mapped, as FlowCache. An entry is made only by learn_*(), whose callers have the stages'
/// word; nothing is ever concluded here. Threads: one worker.
class KnownFlows {
  public:
    struct alignas(64) Entry {
        Ipv4Flow flow;
        // In clear from the protected side, between other hosts: this policy protects it, while Spd::generation().
        uint64_t spd_generation = kNoGeneration;
        const sa::PolicyEntry* outbound;
        // Out of an SA that these selectors allow (SelectorSet::id()), between other hosts: leaves in clear by this
        // protected port, with this Ethernet header, while Tables::generation().
        uint64_t route_generation = kNoGeneration;
        uint64_t allowed_by;
        net::EthernetHeader ethernet;
        uint16_t port;

        /// The policy, or null.
        [[nodiscard]] const sa::PolicyEntry* outbound_of(const Ipv4Flow& packet, uint64_t now) const noexcept
        {
            return (difference(packet) | (spd_generation ^ now)) == 0 ? outbound : nullptr;
        }
        /// Whether it leaves as the entry says.
        [[nodiscard]] bool leads(const Ipv4Flow& packet, uint64_t selectors, uint64_t now) const noexcept
        {
            return (difference(packet) | (allowed_by ^ selectors) | (route_generation ^ now)) == 0;
        }

      private:
        [[nodiscard]] uint64_t difference(const Ipv4Flow& packet) const noexcept
        {
            return (flow.addresses ^ packet.addresses) | (flow.upper ^ packet.upper);
        }
    };
    static_assert(sizeof(Entry) == 64);

    /// With room for two flows of each of `sas`, within reason: a flow whose place another one takes goes through the
    /// stages again.
    explicit KnownFlows(uint32_t sas)
        : entries_(std::clamp(std::bit_ceil(size_t{sas} * 2), kFewestEntries, kMostEntries)),
          shift_(64 - std::countr_zero(entries_.size()))
    {
    }

    [[nodiscard]] Entry& at(const Ipv4Flow& flow) noexcept
    {
        // The upper bits of a product depend on all of the flow; the ones below not on a host's last byte.
        const uint64_t mixed = flow.addresses * 0x9e3779b97f4a7c15 ^ flow.upper * 0xa0761d6478bd642f;
        return entries_[mixed >> shift_];
    }

    /// `packet` has been found to be in transit, and `policy` to protect it.
    void learn_outbound(const PacketInfo& packet, const sa::PolicyEntry& policy, uint64_t generation) noexcept;
    /// `packet` has come out of an SA that had these selectors, and went on by this route to a known neighbour.
    void learn_inbound(const PacketInfo& packet, uint64_t allowed_by, const Route& route, uint64_t generation) noexcept;

  private:
    static constexpr size_t kFewestEntries = 4096;
    static constexpr size_t kMostEntries = size_t{1} << 21;  // 128 MB

    /// Null: not a flow for this table.
    [[nodiscard]] Entry* entry_for(const PacketInfo& packet) noexcept;

    dpdk::TableArray<Entry> entries_;
    int shift_;
};

}  // namespace ipsecgw::worker
