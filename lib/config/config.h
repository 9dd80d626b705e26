// The configuration file (libconfig++) as a model, with every error of the file in one go.
#pragma once

#include <string>
#include <vector>

#include "model/gateway.h"

namespace ipsecgw::config {

/// "config/site-a.cfg:41: sas.[2].keymat: aes256gcm16 wants 36 bytes, got 32" and a hint, which may be empty.
struct Problem {
    std::string file;
    unsigned line = 0;    // 0: about the file as a whole
    std::string setting;  // path in the file, may be empty
    std::string what;
    std::string hint;

    [[nodiscard]] std::string to_string() const;  // two lines with a hint, one without
};

struct Loaded {
    model::Gateway gateway;         // meaningful when `errors` is empty
    std::vector<Problem> errors;    // by line
    std::vector<Problem> warnings;  // e.g. the file with its keys is readable by others
};

/// Parses, checks each value, then what values say of each other (names, address families, next hops on a link).
/// Unknown settings are errors with the nearest known name as hint. No key value ever appears in a Problem, and
/// libconfig never sees one. @include is relative to the folder of the including file. Threads: any; no state is kept.
Loaded load_file(const std::string& path);
/// The same from text; `name` stands for the file in problems.
Loaded load_text(const std::string& text, const std::string& name);

}  // namespace ipsecgw::config
