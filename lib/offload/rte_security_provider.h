// The provider for ports with an rte_security context.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "offload/provider.h"

namespace ipsecgw::offload {

/// Threads: control. Outlives what it prepared.
class RteSecurityProvider final : public Provider {
 public:
    /// Asks each port for a security context; a port without one is no error, prepare() says so for each SA that wants it.
    /// `max_sas` of each direction.
    static base::Result<std::unique_ptr<RteSecurityProvider>> create(std::span<const uint16_t> port_ids, uint32_t max_sas,
                                                                     int socket);

    [[nodiscard]] std::string_view name() const noexcept override { return "rte_security"; }
    base::Result<std::unique_ptr<Installed>> prepare(const model::SaParams& params, sa::OffloadKind kind, sa::SaTag tag,
                                                     const Placement& placement) override;

    void give_up(uint16_t port_id, std::string why) override { given_up_[port_id] = std::move(why); }

    /// For listings and the start log: "inline-crypto, full-protocol", or why none.
    [[nodiscard]] std::string describe(uint16_t port_id) const;

 private:
    struct PortState {
        std::unique_ptr<dpdk::SecurityContext> context;  // null: none
        dpdk::FlowRule esp_rule;                         // ESP -> SECURITY, made for the first SA that has no rule of its own
        bool asked_for_esp_rule = false;
    };
    class InstalledInbound;
    class InstalledOutbound;

    std::map<uint16_t, PortState> ports_;
    std::map<uint16_t, std::string> given_up_;  // why
};

}  // namespace ipsecgw::offload
