// The running gateway as a source of the front ends.
#pragma once

#include "cli/source.h"

namespace ipsecgw::cli {

/// `plane` and `ike`, which may be null, outlive it.
class ControlSource final : public Source {
 public:
    ControlSource(const control::ControlPlane& plane, IkeSource* ike) : plane_(plane), ike_(ike) {}

    [[nodiscard]] std::vector<control::SaStatus> list_sas(std::string_view after, size_t limit) const override;
    [[nodiscard]] std::vector<control::SaStatus> find_sas(uint32_t spi) const override;
    void count_tunnels(std::function<void(std::vector<control::TunnelStatus>)> done) const override;
    base::Result<std::unique_ptr<control::Watch>> watch(const control::WatchRequest& request) const override;
    [[nodiscard]] base::Result<control::ExplainStatus> explain(std::string_view direction, std::string_view packet) const override;
    [[nodiscard]] std::vector<control::PolicyStatus> list_policies() const override;
    [[nodiscard]] std::vector<control::PortStatus> list_ports() const override;
    [[nodiscard]] std::vector<control::RouteStatus> list_routes() const override;
    [[nodiscard]] std::vector<control::NeighbourRow> list_neighbours() const override;
    [[nodiscard]] std::vector<control::DropCount> drops() const override;
    [[nodiscard]] control::Stats stats() const override;
    [[nodiscard]] IkeSource* ike() const override;

 private:
    const control::ControlPlane& plane_;
    IkeSource* ike_;
};

}  // namespace ipsecgw::cli
