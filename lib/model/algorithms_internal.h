// The words of algorithms in proposals: shared by those of manually keyed SAs and those that are negotiated.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "model/algorithms.h"

namespace ipsecgw::model {

/// "aes128gcm16" and so on, in lower case; its integrity is kNone.
std::optional<EspSuite> encryption_of_word(std::string_view word);
/// "sha256"
std::optional<Integrity> integrity_of_word(std::string_view word);
/// Every word the two read.
std::vector<std::string> algorithm_words();
/// Why a word that is known, and none of ours, is refused: too weak, not implemented, half a name.
std::optional<base::Error> refused_word(const std::string& word);

std::string to_lower(std::string_view text);
bool starts_with_any(std::string_view word, std::initializer_list<std::string_view> prefixes);

}  // namespace ipsecgw::model
