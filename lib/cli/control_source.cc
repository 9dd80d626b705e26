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
IkeSource* ControlSource::ike() const { return parts_.ike; }

base::Result<void> ControlEditor::install_sa(model::SaParams params)
{
    return plane_.install_sa(std::move(params), model::Owner::kCli);
}
base::Result<void> ControlEditor::replace_sa(model::SaParams params, std::optional<model::Owner> by)
{
    return plane_.replace_sa(std::move(params), model::Owner::kCli, by);
}
base::Result<void> ControlEditor::remove_sa(std::string_view name, std::optional<model::Owner> by)
{
    return plane_.remove_sa(name, by);
}
base::Result<void> ControlEditor::add_policy(model::Policy policy)
{
    return plane_.add_policy(std::move(policy), model::Owner::kCli);
}
base::Result<void> ControlEditor::remove_policy(std::string_view name, std::optional<model::Owner> by)
{
    return plane_.remove_policy(name, by);
}
base::Result<void> ControlEditor::add_route(const model::Route& route)
{
    return plane_.add_route(route, model::Owner::kCli, ControlPlane::Publish::kSoon);
}
base::Result<void> ControlEditor::remove_route(const net::Prefix& prefix, std::optional<model::Owner> by)
{
    return plane_.remove_route(prefix, by, ControlPlane::Publish::kSoon);
}
base::Result<void> ControlEditor::add_neighbour(const model::Neighbour& neighbour)
{
    return plane_.add_neighbour(neighbour, model::Owner::kCli);
}
base::Result<void> ControlEditor::remove_neighbour(const model::Neighbour& neighbour, std::optional<model::Owner> by)
{
    return plane_.remove_neighbour(neighbour, by);
}

}  // namespace ipsecgw::cli
