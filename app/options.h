// The command line: DPDK's words before "--", ours after it.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/log_output.h"
#include "base/result.h"

namespace ipsecgw::app {

enum class Action : uint8_t { kRun, kCheck, kHelp, kVersion, kDoctor };

struct Options {
    Action action = Action::kRun;
    std::string config;
    base::LogLevel log_level = base::LogLevel::kInfo;
    base::LogFormat log_format = base::LogFormat::kText;
    bool logs_to_journal = false;
    std::string save_keys;         // empty: no
    std::vector<char*> eal_words;  // program name first, without "--"
};

/// `words` are main's, program name first. Without a "--" all of them are ours and DPDK gets its defaults; after "doctor"
/// all are DPDK's. The error's hint tells how it should read.
base::Result<Options> parse_options(std::span<char*> words);

std::string usage();

}  // namespace ipsecgw::app
