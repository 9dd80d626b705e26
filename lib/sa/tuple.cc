#include <algorithm>
#include <cassert>
#include <new>
#include <type_traits>
#include <utility>

#include "sa/sa_memory_internal.h"
#include "sa/tuple_internal.h"

namespace ipsecgw::sa {
namespace {

FlowWords masked(const FlowWords& words, const FlowWords& mask) noexcept
{
    FlowWords out;
    for (size_t i = 0; i < out.size(); i++)
        out[i] = words[i] & mask[i];
    return out;
}

uint64_t fold_product(uint64_t a, uint64_t b) noexcept
{
    __extension__ using uint128 = unsigned __int128;
    const uint128 product = static_cast<uint128>(a) * b;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

// Keys come from the configuration, so nobody can choose them to collide; it has to spread similar prefixes, and be short.
uint64_t hash_of(const FlowWords& key) noexcept
{
    const uint64_t local = fold_product(key[0] ^ 0x9e3779b97f4a7c15, key[1] ^ 0xbf58476d1ce4e5b9);
    const uint64_t remote = fold_product(key[2] ^ 0x94d049bb133111eb, key[3] ^ 0xd6e8feb86659fd93);
    return fold_product(local ^ key[4] ^ 0xa0761d6478bd642f, remote ^ 0xe7037ed1a0b428db);
}

size_t bucket_bytes(size_t rules) noexcept { return sizeof(Bucket) + rules * sizeof(Rule); }

struct BucketDeleter {
    void operator()(const Bucket* bucket) const noexcept
    {
        // Buckets and rules are trivially destructible.
        dpdk::free_table_memory(const_cast<Bucket*>(bucket), bucket_bytes(bucket->count));
    }
};
using BucketPtr = std::unique_ptr<const Bucket, BucketDeleter>;
static_assert(std::is_trivially_destructible_v<Bucket> && std::is_trivially_destructible_v<Rule>);
static_assert(alignof(Rule) <= alignof(Bucket) && sizeof(Bucket) % alignof(Rule) == 0);

// A bucket of `before`, then `rule` if any, then `after`.
BucketPtr make_bucket(const FlowWords& key, std::span<const Rule> before, const Rule* rule, std::span<const Rule> after)
{
    const size_t count = before.size() + (rule != nullptr ? 1 : 0) + after.size();
    void* memory = table_memory_or_throw(bucket_bytes(count));
    auto* bucket = new (memory) Bucket{key, hash_of(key), static_cast<uint32_t>(count)};
    auto* next = reinterpret_cast<Rule*>(bucket + 1);
    next = std::uninitialized_copy(before.begin(), before.end(), next);
    if (rule != nullptr)
        new (next++) Rule(*rule);
    std::uninitialized_copy(after.begin(), after.end(), next);
    return BucketPtr(bucket);
}

}  // namespace

Tuple::Tuple(const FlowWords& mask, dpdk::Reclaimer& reclaimer) : mask_(mask), reclaimer_(reclaimer), buckets_(reclaimer) {}

Tuple::~Tuple()
{
    buckets_.for_each([](const Bucket& bucket) { BucketDeleter()(&bucket); });
}

uint64_t Tuple::hash(const Flow& flow) const noexcept { return hash_of(masked(flow.words, mask_)); }

const Rule* Tuple::match(const Flow& flow, uint64_t hash, RuleDirections direction) const noexcept
{
    const Bucket* bucket = find(flow.words, hash);
    if (bucket == nullptr)
        return nullptr;
    for (const Rule& rule : bucket->rules())
        if ((rule.directions & direction) != 0 && rule.ports.allows(flow))
            return &rule;
    return nullptr;
}

// The bucket of what is left of `words` under the mask.
const Bucket* Tuple::find(const FlowWords& words, uint64_t hash) const noexcept
{
    return buckets_.find(hash, [this, &words](const Bucket& bucket) {
        uint64_t difference = 0;
        for (size_t i = 0; i < words.size(); i++)
            difference |= (words[i] & mask_[i]) ^ bucket.key[i];
        return difference == 0;
    });
}

bool Tuple::add(const FlowWords& key, const Rule& rule)
{
    if (!buckets_.reserve())
        return false;
    const Bucket* old = find(key, hash_of(key));
    if (old == nullptr) {
        BucketPtr bucket = make_bucket(key, {}, &rule, {});
        if (!buckets_.insert(bucket.get()))
            return false;
        static_cast<void>(bucket.release());
    } else {
        const auto rules = old->rules();
        const auto at = std::upper_bound(rules.begin(), rules.end(), rule,
                                         [](const Rule& a, const Rule& b) { return a.order < b.order; });
        buckets_.replace(old, make_bucket(key, {rules.begin(), at}, &rule, {at, rules.end()}).release());
        reclaimer_.retire(BucketPtr(old));
    }
    ranks_[rule.order.rank]++;
    return true;
}

void Tuple::remove(const FlowWords& key, const Rule& rule)
{
    const Bucket* old = find(key, hash_of(key));
    assert(old != nullptr);
    const auto rules = old->rules();
    const auto at = std::find(rules.begin(), rules.end(), rule);
    assert(at != rules.end());
    if (rules.size() == 1)
        buckets_.erase(old);
    else
        buckets_.replace(old, make_bucket(key, {rules.begin(), at}, nullptr, {at + 1, rules.end()}).release());
    reclaimer_.retire(BucketPtr(old));
    const auto rank = ranks_.find(rule.order.rank);
    if (--rank->second == 0)
        ranks_.erase(rank);
}

}  // namespace ipsecgw::sa
