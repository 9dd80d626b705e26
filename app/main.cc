// ipsec-gw: options, configuration, EAL, gateway; then it waits for a signal and takes everything down again.
#include <cstdio>
#include <cstring>
#include <exception>
#include <signal.h>
#include <span>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <utility>
#include <vector>

#include <rte_lcore.h>
#include <rte_version.h>

#include "app/doctor/doctor.h"
#include "app/gateway.h"
#include "app/options.h"
#include "app/service_manager.h"
#include "base/log.h"
#include "config/config.h"
#include "dpdk/eal.h"
#include "iked/daemon.h"

namespace ipsecgw::app {
namespace {

constexpr int kStopped = 0;
constexpr int kNotStarted = 1;
constexpr int kBadInput = 2;

/// Keys live in this process: it leaves no core file and cannot be attached to.
void protect_secrets()
{
    const rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0);
}

/// Blocked before any thread exists, so that all inherit it and only wait_for_signal() takes them.
sigset_t block_signals()
{
    signal(SIGPIPE, SIG_IGN);
    sigset_t stops;
    sigemptyset(&stops);
    sigaddset(&stops, SIGINT);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGHUP);
    sigprocmask(SIG_BLOCK, &stops, nullptr);
    return stops;
}

int fail(const base::Error& error, int status)
{
    base::log(base::LogLevel::kError, "%s", error.what.c_str());
    if (!error.hint.empty())
        std::fprintf(stderr, "  hint: %s\n", error.hint.c_str());
    return status;
}

bool report(const config::Loaded& loaded)
{
    for (const auto* problems : {&loaded.warnings, &loaded.errors})
        for (const auto& problem : *problems)
            std::fprintf(stderr, "%s\n", problem.to_string().c_str());
    const size_t count = loaded.errors.size();
    if (count != 0)
        std::fprintf(stderr, "%zu error%s; nothing was started\n", count, count == 1 ? "" : "s");
    return count == 0;
}

/// What only the files that a configuration names tell: keys and certificates.
bool report(const std::string& config, const std::vector<base::Error>& errors)
{
    for (const auto& error : errors)
        std::fprintf(stderr, "%s: %s\n%s%s%s", config.c_str(), error.what.c_str(),
                     error.hint.empty() ? "" : "  hint: ", error.hint.c_str(), error.hint.empty() ? "" : "\n");
    if (!errors.empty())
        std::fprintf(stderr, "%zu error%s; nothing was started\n", errors.size(), errors.size() == 1 ? "" : "s");
    return errors.empty();
}

int run(const Options& options, model::Gateway config, const sigset_t& stops)
{
    std::vector<char*> words = options.eal_words;
    auto eal = dpdk::Eal::init(words);
    if (!eal)
        return fail(eal.error(), kNotStarted);
    base::log(base::LogLevel::kInfo, "%s, %u lcores, main %u", rte_version(), rte_lcore_count(), rte_get_main_lcore());
    const ServiceManager manager;
    auto gateway =
        Gateway::start(std::move(config), {"gateway", Gateway::worker_lcores(), IPSECGW_VERSION, manager.watchdog_ns(),
                                           [&manager] { manager.alive(); }, options.save_keys, options.config});
    if (!gateway)
        return fail(gateway.error(), kNotStarted);
    base::log(base::LogLevel::kInfo, "ready");
    manager.ready();
    int number = 0;
    while (sigwait(&stops, &number) == 0 && number == SIGHUP) {
        base::log(base::LogLevel::kInfo, "%s: reading %s again", strsignal(number), options.config.c_str());
        gateway.value()->reload();
    }
    base::log(base::LogLevel::kInfo, "%s: stopping", strsignal(number));
    manager.stopping();
    gateway.value().reset();
    base::log(base::LogLevel::kInfo, "stopped");
    return kStopped;
}

int main_of(std::span<char*> words)
{
    protect_secrets();
    const sigset_t stops = block_signals();
    auto options = parse_options(words);
    if (!options)
        return fail(options.error(), kBadInput);
    base::set_log_level(options->log_level);
    base::set_log_output(options->log_format, nullptr);
    if (options->logs_to_journal)
        if (const auto journal = ServiceManager::log_to_journal(); !journal)
            return fail(journal.error(), kBadInput);
    if (options->action == Action::kHelp)
        return std::fputs(usage().c_str(), stdout) < 0 ? kNotStarted : kStopped;
    if (options->action == Action::kVersion)
        return std::printf("ipsec-gw %s (%s)\n", IPSECGW_VERSION, rte_version()) < 0 ? kNotStarted : kStopped;
    if (options->action == Action::kDoctor)
        return doctor::run(options->eal_words);
    auto loaded = config::load_file(options->config);
    if (!report(loaded))
        return kBadInput;
    if (options->action == Action::kCheck) {
        const auto& g = loaded.gateway;
        if (!report(options->config, iked::check(g)))
            return kBadInput;
        std::printf("%s: ok: ports %zu, SAs %zu, policies %zu, routes %zu, connections %zu\n", options->config.c_str(),
                    g.ports.size(), g.sas.size(), g.policies.size(), g.routes.size(), g.connections.size());
        return kStopped;
    }
    return run(*options, std::move(loaded.gateway), stops);
}

}  // namespace
}  // namespace ipsecgw::app

int main(int argc, char** argv)
{
    try {
        return ipsecgw::app::main_of({argv, static_cast<size_t>(argc)});
    } catch (const std::exception& e) {
        return ipsecgw::app::fail({ipsecgw::base::ErrorCode::kInternal, e.what()}, ipsecgw::app::kNotStarted);
    }
}
