// Two engines for one SA: multi-buffer for long bursts, packet by packet for short ones.
#pragma once

#include "esp/engine_internal.h"

namespace ipsecgw::esp {

inline constexpr const char* kMixedName = "aesni_mb+openssl";

/// True for the suites where the multi-buffer engine pays off only from some burst length on: those with HMAC. It
/// hashes in 16 or 8 lanes at once, and a burst of one packet costs as much as a full one: 22,900 cycles at 1420 bytes
/// of AES-CBC with HMAC-SHA-256 against OpenSSL's 5,000, while in bursts of 32 it costs 1,750 a packet
/// (bench/micro/esp_engines_bench).
bool gains_from_mixing(const model::EspSuite& suite) noexcept;

/// A context that gives what fills lanes to `many` and the rest to `few`, both keyed for `request`. Not shareable.
sa::CipherContextPtr mix(const KeyRequest& request, sa::CipherContextPtr many, sa::CipherContextPtr few);

}  // namespace ipsecgw::esp
