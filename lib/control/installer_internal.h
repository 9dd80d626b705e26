// The path of an SA: validate, choose the owner, build on its NUMA node, publish; and back.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/policies_internal.h"
#include "control/sa_table_internal.h"
#include "dpdk/qsbr.h"
#include "esp/engine.h"
#include "model/sa_params.h"
#include "offload/choose.h"
#include "sa/sad.h"
#include "sa/spd.h"
#include "worker/dataplane.h"

namespace ipsecgw::control {

class Installer {
  public:
    struct Parts {
        const worker::DataPlane& data;
        sa::Sad& sad;
        sa::Spd& spd;
        offload::Provider* provider;  // may be null
        dpdk::Reclaimer& reclaimer;
        esp::Engines& engines;
        SaTable& sas;
        Policies& policies;
        std::vector<int> sockets;  // NUMA node of each worker
    };
    explicit Installer(Parts parts) : parts_(std::move(parts)), owned_(parts_.sockets.size(), 0) {}

    /// The record lives until remove(). Nothing is left behind by an error.
    base::Result<SaRecord*> install(model::SaParams params, uint64_t now_ns);
    void remove(SaRecord& record);
    /// Hard lifetime: nothing passes from here on. The record stays, for the operator to see, until remove().
    void expire(SaRecord& record);

    /// Inbound SAs each worker owns.
    [[nodiscard]] const std::vector<uint32_t>& owned() const noexcept { return owned_; }

  private:
    [[nodiscard]] base::Result<void> check(const model::SaParams& params) const;
    [[nodiscard]] uint16_t choose_owner(const model::SaParams& params) const;
    [[nodiscard]] int outbound_socket() const;
    /// The port an SA's packets enter or leave by; none: no port has the address and no route leads to the peer.
    [[nodiscard]] const worker::PortView* port_of(const model::SaParams& params) const;
    [[nodiscard]] base::Result<offload::Choice> choose(const SaRecord& record, sa::SaTag tag) const;
    base::Result<void> publish(SaRecord& record);
    base::Result<void> publish_inbound(SaRecord& record);
    base::Result<void> activate(SaRecord& record);
    base::Result<void> publish_outbound(SaRecord& record);
    void unpublish_inbound(SaRecord& record);
    void retire_installed(SaRecord& record);

    Parts parts_;
    std::vector<uint32_t> owned_;
};

}  // namespace ipsecgw::control
