#include "dpdk/rss.h"

#include <rte_ethdev.h>

#include "base/text.h"

namespace ipsecgw::dpdk {

using base::Error;
using base::ErrorCode;

namespace {

base::Result<std::vector<uint16_t>> read_table(uint16_t port_id, uint16_t size)
{
    std::vector<rte_eth_rss_reta_entry64> groups((size + RTE_ETH_RETA_GROUP_SIZE - 1) / RTE_ETH_RETA_GROUP_SIZE);
    for (auto& group : groups)
        group.mask = UINT64_MAX;
    if (size == 0 || rte_eth_dev_rss_reta_query(port_id, groups.data(), size) != 0)
        return Error{ErrorCode::kUnsupported, "the port does not tell its redirection table", ""};
    std::vector<uint16_t> table(size);
    for (uint16_t i = 0; i < size; i++)
        table[i] = groups[i / RTE_ETH_RETA_GROUP_SIZE].reta[i % RTE_ETH_RETA_GROUP_SIZE];
    return table;
}

}  // namespace

base::Result<Rss> read_rss(uint16_t port_id)
{
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(port_id, &info) != 0 || info.flow_type_rss_offloads == 0)
        return Error{ErrorCode::kUnsupported, "the port has no RSS", ""};
    Rss rss;
    rss.key.resize(info.hash_key_size);
    rte_eth_rss_conf conf{};
    conf.rss_key = rss.key.data();
    conf.rss_key_len = info.hash_key_size;
    if (rss.key.empty() || rte_eth_dev_rss_hash_conf_get(port_id, &conf) != 0)
        return Error{ErrorCode::kUnsupported, "the port does not tell its hash key", ""};
    rss.types = conf.rss_hf;
    rss.table = GW_TRY(read_table(port_id, info.reta_size));
    return rss;
}

}  // namespace ipsecgw::dpdk
