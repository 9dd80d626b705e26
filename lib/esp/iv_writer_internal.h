// What an SA needs of a cipher when a port ciphers AES-CBC: IVs.
#pragma once

#include "base/result.h"
#include "sa/cipher_context.h"

namespace ipsecgw::esp {

/// A context whose seal writes unpredictable IVs (RFC 3602 section 3) and nothing else: the port takes them from the
/// packet. A port that only ciphers has no other way to an IV, and a counter, which serves the other suites, would be
/// predictable. Not shareable: one a worker. kUnavailable: no random bytes for its key.
base::Result<sa::CipherContextPtr> make_iv_writer();

}  // namespace ipsecgw::esp
