// The command line of bench_e2e.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "case.h"

namespace ipsecgw::bench {

struct Options {
    std::vector<Case> cases;
    Effort effort;
    std::string json_file;   // empty: none
    std::string lcores;      // EAL's --lcores; empty: the first cpus of this process, one more than workers
    std::string pmd;         // the model port's driver; empty: the one of this build
    uint32_t memory_mb = 0;  // 0: by the cases
    bool huge_pages = false;
    bool stages = false;  // a second line for each case: cycles by stage
    bool help = false;
};

/// kInvalidArgument names the option.
base::Result<Options> parse_options(std::span<char*> words);
std::string usage();

}  // namespace ipsecgw::bench
