// Who can take an SA off the gateway's hands: the seam between the gateway and hardware.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "dpdk/security.h"
#include "model/sa_params.h"
#include "sa/offload_kind.h"

namespace ipsecgw::offload {

/// Where an SA's packets enter or leave.
struct Placement {
    uint16_t port_id = 0;       // DPDK's
    uint16_t rx_queue = 0;      // inbound: the one its owner polls
    uint16_t rx_queues = 1;     // of that port
    uint32_t flow_group = 0;    // of rules that name an SPI
    std::optional<uint16_t> rss_queue = {};  // inbound: the one the port's RSS picks; none: not known
};

/// What the packet path needs to hand a packet to the port.
struct PortSession {
    void* context = nullptr;
    void* session = nullptr;
    uint16_t port_id = 0;
};

/// An SA in a port. The path of an SA (lib/README.md) says when what is called: outbound, prepare is all; inbound, activate follows
/// publication, deactivate goes before unpublication, and destruction after a grace period.
class Installed {
 public:
    virtual ~Installed() = default;
    /// Inbound: from now on the port works on packets of this SA. On an error it does not, and they arrive as ESP.
    virtual base::Result<void> activate() = 0;
    /// Inbound: from now on packets of this SA arrive as ESP. Idempotent.
    virtual void deactivate() noexcept = 0;
    [[nodiscard]] virtual PortSession session() const noexcept = 0;
    /// "queue rule", "ESP rule of the port": how packets find the owner; outbound: empty.
    [[nodiscard]] virtual std::string steering() const = 0;
    [[nodiscard]] virtual base::Result<dpdk::SessionStatistics> statistics() const = 0;
};

/// Threads: control.
class Provider {
 public:
    virtual ~Provider() = default;
    /// "rte_security", for listings.
    [[nodiscard]] virtual std::string_view name() const noexcept = 0;
    /// Puts an SA into the port in the way `kind` says (kInlineCrypto or kFullProtocol). kUnsupported with the reason in an operator's
    /// words: "port 0 has no security context"; kResourceExhausted when the port is full.
    virtual base::Result<std::unique_ptr<Installed>> prepare(const model::SaParams& params, sa::OffloadKind kind, sa::SaTag tag,
                                                             const Placement& placement) = 0;
    /// A port has lost what it held, or is gone: prepare() refuses it from now on with `why`, "port 1 was reset".
    virtual void give_up(uint16_t port_id, std::string why) = 0;
};

}  // namespace ipsecgw::offload
