// Small text helpers for front ends: hex, numbers, splitting. Not for packet paths.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret_bytes.h"

namespace ipsecgw::base {

/// Decodes hex digits ("0x" prefix, and ':' or ' ' or '_' between bytes allowed). Nothing on an odd digit count or a foreign
/// character. The result is secret because keys are what people write in hex.
std::optional<SecretBytes> decode_hex(std::string_view text);

/// Decodes base64 (RFC 4648 section 4), the padding at its end optional, no space inside. Nothing on a foreign character or a length that
/// no bytes have.
std::optional<SecretBytes> decode_base64(std::string_view text);

/// A decimal or 0x-hexadecimal unsigned number that fits 64 bits, whole string or nothing.
std::optional<uint64_t> parse_unsigned(std::string_view text);

std::vector<std::string_view> split(std::string_view text, char separator);
std::string_view trim(std::string_view text);

/// "a, b, c"
std::string join(const std::vector<std::string>& parts, std::string_view separator = ", ");

/// printf into a string; the compiler checks the arguments.
[[gnu::format(printf, 1, 2)]] std::string format(const char* fmt, ...);

/// The candidate nearest to `word` by edit distance, or nothing when none is near: for "did you mean" hints.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace ipsecgw::base
