#include "net/checksum.h"

#include <cstring>

#include "base/byte_order.h"

namespace ipsecgw::net {

// The sum is byte-order independent (RFC 1071 section 2 (B)): words are added as they lie and the result stored as it is.
uint64_t checksum_add(uint64_t initial, const void* bytes, size_t length) noexcept
{
    const auto* p = static_cast<const uint8_t*>(bytes);
    uint64_t sum = initial;
    for (; length >= 4; p += 4, length -= 4) {
        uint32_t word;
        std::memcpy(&word, p, 4);
        sum += word;
    }
    if (length >= 2) {
        uint16_t word;
        std::memcpy(&word, p, 2);
        sum += word;
        p += 2;
        length -= 2;
    }
    if (length == 1) {
        uint16_t word = 0;
        std::memcpy(&word, p, 1);
        sum += word;
    }
    return sum;
}

uint16_t checksum_finish_be(uint64_t sum) noexcept
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<uint16_t>(~sum);
}

uint64_t checksum_pseudo(const IpAddress& source, const IpAddress& destination, uint8_t protocol,
                         uint32_t length) noexcept
{
    uint64_t sum = checksum_add(0, source.data(), source.bytes().size());
    sum = checksum_add(sum, destination.data(), destination.bytes().size());
    const uint32_t tail[2] = {base::swap_be32(length), base::swap_be32(protocol)};
    return checksum_add(sum, tail, sizeof tail);
}

}  // namespace ipsecgw::net
