// bench_e2e: the whole gateway in one process between rings, measured turn by turn.
#include <algorithm>
#include <cstdio>
#include <fstream>
#include <sched.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "base/text.h"
#include "dpdk/eal.h"
#include "measure.h"
#include "options.h"
#include "report.h"

namespace {

using namespace ipsecgw;
using namespace ipsecgw::bench;

constexpr uint32_t kBaseMemoryMb = 256;
constexpr uint32_t kBytesPerSa = 8192;  // with its place in tables and in each engine's session pool

uint32_t memory_for(const std::vector<Case>& cases)
{
    uint64_t most = 0;
    for (const Case& what : cases)
        most = std::max(most, uint64_t{what.sas} * kBytesPerSa * what.workers);
    return kBaseMemoryMb + static_cast<uint32_t>(most >> 20);
}

/// The first cpus this process may run on, one more than workers.
std::string lcores_for(const std::vector<Case>& cases)
{
    uint16_t wanted = 1;
    for (const Case& what : cases)
        wanted = std::max(wanted, what.workers);
    cpu_set_t mine;
    CPU_ZERO(&mine);
    sched_getaffinity(0, sizeof mine, &mine);
    std::vector<std::string> all;
    for (int cpu = 0; cpu < CPU_SETSIZE && all.size() < wanted + 1u; cpu++)
        if (CPU_ISSET(cpu, &mine))
            all.push_back(std::to_string(cpu));
    // On a machine with one cpu the idle thread shares it.
    if (all.size() == 1)
        return "0@" + all[0] + ",1@" + all[0];
    return base::join(all, ",");
}

base::Result<dpdk::Eal> start_eal(const Options& options, const char* program)
{
    const bool inline_kinds = std::any_of(options.cases.begin(), options.cases.end(),
                                          [](const Case& what) { return what.kind != Kind::kSoftware; });
    std::vector<std::string> words = {
        program,
        "--no-pci",
        "--no-telemetry",
        "--lcores=" + (options.lcores.empty() ? lcores_for(options.cases) : options.lcores),
        "--file-prefix=gwe2e" + std::to_string(getpid()),
        "--log-level=lib.*:error",
        "--log-level=pmd.*:error"};
    // In memory: huge pages without a mounted hugetlbfs. EAL refuses the two together.
    if (options.huge_pages)
        words.emplace_back("--in-memory");
    else
        words.insert(words.end(), {"--no-huge", "--no-shconf"});
    words.emplace_back("-m");
    words.push_back(std::to_string(options.memory_mb != 0 ? options.memory_mb : memory_for(options.cases)));
    if (inline_kinds) {
        words.emplace_back("-d");
        words.emplace_back(options.pmd.empty() ? IPSECGW_PMD : options.pmd);
    }
    std::vector<char*> args;
    for (auto& word : words)
        args.push_back(word.data());
    return dpdk::Eal::init(args);
}

int fail(const base::Error& error)
{
    std::fprintf(stderr, "bench_e2e: %s\n", error.what.c_str());
    if (!error.hint.empty())
        std::fprintf(stderr, "  hint: %s\n", error.hint.c_str());
    return 2;
}

int run(const Options& options)
{
    std::vector<Result> results;
    std::fputs(table_head().c_str(), stdout);
    for (const Case& what : options.cases) {
        auto result = measure(what, options.effort);
        if (!result)
            return fail(result.error());
        results.push_back(std::move(result).value());
        std::fputs(table_row(results.back()).c_str(), stdout);
        if (options.stages)
            std::fputs(stages_row(results.back()).c_str(), stdout);
        std::fflush(stdout);
    }
    if (options.json_file.empty())
        return 0;
    std::ofstream file(options.json_file);
    file << to_json(results, options.effort);
    return file.good() ? 0 : fail({base::ErrorCode::kIo, "cannot write " + options.json_file, ""});
}

}  // namespace

int main(int argc, char** argv)
{
    auto options = parse_options({argv, static_cast<size_t>(argc)});
    if (!options)
        return fail(options.error());
    if (options->help) {
        std::fputs(usage().c_str(), stdout);
        return 0;
    }
    auto eal = start_eal(*options, argv[0]);
    if (!eal)
        return fail(eal.error());
    return run(*options);
}
