// The outer header of one SA in registers: fields go in by shifts and leave in whole words. Writing the template to the
// packet and then changing it there costs twice the cycles, most of them waiting for stores just made.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "base/byte_order.h"
#include "esp/burst_internal.h"
#include "net/headers.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::esp {

static_assert(std::endian::native == std::endian::little, "headers are put together as little-endian words");

/// What the outer header takes from an inner packet, already masked by the SA's rules.
struct OuterFields {
    uint32_t tos;       // 8 bits
    uint32_t df_wire;   // the flags and offset word as it lies on the wire
    uint32_t label_be;  // IPv6 flow label
};

/// `S` is a tunnel shape; see Shape in burst_internal.h.
template <class S>
class OuterWriter {
  public:
    static constexpr uint32_t kBytes = S::kIpBytes + S::kUdpBytes;

    explicit OuterWriter(const sa::OutboundSa& sa) noexcept
    {
        std::memcpy(words_, sa.outer, S::kIpBytes);
        if constexpr (S::kUdp)
            std::memcpy(&ports_, sa.outer + S::kIpBytes, sizeof ports_);
        if constexpr (!S::kIpv6) {
            partial_sum_ = static_cast<uint16_t>(words_[1] >> 16);  // see build_outer_header()
            words_[1] &= ~uint64_t{0xffff0000};
        }
    }

    /// For a packet of `bytes` in all.
    void write(uint8_t* at, uint32_t bytes, OuterFields fields, uint64_t sequence) const noexcept
    {
        if constexpr (S::kIpv6)
            write_ipv6(at, bytes, fields);
        else
            write_ipv4(at, bytes, fields, sequence);
        if constexpr (S::kUdp) {
            const uint64_t length_be = base::swap_be16(static_cast<uint16_t>(bytes - S::kIpBytes));
            const uint64_t udp = ports_ | length_be << 32;
            std::memcpy(at + S::kIpBytes, &udp, sizeof udp);
        }
    }

  private:
    void write_ipv4(uint8_t* at, uint32_t bytes, OuterFields fields, uint64_t sequence) const noexcept
    {
        // Identification: the low half of the sequence number does not repeat within 65536 packets; it has a meaning
        // without DF only (RFC 6864 section 4).
        const uint32_t length_be = base::swap_be16(static_cast<uint16_t>(bytes));
        const uint32_t id_be = base::swap_be16(static_cast<uint16_t>(sequence));
        const uint64_t first = words_[0] | fields.tos << 8 | length_be << 16 | static_cast<uint64_t>(id_be) << 32 |
                               static_cast<uint64_t>(fields.df_wire) << 48;
        uint32_t sum = partial_sum_ + (fields.tos << 8) + length_be + id_be + fields.df_wire;
        sum = (sum & 0xffff) + (sum >> 16);
        sum += sum >> 16;
        const uint64_t second = words_[1] | static_cast<uint64_t>(~sum & 0xffff) << 16;
        std::memcpy(at, &first, 8);
        std::memcpy(at + 8, &second, 8);
        std::memcpy(at + 16, &words_[2], 4);
    }
    void write_ipv6(uint8_t* at, uint32_t bytes, OuterFields fields) const noexcept
    {
        const uint64_t length_be = base::swap_be16(static_cast<uint16_t>(bytes - sizeof(net::Ipv6Header)));
        const uint64_t first = words_[0] | base::swap_be32(fields.tos << 20) | fields.label_be | length_be << 32;
        std::memcpy(at, &first, 8);
        std::memcpy(at + 8, &words_[1], 32);
    }

    uint64_t words_[5] = {};
    uint32_t ports_ = 0;
    uint32_t partial_sum_ = 0;
};

}  // namespace ipsecgw::esp
