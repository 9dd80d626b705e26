// What encoding in clear and sealing share.
#pragma once

#include "base/byte_writer.h"
#include "ike/message.h"

namespace ipsecgw::ike {

/// Where the header's length stands, written as 0 by write_header.
inline constexpr size_t kLengthOffset = 24;

void write_header(base::ByteWriter& out, const Header& header, PayloadType first);

}  // namespace ipsecgw::ike
