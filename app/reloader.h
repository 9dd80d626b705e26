// The configuration file, read again while the gateway runs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.h"
#include "cli/source.h"
#include "config/config.h"
#include "control/event_loop.h"
#include "model/gateway.h"

namespace ipsecgw::app {

/// The file is read and checked on a thread of its own, since a large one takes a second; compared and applied in one turn of the
/// control loop.
///
/// Threads: the control thread, or before its loop runs and after it has stopped.
class Reloader final : public cli::Reloader {
  public:
    struct Applied {
        std::vector<base::Error> errors;  // what of it has failed
        bool is_changed = false;          // all but that is done; else nothing is
    };
    /// Who runs what the file describes. Functions are called on the control thread.
    struct Parts {
        control::EventLoop* loop = nullptr;
        std::string path;
        std::function<std::vector<base::Error>(const model::Gateway&)> check;       // why it cannot be applied
        std::function<std::vector<control::Change>(const model::Gateway&)> compare;  // what would change
        std::function<Applied(model::Gateway)> apply;
    };
    explicit Reloader(Parts parts) : parts_(std::move(parts)) {}
    ~Reloader() override;

    base::Result<void> reload(Mode mode, std::function<void(Outcome)> done) override;

  private:
    void finish(Mode mode, config::Loaded loaded, const std::function<void(Outcome)>& done);

    Parts parts_;
    std::thread reader_;
    bool is_busy_ = false;
};

/// Settings and ports that differ from those the gateway has started with, as errors: they take a restart.
std::vector<base::Error> restart_reasons(const model::Gateway& running, const model::Gateway& wanted);

}  // namespace ipsecgw::app
