// What the doctor says: one line about one thing, and what to do about it.
#pragma once

#include <string>
#include <vector>

namespace ipsecgw::app::doctor {

enum class Verdict { kGood, kNote, kBad };

struct Finding {
    Verdict verdict = Verdict::kGood;
    std::string area;  // "huge pages"
    std::string text;  // "1024 of 2 MB, 1020 free"
    std::string hint;  // what to do; may be empty
};

/// Aligned lines: a mark (ok, note, BAD), the area, the text; hints below, indented.
std::string render(const std::vector<Finding>& findings);

}  // namespace ipsecgw::app::doctor
