// What the front ends read: the state of a gateway.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/control_plane.h"
#include "ike/engine.h"

namespace ipsecgw::cli {

/// The IKE daemon (daemon_source.h), or a test's data.
/// Threads: the control thread.
class IkeSource {
 public:
    virtual ~IkeSource() = default;

    /// IKE SAs with ids greater than `after`, in order, at most `limit`.
    [[nodiscard]] virtual std::vector<ike::IkeStatus> list(ike::IkeSaId after, size_t limit) const = 0;
    /// What an SA of a child has carried; none: it is not there.
    [[nodiscard]] virtual std::optional<control::SaUse> use(std::string_view sa) const = 0;
    /// An empty `child`: all of the connection's. `done` is told the reason why not, or nothing; not after an error.
    virtual base::Result<void> initiate(const std::string& connection, const std::string& child,
                                        std::function<void(const std::string& failure)> done) = 0;
    virtual base::Result<size_t> terminate(const ike::Selection& selection) = 0;
    virtual base::Result<size_t> rekey(const ike::Selection& selection) = 0;
};

/// What may be changed: the control plane (control_source.h), or a test's data. Errors and owners as ControlPlane has them.
/// Threads: the control thread.
class Editor {
 public:
    virtual ~Editor() = default;

    virtual base::Result<void> install_sa(model::SaParams params) = 0;
    virtual base::Result<void> replace_sa(model::SaParams params, std::optional<model::Owner> by) = 0;
    virtual base::Result<void> remove_sa(std::string_view name, std::optional<model::Owner> by) = 0;
    virtual base::Result<void> add_policy(model::Policy policy) = 0;
    virtual base::Result<void> remove_policy(std::string_view name, std::optional<model::Owner> by) = 0;
    virtual base::Result<void> add_route(const model::Route& route) = 0;
    virtual base::Result<void> remove_route(const net::Prefix& prefix, std::optional<model::Owner> by) = 0;
    virtual base::Result<void> add_neighbour(const model::Neighbour& neighbour) = 0;
    virtual base::Result<void> remove_neighbour(const model::Neighbour& neighbour, std::optional<model::Owner> by) = 0;
    /// Routes changed so far become true now, and not only soon.
    virtual base::Result<void> publish_routes() = 0;
    /// Of the gateway: what SAs that say nothing get.
    [[nodiscard]] virtual const model::Settings& settings() const = 0;
};

/// Reads the configuration file again.
/// Threads: the control thread.
class Reloader {
 public:
    virtual ~Reloader() = default;

    enum class Mode : uint8_t { kApply, kCompare };
    struct Outcome {
        std::vector<control::Change> changes;  // done, or to be done
        std::vector<std::string> problems;     // as --check prints them: warnings, then errors
        size_t errors = 0;                     // none: it is done
        bool is_partly_done = false;           // with errors: what they do not name is done; else nothing is
        /// "2 errors; nothing was changed"
        [[nodiscard]] std::string summary() const;
    };
    /// Calls `done` once, later. kUnavailable while another is on its way.
    virtual base::Result<void> reload(Mode mode, std::function<void(Outcome)> done) = 0;
};

/// The control plane (control_source.h), or a test's data.
/// Threads: the control thread.
class Source {
 public:
    virtual ~Source() = default;

    /// SAs with names greater than `after`, in the order of their names, at most `limit`.
    [[nodiscard]] virtual std::vector<control::SaStatus> list_sas(std::string_view after, size_t limit) const = 0;
    [[nodiscard]] virtual std::vector<control::SaStatus> find_sas(uint32_t spi) const = 0;
    /// `done` is called later, in the loop.
    virtual void count_tunnels(std::function<void(std::vector<control::TunnelStatus>)> done) const = 0;
    virtual base::Result<std::unique_ptr<control::Watch>> watch(const control::WatchRequest& request) const = 0;
    [[nodiscard]] virtual base::Result<control::ExplainStatus> explain(std::string_view direction,
                                                                       std::string_view packet) const = 0;
    [[nodiscard]] virtual std::vector<control::PolicyStatus> list_policies() const = 0;
    [[nodiscard]] virtual std::vector<control::PortStatus> list_ports() const = 0;
    [[nodiscard]] virtual std::vector<control::RouteStatus> list_routes() const = 0;
    [[nodiscard]] virtual std::vector<control::NeighbourRow> list_neighbours() const = 0;
    [[nodiscard]] virtual std::vector<control::DropCount> drops() const = 0;
    [[nodiscard]] virtual control::Stats stats() const = 0;
    /// Null: no IKE daemon runs.
    [[nodiscard]] virtual IkeSource* ike() const = 0;
    /// Null: nothing can be changed.
    [[nodiscard]] virtual Editor* editor() const { return nullptr; }
    /// Null: there is no configuration file.
    [[nodiscard]] virtual Reloader* reloader() const { return nullptr; }
};

}  // namespace ipsecgw::cli
