#include "app/doctor/finding.h"

#include <algorithm>

namespace ipsecgw::app::doctor {
namespace {

const char* mark(Verdict verdict)
{
    switch (verdict) {
        case Verdict::kGood:
            return "ok   ";
        case Verdict::kNote:
            return "note ";
        case Verdict::kBad:
            return "BAD  ";
    }
    return "";
}

}  // namespace

std::string render(const std::vector<Finding>& findings)
{
    size_t width = 0;
    for (const auto& finding : findings)
        width = std::max(width, finding.area.size());
    std::string out;
    for (const auto& finding : findings) {
        const std::string pad(width - finding.area.size() + 2, ' ');
        out += mark(finding.verdict) + finding.area + pad + finding.text + "\n";
        if (!finding.hint.empty())
            out += std::string(5 + width + 2, ' ') + "hint: " + finding.hint + "\n";
    }
    return out;
}

}  // namespace ipsecgw::app::doctor
