#include "route/fib.h"

#include <cstring>
#include <utility>

#include <rte_errno.h>
#include <rte_memory.h>
#include <rte_rib.h>
#include <rte_rib6.h>

#include "base/byte_order.h"
#include "base/text.h"
#include "dpdk/compat.h"

namespace ipsecgw::route {

using base::Error;
using base::ErrorCode;
using base::Result;

/// The two tries and the next hops their nodes point to. rte_rib_lookup() and rte_rib_get_nh() only read, so that any number of
/// workers may look up at once.
class Fib::Ribs {
 public:
    Ribs() = default;
    ~Ribs()
    {
        rte_rib_free(v4_);
        rte_rib6_free(v6_);
    }
    Ribs(const Ribs&) = delete;
    Ribs& operator=(const Ribs&) = delete;

    Result<void> fill(const std::vector<FibEntry>& entries);
    [[nodiscard]] const NextHop* lookup(const net::IpAddress& destination) const noexcept;

 private:
    Result<void> create(net::Family family, size_t prefixes);
    Result<void> insert(const FibEntry& entry);
    bool insert_v4(const net::Prefix& prefix, uint64_t value);
    bool insert_v6(const net::Prefix& prefix, uint64_t value);

    rte_rib* v4_ = nullptr;
    rte_rib6* v6_ = nullptr;
    std::vector<NextHop> next_hops_;
};

Result<void> Fib::Ribs::create(net::Family family, size_t prefixes)
{
    // A node for each prefix, and at most one branching node for each but the first.
    constexpr size_t kMaxPrefixes = 1u << 24;
    if (prefixes > kMaxPrefixes)
        return Error{ErrorCode::kResourceExhausted, base::format("%zu routes are more than a table holds", prefixes),
                     base::format("a table holds %zu routes of one family", kMaxPrefixes)};
    const int nodes = static_cast<int>(2 * prefixes);
    // DPDK wants process-wide unique names of at most 22 characters (the node pool's name derives from it); an address is one.
    const auto name = base::format("gw%llx", static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(this)));
    bool created = false;
    if (family == net::Family::kIpv4) {
        const rte_rib_conf conf = {.ext_sz = 0, .max_nodes = nodes};
        v4_ = rte_rib_create((name + "_4").c_str(), SOCKET_ID_ANY, &conf);
        created = v4_ != nullptr;
    } else {
        const rte_rib6_conf conf = {.ext_sz = 0, .max_nodes = nodes};
        v6_ = rte_rib6_create((name + "_6").c_str(), SOCKET_ID_ANY, &conf);
        created = v6_ != nullptr;
    }
    if (!created)
        return Error{ErrorCode::kResourceExhausted,
                     base::format("no memory for a table of %zu routes: %s", prefixes, rte_strerror(rte_errno)),
                     "give EAL more memory with -m, or more huge pages"};
    return {};
}

bool Fib::Ribs::insert_v4(const net::Prefix& prefix, uint64_t value)
{
    const uint32_t ip = base::load_be32(prefix.address.data());
    rte_rib_node* node = rte_rib_lookup_exact(v4_, ip, prefix.length);
    if (node == nullptr)
        node = rte_rib_insert(v4_, ip, prefix.length);
    return node != nullptr && rte_rib_set_nh(node, value) == 0;
}

bool Fib::Ribs::insert_v6(const net::Prefix& prefix, uint64_t value)
{
    const dpdk::compat::Ipv6Address ip(prefix.address.data());
    rte_rib6_node* node = rte_rib6_lookup_exact(v6_, ip.get(), prefix.length);
    if (node == nullptr)
        node = rte_rib6_insert(v6_, ip.get(), prefix.length);
    return node != nullptr && rte_rib6_set_nh(node, value) == 0;
}

Result<void> Fib::Ribs::insert(const FibEntry& entry)
{
    const net::Prefix network = entry.prefix.network();
    const uint64_t value = next_hops_.size();
    const bool inserted = network.address.is_v4() ? insert_v4(network, value) : insert_v6(network, value);
    if (!inserted)
        return Error{ErrorCode::kResourceExhausted,
                     "route " + network.to_string() + " does not fit: " + rte_strerror(rte_errno), ""};
    next_hops_.push_back(entry.next_hop);
    return {};
}

Result<void> Fib::Ribs::fill(const std::vector<FibEntry>& entries)
{
    size_t v4 = 0;
    for (const auto& entry : entries) {
        if (entry.prefix.length > net::address_bits(entry.prefix.family()))
            return Error{ErrorCode::kInvalidArgument,
                         "route " + entry.prefix.to_string() + " has no valid prefix length", ""};
        v4 += entry.prefix.address.is_v4() ? 1 : 0;
    }
    const size_t v6 = entries.size() - v4;
    if (v4 > 0)
        GW_TRY(create(net::Family::kIpv4, v4));
    if (v6 > 0)
        GW_TRY(create(net::Family::kIpv6, v6));
    next_hops_.reserve(entries.size());
    for (const auto& entry : entries)
        GW_TRY(insert(entry));
    return {};
}

const NextHop* Fib::Ribs::lookup(const net::IpAddress& destination) const noexcept
{
    uint64_t index = 0;
    if (destination.is_v4()) {
        if (v4_ == nullptr)
            return nullptr;
        const rte_rib_node* node = rte_rib_lookup(v4_, base::load_be32(destination.data()));
        if (node == nullptr || rte_rib_get_nh(node, &index) != 0)
            return nullptr;
    } else {
        if (v6_ == nullptr)
            return nullptr;
        const rte_rib6_node* node = rte_rib6_lookup(v6_, dpdk::compat::Ipv6Address(destination.data()).get());
        if (node == nullptr || rte_rib6_get_nh(node, &index) != 0)
            return nullptr;
    }
    return &next_hops_[index];
}

Fib::Fib(std::unique_ptr<Ribs> ribs) : ribs_(std::move(ribs)) {}
Fib::~Fib() = default;

Result<std::unique_ptr<const Fib>> Fib::build(const std::vector<FibEntry>& entries)
{
    auto ribs = std::make_unique<Ribs>();
    GW_TRY(ribs->fill(entries));
    return std::unique_ptr<const Fib>(new Fib(std::move(ribs)));
}

const NextHop* Fib::lookup(const net::IpAddress& destination) const noexcept { return ribs_->lookup(destination); }

}  // namespace ipsecgw::route
