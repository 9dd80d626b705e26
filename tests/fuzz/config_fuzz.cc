// Any text is a configuration file or is refused with lines that can be printed.
#include <algorithm>
#include <cstdlib>
#include <string>

#include "config/config.h"

namespace {

using ipsecgw::config::Problem;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

void check(const std::vector<Problem>& problems, size_t lines)
{
    for (const Problem& problem : problems) {
        require(problem.line <= lines);
        require(problem.what.find('\n') == std::string::npos);
        require(!problem.what.empty() && !problem.to_string().empty());
    }
}

}  // namespace

// libconfig 1.5 leaks the string it was reading when it meets a syntax error.
extern "C" const char* __lsan_default_suppressions()
{
    return "leak:libconfig++.so";
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    const std::string text(reinterpret_cast<const char*>(data), size);
    for (const char* word : {"@include", "file", "cert", "crl"})
        if (text.find(word) != std::string::npos)
            return 0;  // other files are not the input
    const auto loaded = ipsecgw::config::load_text(text, "fuzz.cfg");
    const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
    check(loaded.errors, lines);
    check(loaded.warnings, lines);
    if (loaded.errors.empty())
        for (const auto& sa : loaded.gateway.sas)
            require(ipsecgw::model::validate(sa).empty());
    if (loaded.errors.empty())
        for (const auto& connection : loaded.gateway.connections)
            require(ipsecgw::model::validate(connection).empty());
    return 0;
}
