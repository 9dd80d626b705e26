// A running gateway and its configuration file, read again.
#include <utility>

#include "app/gateway.h"
#include "base/log.h"

namespace ipsecgw::app {

void Gateway::make_reloader()
{
    Reloader::Parts parts;
    parts.loop = loop_.get();
    parts.path = host_.config_file;
    parts.check = [this](const model::Gateway& wanted) { return check_reload(wanted); };
    parts.compare = [this](const model::Gateway& wanted) { return compare_reload(wanted); };
    parts.apply = [this](model::Gateway wanted) { return apply_reload(std::move(wanted)); };
    reloader_ = std::make_unique<Reloader>(std::move(parts));
}

std::vector<base::Error> Gateway::check_reload(const model::Gateway& wanted)
{
    auto errors = restart_reasons(started_, wanted);
    const auto plan = control_->compare(wanted);
    errors.insert(errors.end(), plan.errors.begin(), plan.errors.end());
    const auto of_ike = iked::check(wanted);
    errors.insert(errors.end(), of_ike.begin(), of_ike.end());
    return errors;
}

std::vector<control::Change> Gateway::compare_reload(const model::Gateway& wanted)
{
    auto changes = control_->compare(wanted).changes;
    if (ike_ != nullptr)
        for (auto& change : ike_->compare(wanted))
            changes.push_back(std::move(change));
    else
        for (const auto& connection : wanted.connections)
            changes.push_back({control::Change::Kind::kAdd, "connection", connection.name, {}});
    return changes;
}

// The tables first: they can fail and then nothing has changed; what IKE needs has been checked.
Reloader::Applied Gateway::apply_reload(model::Gateway wanted)
{
    if (ike_ == nullptr && !wanted.connections.empty()) {
        if (const auto started = start_ike(wanted.settings); !started)
            return {{started.error()}, false};
        source_->set_ike(ike_source_.get());
        if (collector_ != nullptr)
            collector_->set_daemon(ike_.get());
    }
    auto done = control_->reload(wanted);
    if (!done)
        return {{done.error()}, false};
    std::vector<base::Error> errors = std::move(done).value();
    started_.settings.engine = wanted.settings.engine;
    editor_->set_settings(started_.settings);
    if (ike_ != nullptr)
        if (const auto of_ike = ike_->load(wanted); !of_ike.empty()) {
            errors.insert(errors.end(), of_ike.begin(), of_ike.end());
            errors.push_back({base::ErrorCode::kUnavailable, "connections: not all are as the file says", "reload again"});
        }
    return {std::move(errors), true};
}

void Gateway::reload()
{
    loop_->post([this] {
        if (reloader_ == nullptr)
            return;
        const auto started = reloader_->reload(cli::Reloader::Mode::kApply, [](const cli::Reloader::Outcome& outcome) {
            for (const auto& problem : outcome.problems)
                base::log(outcome.errors == 0 ? base::LogLevel::kWarning : base::LogLevel::kError, "%s", problem.c_str());
            if (outcome.errors != 0)
                base::log(base::LogLevel::kError, "reload: %s", outcome.summary().c_str());
            else
                base::log(base::LogLevel::kInfo, "reloaded: %zu change%s", outcome.changes.size(),
                          outcome.changes.size() == 1 ? "" : "s");
        });
        if (!started)
            base::log(base::LogLevel::kError, "reload: %s", started.error().what.c_str());
    });
}

}  // namespace ipsecgw::app
