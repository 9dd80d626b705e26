// Decoders of payload bodies: each takes exactly the body, and says in words what is wrong with it.
#pragma once

#include <optional>
#include <string>

#include "base/byte_reader.h"
#include "ike/message.h"

namespace ipsecgw::ike {

/// Reads a body into `out`. Nothing when all is well, else the defect ("its SPI size is 3"). Whoever calls checks that
/// the reader is at its end.
using Defect = std::optional<std::string>;

Defect decode_sa(base::ByteReader& body, SaPayload& out);
Defect decode_selectors(base::ByteReader& body, TsPayload& out);
Defect decode_configuration(base::ByteReader& body);
Defect decode_notify(base::ByteReader& body, NotifyPayload& out);
Defect decode_delete(base::ByteReader& body, DeletePayload& out);
Defect decode_identity(base::ByteReader& body, IdPayload& out);

inline Bytes to_bytes(std::span<const uint8_t> view)
{
    return {view.begin(), view.end()};
}

}  // namespace ipsecgw::ike
