#include "offload/rte_security_provider.h"

#include <utility>

#include <rte_security.h>

#include "base/text.h"
#include "offload/flow_rule_spec.h"
#include "offload/session_request.h"

namespace ipsecgw::offload {

namespace {

constexpr uint32_t kDirections = 2;
// Of SAs that have gone and wait for their grace period while successors come.
constexpr uint32_t kRetiring = 4096;

}  // namespace

using base::Error;
using base::ErrorCode;
using base::format;

class RteSecurityProvider::InstalledOutbound final : public Installed {
 public:
    InstalledOutbound(dpdk::SecuritySession session, uint16_t port_id) : session_(std::move(session)), port_id_(port_id) {}

    base::Result<void> activate() override { return {}; }
    void deactivate() noexcept override {}
    [[nodiscard]] PortSession session() const noexcept override { return {session_.context(), session_.handle(), port_id_}; }
    [[nodiscard]] std::string steering() const override { return ""; }
    [[nodiscard]] base::Result<dpdk::SessionStatistics> statistics() const override { return session_.statistics(); }

 private:
    dpdk::SecuritySession session_;
    uint16_t port_id_;
};

class RteSecurityProvider::InstalledInbound final : public Installed {
 public:
    InstalledInbound(dpdk::SecuritySession session, FlowRuleSpec rule, PortState& port, const Placement& placement)
        : session_(std::move(session)), spec_(std::move(rule)), port_(port), placement_(placement)
    {
    }

    // A rule for this SA that also steers it to its owner; failing that one without steering. Both with our address: ESP of strangers that
    // passes through may have the SPI. Failing that the SPI alone; failing that the port's one rule for all ESP.
    base::Result<void> activate() override
    {
        FlowRuleSpec by_spi = spec_;
        by_spi.destination.reset();
        for (const auto& attempt : {with_queue(spec_), spec_, with_queue(by_spi), by_spi}) {
            auto rule = attempt.create(placement_.port_id);
            if (rule) {
                rule_ = std::move(rule).value();
                steering_ = attempt.destination ? "flow rule" : "flow rule by SPI alone";
                steering_ += attempt.queue ? format(" to queue %u", *attempt.queue) : ", " + by_rss();
                return {};
            }
        }
        if (!port_.asked_for_esp_rule) {
            port_.asked_for_esp_rule = true;
            FlowRuleSpec all;
            all.match_esp = true;
            all.security = true;
            if (auto rule = all.create(placement_.port_id))
                port_.esp_rule = std::move(rule).value();
        }
        if (!port_.esp_rule)
            return Error{ErrorCode::kUnsupported,
                         format("port %u takes no flow rule that sends ESP to security", placement_.port_id), ""};
        steering_ = "the port's rule for all ESP, " + by_rss();
        return {};
    }
    void deactivate() noexcept override { rule_ = {}; }
    [[nodiscard]] PortSession session() const noexcept override
    {
        return {session_.context(), session_.handle(), placement_.port_id};
    }
    [[nodiscard]] std::string steering() const override { return steering_; }
    [[nodiscard]] base::Result<dpdk::SessionStatistics> statistics() const override { return session_.statistics(); }

 private:
    // Where packets go that no rule gives a queue.
    [[nodiscard]] std::string by_rss() const
    {
        if (placement_.rss_queue == placement_.rx_queue)
            return format("RSS by SPI to queue %u", placement_.rx_queue);
        return "hand-over to the owner";
    }
    [[nodiscard]] FlowRuleSpec with_queue(FlowRuleSpec spec) const
    {
        spec.queue = placement_.rx_queue;
        return spec;
    }

    dpdk::SecuritySession session_;  // declared before the rule: outlives it
    FlowRuleSpec spec_;
    PortState& port_;
    Placement placement_;
    dpdk::FlowRule rule_;
    std::string steering_;
};

base::Result<std::unique_ptr<RteSecurityProvider>> RteSecurityProvider::create(std::span<const uint16_t> port_ids,
                                                                               uint32_t max_sas, int socket)
{
    std::unique_ptr<RteSecurityProvider> provider(new RteSecurityProvider());
    for (const uint16_t port_id : port_ids) {
        auto context = dpdk::SecurityContext::open(port_id, max_sas * kDirections + kRetiring, socket);
        if (!context && context.error().code != ErrorCode::kUnsupported)
            return context.error();
        if (context)
            provider->ports_[port_id].context = std::move(context).value();
    }
    return provider;
}

base::Result<std::unique_ptr<Installed>> RteSecurityProvider::prepare(const model::SaParams& params, sa::OffloadKind kind,
                                                                      sa::SaTag tag, const Placement& placement)
{
    const auto at = ports_.find(placement.port_id);
    if (at == ports_.end())
        return Error{ErrorCode::kUnsupported, format("port %u has no security context", placement.port_id), ""};
    if (const auto lost = given_up_.find(placement.port_id); lost != given_up_.end())
        return Error{ErrorCode::kUnsupported, lost->second, "restart the gateway when the port works again"};
    PortState& port = at->second;
    auto request = GW_TRY(SessionRequest::make(params, kind, tag));
    GW_TRY(request.covered_by(port.context->capabilities()));
    auto session = GW_TRY(port.context->create(request.configuration()));
    if (params.direction == model::Direction::kOutbound)
        return std::unique_ptr<Installed>(new InstalledOutbound(std::move(session), placement.port_id));

    FlowRuleSpec rule;
    rule.group = placement.flow_group;
    rule.match_eth = true;
    rule.family = params.local.family();
    rule.destination = params.local;
    rule.match_udp = params.udp.has_value();
    rule.match_esp = true;
    rule.spi = params.spi;
    rule.security = true;
    rule.session = session.handle();
    return std::unique_ptr<Installed>(new InstalledInbound(std::move(session), std::move(rule), port, placement));
}

std::string RteSecurityProvider::describe(uint16_t port_id) const
{
    const auto at = ports_.find(port_id);
    if (at == ports_.end())
        return "no security context";
    bool crypto = false;
    bool full = false;
    for (const auto* each = at->second.context->capabilities(); each->action != RTE_SECURITY_ACTION_TYPE_NONE; each++) {
        crypto |= each->action == RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO;
        full |= each->action == RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL;
    }
    if (crypto && full)
        return "inline-crypto, full-protocol";
    return full ? "full-protocol" : crypto ? "inline-crypto" : "a security context without IPsec";
}

}  // namespace ipsecgw::offload
