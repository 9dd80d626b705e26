#include "ike/nat_detection.h"

#include "base/byte_writer.h"
#include "crypto/digest.h"

namespace ipsecgw::ike {

Bytes nat_detection_hash(uint64_t spi_i, uint64_t spi_r, const Endpoint& end)
{
    base::ByteWriter input;
    input.u64(spi_i);
    input.u64(spi_r);
    input.bytes(end.address.bytes());
    input.u16(end.port);
    const auto hash = crypto::sha1(input.view());
    return {hash.begin(), hash.end()};
}

NatFinding find_nat(const Message& message, const Endpoint& local, const Endpoint& remote)
{
    const Header& header = message.header;
    const Bytes expected_source = nat_detection_hash(header.spi_i, header.spi_r, remote);
    const Bytes expected_destination = nat_detection_hash(header.spi_i, header.spi_r, local);
    bool has_source = false, has_destination = false, source_fits = false, destination_fits = false;
    for (const Payload& payload : message.payloads) {
        const auto* notify = std::get_if<NotifyPayload>(&payload);
        if (notify == nullptr)
            continue;
        if (notify->type == NotifyType::kNatDetectionSourceIp) {
            has_source = true;  // one for each address the peer may send from
            source_fits = source_fits || notify->data == expected_source;
        } else if (notify->type == NotifyType::kNatDetectionDestinationIp) {
            has_destination = true;
            destination_fits = destination_fits || notify->data == expected_destination;
        }
    }
    if (!has_source || !has_destination)
        return {};
    return {true, !destination_fits, !source_fits};
}

void append_nat_detection(std::vector<Payload>& payloads, const Header& header, const Endpoint& local,
                          const Endpoint& remote, Source source)
{
    NotifyPayload notify;
    notify.type = NotifyType::kNatDetectionSourceIp;
    const Endpoint nobody{net::IpAddress(), 0};
    notify.data = nat_detection_hash(header.spi_i, header.spi_r, source == Source::kPretend ? nobody : local);
    payloads.emplace_back(notify);
    notify.type = NotifyType::kNatDetectionDestinationIp;
    notify.data = nat_detection_hash(header.spi_i, header.spi_r, remote);
    payloads.emplace_back(std::move(notify));
}

}  // namespace ipsecgw::ike
