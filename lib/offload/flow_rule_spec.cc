#include "offload/flow_rule_spec.h"

#include <array>
#include <cstring>

#include <rte_ethdev.h>
#include <rte_flow.h>

#include "base/byte_order.h"
#include "base/text.h"

namespace ipsecgw::offload {
namespace {

using base::format;

std::string rss_words(const RssSpec& rss)
{
    std::string text = "rss types";
    if ((rss.types & RTE_ETH_RSS_ESP) != 0)
        text += " esp";
    if ((rss.types & RTE_ETH_RSS_IP) != 0)
        text += " ip";
    if ((rss.types & RTE_ETH_RSS_UDP) != 0)
        text += " udp";
    if ((rss.types & RTE_ETH_RSS_TCP) != 0)
        text += " tcp";
    text += " end queues";
    for (const uint16_t queue : rss.queues)
        text += format(" %u", queue);
    return text + " end / ";
}

/// The IP item of a pattern, with what it points to.
class IpItem {
 public:
    explicit IpItem(const std::optional<net::IpAddress>& destination) : has_destination_(destination.has_value())
    {
        if (!destination)
            return;
        if (destination->is_v4()) {
            std::memcpy(&v4_.hdr.dst_addr, destination->data(), sizeof v4_.hdr.dst_addr);
            v4_mask_.hdr.dst_addr = 0xffffffff;
        } else {
            std::memcpy(&v6_.hdr.dst_addr, destination->data(), sizeof v6_.hdr.dst_addr);
            std::memset(&v6_mask_.hdr.dst_addr, 0xff, sizeof v6_mask_.hdr.dst_addr);
        }
    }
    IpItem(const IpItem&) = delete;
    IpItem& operator=(const IpItem&) = delete;

    [[nodiscard]] rte_flow_item item(net::Family family) const
    {
        rte_flow_item item{};
        const bool v4 = family == net::Family::kIpv4;
        item.type = v4 ? RTE_FLOW_ITEM_TYPE_IPV4 : RTE_FLOW_ITEM_TYPE_IPV6;
        if (has_destination_) {
            item.spec = v4 ? static_cast<const void*>(&v4_) : &v6_;
            item.mask = v4 ? static_cast<const void*>(&v4_mask_) : &v6_mask_;
        }
        return item;
    }

 private:
    bool has_destination_;
    rte_flow_item_ipv4 v4_{}, v4_mask_{};
    rte_flow_item_ipv6 v6_{}, v6_mask_{};
};

}  // namespace

std::string FlowRuleSpec::to_string() const
{
    std::string text = format("ingress group %u priority %u pattern ", group, priority);
    if (match_eth)
        text += "eth / ";
    if (family)
        text += (*family == net::Family::kIpv4 ? "ipv4" : "ipv6") + (destination ? " dst is " + destination->to_string() : "") + " / ";
    if (match_udp)
        text += "udp / ";
    if (spi)
        text += format("esp spi is 0x%08x / ", *spi);
    else if (match_esp)
        text += "esp / ";
    text += "end actions ";
    if (security)
        text += "security / ";
    if (jump)
        text += format("jump group %u / ", *jump);
    if (queue)
        text += format("queue index %u / ", *queue);
    if (rss)
        text += rss_words(*rss);
    return text + "end";
}

base::Result<dpdk::FlowRule> FlowRuleSpec::create(uint16_t port_id) const
{
    rte_flow_attr attributes{};
    attributes.group = group;
    attributes.priority = priority;
    attributes.ingress = 1;

    rte_flow_item_esp esp_spec{};
    rte_flow_item_esp esp_mask{};
    esp_spec.hdr.spi = base::swap_be32(spi.value_or(0));
    esp_mask.hdr.spi = 0xffffffff;
    IpItem ip(destination);
    std::array<rte_flow_item, 5> pattern{};
    size_t items = 0;
    if (match_eth)
        pattern[items++].type = RTE_FLOW_ITEM_TYPE_ETH;
    if (family)
        pattern[items++] = ip.item(*family);
    if (match_udp)
        pattern[items++].type = RTE_FLOW_ITEM_TYPE_UDP;
    if (match_esp || spi) {
        rte_flow_item& item = pattern[items++];
        item.type = RTE_FLOW_ITEM_TYPE_ESP;
        item.spec = spi ? &esp_spec : nullptr;
        item.mask = spi ? &esp_mask : nullptr;
    }
    pattern[items].type = RTE_FLOW_ITEM_TYPE_END;

    const rte_flow_action_jump jump_action{jump.value_or(0)};
    const rte_flow_action_queue queue_action{queue.value_or(0)};
    rte_flow_action_rss rss_action{};
    if (rss) {
        rss_action.types = rss->types;
        rss_action.queue_num = static_cast<uint32_t>(rss->queues.size());
        rss_action.queue = rss->queues.data();
        rss_action.key_len = static_cast<uint32_t>(rss->key.size());
        rss_action.key = rss->key.empty() ? nullptr : rss->key.data();
    }
    std::array<rte_flow_action, 5> actions{};
    size_t count = 0;
    if (security)
        actions[count++] = {RTE_FLOW_ACTION_TYPE_SECURITY, session};
    if (jump)
        actions[count++] = {RTE_FLOW_ACTION_TYPE_JUMP, &jump_action};
    if (queue)
        actions[count++] = {RTE_FLOW_ACTION_TYPE_QUEUE, &queue_action};
    if (rss)
        actions[count++] = {RTE_FLOW_ACTION_TYPE_RSS, &rss_action};
    actions[count].type = RTE_FLOW_ACTION_TYPE_END;
    return dpdk::FlowRule::create(port_id, attributes, pattern.data(), actions.data());
}

}  // namespace ipsecgw::offload
