#include "app/service_manager.h"

#include <systemd/sd-daemon.h>

namespace ipsecgw::app {

ServiceManager::ServiceManager()
{
    uint64_t microseconds = 0;
    if (sd_watchdog_enabled(0, &microseconds) > 0)
        watchdog_ns_ = microseconds * 1000;
}

void ServiceManager::ready() const
{
    sd_notify(0, "READY=1\nSTATUS=Forwarding.");
}

void ServiceManager::stopping() const
{
    sd_notify(0, "STOPPING=1\nSTATUS=Stopping.");
}

void ServiceManager::alive() const
{
    sd_notify(0, "WATCHDOG=1");
}

}  // namespace ipsecgw::app
