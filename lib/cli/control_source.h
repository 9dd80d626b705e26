// The running gateway as a source of the front ends.
#pragma once

#include "cli/source.h"

namespace ipsecgw::cli {

/// Changes that come this way are the socket's: model::Owner::kCli.
class ControlEditor final : public Editor {
 public:
    /// `plane` outlives it.
    ControlEditor(control::ControlPlane& plane, model::Settings settings) : plane_(plane), settings_(std::move(settings)) {}

    base::Result<void> install_sa(model::SaParams params) override;
    base::Result<void> replace_sa(model::SaParams params, std::optional<model::Owner> by) override;
    base::Result<void> remove_sa(std::string_view name, std::optional<model::Owner> by) override;
    base::Result<void> add_policy(model::Policy policy) override;
    base::Result<void> remove_policy(std::string_view name, std::optional<model::Owner> by) override;
    base::Result<void> add_route(const model::Route& route) override;
    base::Result<void> remove_route(const net::Prefix& prefix, std::optional<model::Owner> by) override;
    base::Result<void> add_neighbour(const model::Neighbour& neighbour) override;
    base::Result<void> remove_neighbour(const model::Neighbour& neighbour, std::optional<model::Owner> by) override;
    base::Result<void> publish_routes() override { return plane_.publish_routes(); }
    [[nodiscard]] const model::Settings& settings() const override { return settings_; }
    void set_settings(model::Settings settings) { settings_ = std::move(settings); }

 private:
    control::ControlPlane& plane_;
    model::Settings settings_;
};

/// What its parts point to outlives it; but for the plane they may be null.
class ControlSource final : public Source {
 public:
    struct Parts {
        const control::ControlPlane* plane = nullptr;
        IkeSource* ike = nullptr;
        Editor* editor = nullptr;
        Reloader* reloader = nullptr;
    };
    explicit ControlSource(const Parts& parts) : parts_(parts), plane_(*parts.plane) {}
    /// An IKE daemon that starts later.
    void set_ike(IkeSource* ike) { parts_.ike = ike; }

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

    [[nodiscard]] Editor* editor() const override { return parts_.editor; }
    [[nodiscard]] Reloader* reloader() const override { return parts_.reloader; }

 private:
    Parts parts_;
    const control::ControlPlane& plane_;
};

}  // namespace ipsecgw::cli
