#include "cli/control_source.h"

#include <utility>

namespace ipsecgw::cli {

using namespace control;

std::vector<SaStatus> ControlSource::list_sas(std::string_view after, size_t limit) const
{
    return plane_.list_sas(after, limit);
}
std::vector<SaStatus> ControlSource::find_sas(uint32_t spi) const { return plane_.find_sas(spi); }
void ControlSource::count_tunnels(std::function<void(std::vector<TunnelStatus>)> done) const
{
    plane_.count_tunnels(std::move(done));
}
base::Result<std::unique_ptr<Watch>> ControlSource::watch(const WatchRequest& request) const { return plane_.watch(request); }
base::Result<ExplainStatus> ControlSource::explain(std::string_view direction, std::string_view packet) const
{
    return plane_.explain(direction, packet);
}
std::vector<PolicyStatus> ControlSource::list_policies() const { return plane_.list_policies(); }
std::vector<PortStatus> ControlSource::list_ports() const { return plane_.list_ports(); }
std::vector<RouteStatus> ControlSource::list_routes() const { return plane_.list_routes(); }
std::vector<NeighbourRow> ControlSource::list_neighbours() const { return plane_.list_neighbours(); }
std::vector<DropCount> ControlSource::drops() const { return plane_.drops(); }
Stats ControlSource::stats() const { return plane_.stats(); }
IkeSource* ControlSource::ike() const { return ike_; }

}  // namespace ipsecgw::cli
