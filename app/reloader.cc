#include "app/reloader.h"

#include <algorithm>
#include <pthread.h>
#include <signal.h>
#include <utility>

#include "base/text.h"
#include "model/differences.h"

namespace ipsecgw::app {
namespace {

using base::Error;
using base::ErrorCode;

constexpr const char* kRestart = "restart the gateway for it, or put back what it was";

std::string line_of(const std::string& path, const Error& error)
{
    return path + ": " + error.what + (error.hint.empty() ? "" : "\n  hint: " + error.hint);
}

}  // namespace

Reloader::~Reloader()
{
    if (reader_.joinable())
        reader_.join();
}

base::Result<void> Reloader::reload(Mode mode, std::function<void(Outcome)> done)
{
    if (std::exchange(is_busy_, true))
        return Error{ErrorCode::kUnavailable, "the file is being read for another request", "try again"};
    if (reader_.joinable())
        reader_.join();
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    reader_ = std::thread([this, mode, done = std::move(done)]() mutable {
        auto loaded = std::make_shared<config::Loaded>(config::load_file(parts_.path));
        parts_.loop->post([this, mode, loaded, done = std::move(done)] { finish(mode, std::move(*loaded), done); });
    });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return {};
}

void Reloader::finish(Mode mode, config::Loaded loaded, const std::function<void(Outcome)>& done)
{
    is_busy_ = false;
    Outcome outcome;
    for (const auto& warning : loaded.warnings)
        outcome.problems.push_back(warning.to_string());
    for (const auto& problem : loaded.errors)
        outcome.problems.push_back(problem.to_string());
    outcome.errors = loaded.errors.size();
    const auto add = [&](const std::vector<Error>& errors) {
        for (const auto& error : errors)
            outcome.problems.push_back(line_of(parts_.path, error));
        outcome.errors += errors.size();
    };
    if (outcome.errors == 0)
        add(parts_.check(loaded.gateway));
    if (outcome.errors == 0) {
        outcome.changes = parts_.compare(loaded.gateway);
        if (mode == Mode::kApply) {
            const Applied applied = parts_.apply(std::move(loaded.gateway));
            add(applied.errors);
            outcome.is_partly_done = applied.is_changed && outcome.errors != 0;
        }
    }
    done(std::move(outcome));
}

std::vector<Error> restart_reasons(const model::Gateway& running, const model::Gateway& wanted)
{
    std::vector<Error> errors;
    const auto add = [&](const std::string& what) { errors.push_back({ErrorCode::kUnsupported, what, kRestart}); };
    auto settings = model::differences(running.settings, wanted.settings);
    std::erase(settings, "engine");  // of SAs that are made from now on
    for (const auto& setting : settings)
        add("gateway." + setting + ": it cannot change while the gateway runs");
    if (running.metrics.has_value() != wanted.metrics.has_value() ||
        (running.metrics && !model::differences(*running.metrics, *wanted.metrics).empty()))
        add("metrics: they cannot change while the gateway runs");
    const auto find = [](const std::vector<model::Port>& ports, const std::string& name) {
        return std::find_if(ports.begin(), ports.end(), [&](const auto& port) { return port.name == name; });
    };
    for (const auto& port : wanted.ports) {
        const auto at = find(running.ports, port.name);
        if (at == running.ports.end())
            add("port \"" + port.name + "\": ports cannot come while the gateway runs");
        else if (const auto changed = model::differences(*at, port); !changed.empty())
            add("port \"" + port.name + "\": " + base::join(changed) + " cannot change while the gateway runs");
    }
    for (const auto& port : running.ports)
        if (find(wanted.ports, port.name) == wanted.ports.end())
            add("port \"" + port.name + "\": ports cannot go while the gateway runs");
    return errors;
}

}  // namespace ipsecgw::app
