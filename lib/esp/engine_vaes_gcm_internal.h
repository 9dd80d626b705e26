// AES-GCM of our own for CPUs with vector AES: short packets cost half of what a library call costs, and a key fits
// into nine cache lines.
#pragma once

#include "base/result.h"
#include "esp/engine_internal.h"

namespace ipsecgw::esp {

inline constexpr const char* kVaesGcmName = "vaes_gcm";

/// Whether this CPU has what the engine needs: AVX-512 (F, BW, DQ, VL), VAES, VPCLMULQDQ. False on other architectures.
/// Asked once: in a virtual machine each question leaves it, which takes longer than keying.
[[nodiscard]] bool vaes_gcm_is_supported() noexcept;

/// AES-GCM with 128, 192 or 256 bits of key and an ICV of 8, 12 or 16 bytes (RFC 4106). kUnsupported for other suites.
/// Only where vaes_gcm_is_supported(). The context is shareable. `socket`: NUMA node of its memory, -1 for any.
/// Threads: control; the context's bursts: any.
base::Result<sa::CipherContextPtr> make_vaes_gcm_context(const KeyRequest& request, int socket);

}  // namespace ipsecgw::esp
