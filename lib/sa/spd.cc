#include "sa/spd.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/text.h"
#include "sa/sa_memory_internal.h"
#include "sa/tuple_internal.h"

namespace ipsecgw::sa {

using base::Error;
using base::ErrorCode;
using base::format;

namespace {

// What workers walk: the tuples of one family, the one with the best rule first. Immutable.
struct TupleView {
    uint64_t best_rank;
    const Tuple* tuple;
};
using TupleList = std::vector<TupleView>;

// Tuples that are hashed together, and how many stay in the first-level cache anyway.
constexpr size_t kAhead = 8;
constexpr size_t kFew = 4;

// One family. `list` is what readers see of `tuples`.
struct TupleSpace {
    alignas(RTE_CACHE_LINE_SIZE) std::atomic<const TupleList*> list{new TupleList};
    alignas(RTE_CACHE_LINE_SIZE) std::map<FlowWords, std::unique_ptr<Tuple>> tuples;  // by mask

    TupleSpace() = default;
    ~TupleSpace() { delete list.load(std::memory_order_relaxed); }
    TupleSpace(const TupleSpace&) = delete;
    TupleSpace& operator=(const TupleSpace&) = delete;

    [[nodiscard]] const PolicyEntry* match(const Flow& flow, RuleDirections direction) const noexcept
    {
        const TupleList& views = *list.load(std::memory_order_acquire);
        const Rule* best = nullptr;
        for (size_t first = 0; first < views.size(); first += kAhead) {
            const std::span group = std::span(views).subspan(first, std::min(kAhead, views.size() - first));
            std::array<uint64_t, kAhead> hashes;
            for (size_t i = 0; i < group.size(); i++)
                hashes[i] = group[i].tuple->hash(flow);
            // Whether a probe goes on depends on the memory it fetches, so the CPU cannot overlap probes by itself.
            if (views.size() > kFew)
                for (size_t i = 0; i < group.size(); i++)
                    group[i].tuple->prefetch(hashes[i]);
            for (size_t i = 0; i < group.size(); i++) {
                if (best != nullptr && best->order.rank < group[i].best_rank)
                    return best->entry;
                const Rule* rule = group[i].tuple->match(flow, hashes[i], direction);
                if (rule != nullptr && (best == nullptr || rule->order < best->order))
                    best = rule;
            }
        }
        return best != nullptr ? best->entry : nullptr;
    }

    /// Calls `hint(tuple, hash)` for the tuples that are asked first.
    template <class Hint>
    void for_first(const Flow& flow, Hint hint) const noexcept
    {
        const TupleList& views = *list.load(std::memory_order_acquire);
        for (size_t i = 0; i < std::min(views.size(), kAhead); i++)
            hint(*views[i].tuple, views[i].tuple->hash(flow));
    }

    void publish(dpdk::Reclaimer& reclaimer)
    {
        auto next = std::make_unique<TupleList>();
        next->reserve(tuples.size());
        for (const auto& [mask, tuple] : tuples)
            next->push_back({tuple->best_rank(), tuple.get()});
        std::stable_sort(next->begin(), next->end(),
                         [](const TupleView& a, const TupleView& b) { return a.best_rank < b.best_rank; });
        reclaimer.retire(std::unique_ptr<const TupleList>(list.exchange(next.release(), std::memory_order_acq_rel)));
    }
};

// Counters of policies with neighbouring ids, each worker's together.
class HitsBlock {
  public:
    explicit HitsBlock(uint16_t workers)
        : bytes_(size_t{workers} * PolicyEntry::kHitsTogether * sizeof(telemetry::Counter)),
          first_(static_cast<telemetry::Counter*>(table_memory_or_throw(bytes_)))
    {
        std::uninitialized_value_construct_n(first_, bytes_ / sizeof *first_);
    }
    ~HitsBlock() { dpdk::free_table_memory(first_, bytes_); }
    HitsBlock(const HitsBlock&) = delete;
    HitsBlock& operator=(const HitsBlock&) = delete;

    [[nodiscard]] telemetry::Counter* of(uint32_t id) const noexcept
    {
        return first_ + id % PolicyEntry::kHitsTogether;
    }

