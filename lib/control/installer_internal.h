// The path of an SA: validate, choose the owner, build on its NUMA node, publish; and back.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "control/owners_internal.h"
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
        offload::Provider* provider;        // may be null
        const offload::Steering* steering;  // may be null
        dpdk::Reclaimer& reclaimer;
        esp::Engines& engines;
        SaTable& sas;
        Policies& policies;
        Owners& owners;
        const KeyPrints& key_prints;
        std::vector<int> sockets;  // NUMA node of each worker
    };
    explicit Installer(Parts parts) : parts_(std::move(parts)) {}

    /// The record lives until remove(). Nothing is left behind by an error. `predecessor`: an outbound SA of the same SPI
    /// and key, which seals nothing more from then on: its sequence numbers and IVs go on here. null: there is none.
    base::Result<SaRecord*> install(model::SaParams params, uint64_t now_ns, SaRecord* predecessor = nullptr);
    /// Undoes what install() did to a predecessor; `successor` seals nothing more.
    static void give_back_numbers(SaRecord& successor, SaRecord& predecessor);
    /// Would install() take these parameters by themselves, whatever else is installed?
    [[nodiscard]] base::Result<void> check_alone(const model::SaParams& params) const;
    [[nodiscard]] bool has_key(const SaRecord& record, const model::SaParams& params) const;
    void remove(SaRecord& record);
    /// Hard lifetime: nothing passes from here on. The record stays, for the operator to see, until remove().
    void expire(SaRecord& record);
    /// The port has lost the SA. Sequence numbers and IVs go on where they were: none is used twice. kUnsupported with
    /// the reason when that cannot be known, or when the SA's hw_offload is not auto. On an error the SA is to be
    /// stopped.
    base::Result<void> continue_in_software(SaRecord& record, const std::string& why);
    /// No sequence number is left: an outbound SA sends nothing from here on.
    void exhaust(SaRecord& record);

  private:
    [[nodiscard]] base::Result<void> check(const model::SaParams& params) const;
    [[nodiscard]] int outbound_socket() const;
    [[nodiscard]] base::Result<offload::Choice> choose(const SaRecord& record, sa::SaTag tag) const;
    base::Result<void> publish(SaRecord& record);
    base::Result<void> publish_inbound(SaRecord& record);
    base::Result<void> activate(SaRecord& record);
    base::Result<void> publish_outbound(SaRecord& record);
    /// Brings packets to the owner, where the port can, and notes how.
    void steer(SaRecord& record);
    void unpublish_inbound(SaRecord& record);
    void retire_installed(SaRecord& record);
    void retire_marked(SaRecord& record);

    Parts parts_;
    std::shared_ptr<const char> alive_ = std::make_shared<const char>();  // as long as this, the tables are there
};

}  // namespace ipsecgw::control
