// What systemd wants to know of a service, when it asks (sd_notify(3), sd_watchdog_enabled(3)).
#pragma once

#include <cstdint>

#include "base/result.h"

namespace ipsecgw::app {

/// Without a service manager every call does nothing.
/// Threads: any; alive() is meant for the control thread.
class ServiceManager {
  public:
    /// Reads NOTIFY_SOCKET and WATCHDOG_USEC.
    ServiceManager();

    void ready() const;
    void stopping() const;
    /// To be called more often than each watchdog_ns(): otherwise the manager ends and restarts the service.
    void alive() const;
    /// The log goes to journald, with its levels as priorities. kUnavailable: there is none.
    static base::Result<void> log_to_journal();
    /// 0: nobody watches.
    [[nodiscard]] uint64_t watchdog_ns() const { return watchdog_ns_; }

  private:
    uint64_t watchdog_ns_ = 0;
};

}  // namespace ipsecgw::app