  private:
    size_t bytes_;
    telemetry::Counter* first_;
};

// The writer's side of a policy; `entry` is the workers', and what they read of it is one line.
struct alignas(RTE_CACHE_LINE_SIZE) StoredPolicy {
    PolicyEntry entry;
    uint64_t age;
    uint32_t priority;
    uint8_t directions;
    std::vector<FlowSelector> selectors;
    std::shared_ptr<HitsBlock> hits;

    static void* operator new(size_t bytes, std::align_val_t) { return table_memory_or_throw(bytes); }
    static void operator delete(void* memory, size_t bytes, std::align_val_t) noexcept
    {
        dpdk::free_table_memory(memory, bytes);
    }
    [[nodiscard]] Rule rule(const FlowSelector& selector) const
    {
        return {{RuleOrder::rank_of(priority, selector), age}, &entry, selector.ports, directions};
    }
};

static_assert(sizeof(PolicyEntry) <= 64);

uint8_t rule_directions(const model::Policy& policy)
{
    // Protect is both: clear packets that should have come by ESP must match it too (RFC 4301 section 5.2).
    if (policy.action == model::Action::kProtect)
        return kRuleOutbound | kRuleInbound;
    switch (policy.direction) {
        case model::PolicyDirection::kBoth:
            return kRuleOutbound | kRuleInbound;
        case model::PolicyDirection::kInbound:
            return kRuleInbound;
        case model::PolicyDirection::kOutbound:
            return kRuleOutbound;
    }
    return 0;
}

std::vector<FlowSelector> selectors_of(const model::Policy& policy)
{
    std::vector<FlowSelector> selectors;
    for (const auto& local : policy.local)
        for (const auto& remote : policy.remote)
            if (const auto selector = FlowSelector::from(local, remote))
                selectors.push_back(*selector);
    return selectors;
}

uint32_t selectors_with_ports(const StoredPolicy& policy)
{
    return static_cast<uint32_t>(
        std::ranges::count_if(policy.selectors, [](const FlowSelector& selector) { return !selector.ports.is_any(); }));
}

struct NameHash {
    using is_transparent = void;
    size_t operator()(std::string_view name) const noexcept { return std::hash<std::string_view>()(name); }
};

}  // namespace

class Spd::Table {
  public:
    Table(uint16_t workers_in, dpdk::Reclaimer& reclaimer_in) : workers(workers_in), reclaimer(reclaimer_in) {}

    TupleSpace ipv4;
    TupleSpace ipv6;
    const uint16_t workers;
    dpdk::Reclaimer& reclaimer;
    std::unordered_map<std::string, std::unique_ptr<StoredPolicy>, NameHash, std::equal_to<>> policies;
    // Shared with what was retired: a worker may count for a policy that has just gone.
    std::vector<std::shared_ptr<HitsBlock>> hits;  // by id
    std::vector<uint32_t> free_ids;
    uint32_t next_id = 0;
    uint64_t next_age = 0;
    uint64_t next_selectors_id = 1;
    // Read by workers for each packet, so apart from what the writer works with.
    alignas(RTE_CACHE_LINE_SIZE) std::atomic<uint64_t> generation{1};

    // Selectors that ask for ports. Raised before they are published, lowered after they have gone.
    std::atomic<uint32_t> with_ports{0};

    // After the change, so that who sees the new number finds the new state; before what the change took out is
    // retired, so that nothing is freed while a worker may take the old number for good.
    void publish_change() noexcept { generation.fetch_add(1, std::memory_order_acq_rel); }
    [[nodiscard]] const TupleSpace& space(net::Family family) const noexcept
    {
        return family == net::Family::kIpv4 ? ipv4 : ipv6;
    }
    /// Looks until no policy has come or gone meanwhile: a look-up that asks one tuple before a policy's successor gets
    /// there, and the policy's own after it has gone, would find neither. The load behind it is ordered by the
    /// look-up's own acquire loads: whoever missed what was taken out sees the number that its successor's coming made.
    [[nodiscard]] const PolicyEntry* match(net::Family family, const Flow& flow,
                                           RuleDirections direction) const noexcept
    {
        const TupleSpace& tuples = space(family);
        for (uint64_t before = generation.load(std::memory_order_acquire);;) {
            const PolicyEntry* found = tuples.match(flow, direction);
            const uint64_t behind = generation.load(std::memory_order_acquire);
            if (behind == before) [[likely]]
                return found;
            before = behind;
        }
    }
    [[nodiscard]] TupleSpace& space(const FlowSelector& selector) noexcept
    {
        return selector.family() == net::Family::kIpv4 ? ipv4 : ipv6;
    }

