// What the front ends read: the state of a gateway.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "control/control_plane.h"

namespace ipsecgw::cli {

/// The control plane (control_source.h), or a test's data.
/// Threads: the control thread.
class Source {
 public:
    virtual ~Source() = default;

    /// SAs with names greater than `after`, in the order of their names, at most `limit`.
    [[nodiscard]] virtual std::vector<control::SaStatus> list_sas(std::string_view after, size_t limit) const = 0;
    [[nodiscard]] virtual std::vector<control::SaStatus> find_sas(uint32_t spi) const = 0;
    [[nodiscard]] virtual std::vector<control::PolicyStatus> list_policies() const = 0;
    [[nodiscard]] virtual std::vector<control::PortStatus> list_ports() const = 0;
    [[nodiscard]] virtual std::vector<control::RouteStatus> list_routes() const = 0;
    [[nodiscard]] virtual std::vector<control::NeighbourRow> list_neighbours() const = 0;
    [[nodiscard]] virtual std::vector<control::DropCount> drops() const = 0;
    [[nodiscard]] virtual control::Stats stats() const = 0;
};

}  // namespace ipsecgw::cli
