// X.501 names: text to DER, DER to text, and comparison (RFC 5280 sections 4.1.2.4 and 7.1).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace ipsecgw::model {

/// "C=CH, O=Example, CN=moon", or "/C=CH/O=Example/CN=moon"; a comma, slash, quote, plus or backslash inside a value after a backslash, or the
/// whole value in quotes. Attributes by their usual names or as dotted OIDs.
base::Result<std::vector<uint8_t>> encode_distinguished_name(std::string_view text);

/// What `encode` reads; nothing when it is no name, or holds values that text does not show.
std::optional<std::string> print_distinguished_name(std::span<const uint8_t> der);

[[nodiscard]] bool is_distinguished_name(std::span<const uint8_t> der) noexcept;

/// Whether a "*" in a pattern stands for other text or for itself.
enum class Wildcards : uint8_t { kLiteral, kMatch };

/// Same attributes in the same order, values without regard to case, surplus spaces and string type. A value "*" of `pattern` stands for any.
[[nodiscard]] bool distinguished_name_matches(std::span<const uint8_t> pattern, std::span<const uint8_t> candidate,
                                              Wildcards wildcards);

}  // namespace ipsecgw::model
