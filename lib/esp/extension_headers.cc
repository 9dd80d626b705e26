#include "esp/extension_headers.h"

#include <cstddef>

#include "net/headers.h"

namespace ipsecgw::esp {

uint8_t* last_next_header(uint8_t* ip6, uint32_t length) noexcept
{
    uint8_t* field = ip6 + offsetof(net::Ipv6Header, next_header);
    uint32_t offset = sizeof(net::Ipv6Header);
    while (offset + 8 <= length) {
        uint8_t* header = ip6 + offset;
        switch (*field) {
            case net::kProtoHopByHop:
            case net::kProtoRouting:
            case net::kProtoDestination:
                offset += (header[1] + 1u) * 8;  // RFC 8200 section 4.2
                break;
            case net::kProtoAh:
                offset += (header[1] + 2u) * 4;  // RFC 4302 section 2.2
                break;
            default:
                return nullptr;
        }
        field = header;  // every one of them starts with its next-header field
    }
    return offset == length ? field : nullptr;
}

}  // namespace ipsecgw::esp