    bool insert(const FlowSelector& selector, const Rule& rule);
    void erase(const FlowSelector& selector, const Rule& rule);
    bool insert(const StoredPolicy& policy);
    void number(StoredPolicy& policy, uint32_t id);
    [[nodiscard]] uint64_t hits_of(const PolicyEntry& entry) const noexcept;
};

bool Spd::Table::insert(const FlowSelector& selector, const Rule& rule)
{
    TupleSpace& in = space(selector);
    auto at = in.tuples.find(selector.mask);
    if (at == in.tuples.end()) {
        auto tuple = std::make_unique<Tuple>(selector.mask, reclaimer);
        if (!tuple->add(selector.value, rule))
            return false;
        in.tuples.emplace(selector.mask, std::move(tuple));
        in.publish(reclaimer);
        return true;
    }
    Tuple& tuple = *at->second;
    const uint64_t best = tuple.best_rank();
    if (!tuple.add(selector.value, rule))
        return false;
    if (tuple.best_rank() != best)
        in.publish(reclaimer);
    return true;
}

void Spd::Table::erase(const FlowSelector& selector, const Rule& rule)
{
    TupleSpace& in = space(selector);
    const auto at = in.tuples.find(selector.mask);
    assert(at != in.tuples.end());
    Tuple& tuple = *at->second;
    const uint64_t best = tuple.best_rank();
    tuple.remove(selector.value, rule);
    if (tuple.empty()) {
        auto gone = std::move(at->second);
        in.tuples.erase(at);
        in.publish(reclaimer);
        reclaimer.retire(std::move(gone));
    } else if (tuple.best_rank() != best) {
        in.publish(reclaimer);
    }
}

bool Spd::Table::insert(const StoredPolicy& policy)
{
    for (size_t done = 0; done < policy.selectors.size(); done++) {
        if (insert(policy.selectors[done], policy.rule(policy.selectors[done])))
            continue;
        while (done-- > 0)
            erase(policy.selectors[done], policy.rule(policy.selectors[done]));
        return false;
    }
    return true;
}

void Spd::Table::number(StoredPolicy& policy, uint32_t id)
{
    const size_t block = id / PolicyEntry::kHitsTogether;
    if (block == hits.size())
        hits.push_back(std::make_shared<HitsBlock>(workers));
    policy.hits = hits[block];
    policy.entry.id = id;
    policy.entry.hits = policy.hits->of(id);
    policy.entry.hits_before = hits_of(policy.entry);
}

uint64_t Spd::Table::hits_of(const PolicyEntry& entry) const noexcept
{
    uint64_t sum = 0;
    for (uint16_t worker = 0; worker < workers; worker++)
        sum += entry.hits_of(worker).get();
    return sum - entry.hits_before;
}

base::Result<std::unique_ptr<Spd>> Spd::create(uint16_t workers, dpdk::Reclaimer& reclaimer)
{
    return std::unique_ptr<Spd>(new Spd(std::make_unique<Table>(workers, reclaimer)));
}

Spd::Spd(std::unique_ptr<Table> table) : table_(std::move(table)) {}
Spd::~Spd() = default;

const PolicyEntry* Spd::match_outbound(const FlowKey& packet) const noexcept
{
    return table_->match(packet.family, Flow::outbound(packet), kRuleOutbound);
}

void Spd::prefetch_indexes(const FlowKey& packet) const noexcept
{
    table_->space(packet.family).for_first(Flow::outbound(packet), [](const Tuple& tuple, uint64_t hash) {
        tuple.prefetch(hash);
    });
}

void Spd::prefetch_rules(const FlowKey& packet) const noexcept
{
    table_->space(packet.family).for_first(Flow::outbound(packet), [](const Tuple& tuple, uint64_t hash) {
        tuple.prefetch_bucket(hash);
    });
}

const PolicyEntry* Spd::match_inbound(const FlowKey& packet) const noexcept
{
    return table_->match(packet.family, Flow::inbound(packet), kRuleInbound);
}

base::Result<PolicyEntry*> Spd::add(const model::Policy& policy)
{
    if (table_->policies.contains(policy.name))
        return Error{ErrorCode::kAlreadyExists, format("policy \"%s\" exists", policy.name.c_str()),
                     "names of policies are unique: remove it first, or choose another name"};
    auto stored = std::make_unique<StoredPolicy>();
    stored->selectors = selectors_of(policy);
    if (stored->selectors.empty())
        return Error{ErrorCode::kInvalidArgument, format("no packet can match policy \"%s\"", policy.name.c_str()),
                     "give a local and a remote selector of one family and one protocol"};
    stored->entry.action = policy.action;
    if (policy.acquire)
        stored->entry.acquire_tsc.store(0, std::memory_order_relaxed);
    stored->priority = policy.priority;
    stored->directions = rule_directions(policy);
    stored->age = table_->next_age++;
    if (table_->free_ids.empty())
        table_->free_ids.push_back(table_->next_id++);
    table_->number(*stored, table_->free_ids.back());
    const uint32_t with_ports = selectors_with_ports(*stored);
    table_->with_ports.fetch_add(with_ports, std::memory_order_relaxed);
    if (!table_->insert(*stored)) {
        table_->with_ports.fetch_sub(with_ports, std::memory_order_relaxed);
        return out_of_sa_memory("the index of the SPD", -1);
    }
    table_->publish_change();
    table_->free_ids.pop_back();
    PolicyEntry* entry = &stored->entry;
    table_->policies.emplace(policy.name, std::move(stored));
    return entry;
}

base::Result<void> Spd::remove(std::string_view name)
{
    const auto at = table_->policies.find(name);
    if (at == table_->policies.end())
        return Error{ErrorCode::kNotFound,
                     format("there is no policy \"%.*s\"", static_cast<int>(name.size()), name.data()), ""};
    auto stored = std::move(at->second);
    table_->policies.erase(at);
    for (const FlowSelector& selector : stored->selectors)
        table_->erase(selector, stored->rule(selector));
    table_->with_ports.fetch_sub(selectors_with_ports(*stored), std::memory_order_relaxed);
    table_->publish_change();
    table_->free_ids.push_back(stored->entry.id);
    table_->reclaimer.retire(std::move(stored));
    return {};
}

PolicyEntry* Spd::find(std::string_view name) const noexcept
{
    const auto at = table_->policies.find(name);
    return at == table_->policies.end() ? nullptr : &at->second->entry;
}

uint64_t Spd::hits(const PolicyEntry& entry) const noexcept
{
    return table_->hits_of(entry);
}

uint64_t Spd::generation() const noexcept
{
    return table_->generation.load(std::memory_order_acquire);
}

void Spd::set_selectors(InboundSa& sa, std::unique_ptr<const SelectorSet> selectors)
{
    if (selectors != nullptr)
        selectors->id_ = table_->next_selectors_id++;
    const SelectorSet* old = sa.selectors.exchange(selectors.release(), std::memory_order_acq_rel);
    table_->reclaimer.retire(std::unique_ptr<const SelectorSet>(old));
}

bool Spd::selects_ports() const noexcept
{
    return table_->with_ports.load(std::memory_order_relaxed) != 0;
}

uint32_t Spd::count() const noexcept
{
    return static_cast<uint32_t>(table_->policies.size());
}

uint32_t Spd::tuples(net::Family family) const noexcept
{
    return static_cast<uint32_t>(table_->space(family).tuples.size());
}

}  // namespace ipsecgw::sa
