#include "sa/sad.h"

#include <atomic>
#include <sys/mman.h>
#include <utility>
#include <vector>

#include "base/text.h"
#include "sa/pointer_table_internal.h"
#include "sa/sa_memory_internal.h"

namespace ipsecgw::sa {

using base::Error;
using base::ErrorCode;
using base::format;

namespace {

struct BySpi {
    using Object = InboundSa;

    // The high bits of a product depend on all of the SPI, so sequential and random SPIs spread alike; folding brings
    // them down to the low bits, where the table takes its tag.
    static uint64_t hash(uint32_t spi) noexcept
    {
        const uint64_t product = spi * uint64_t{0x9e3779b97f4a7c15};
        return product ^ (product >> 32);
    }
    static uint64_t hash(const InboundSa& sa) noexcept { return hash(sa.spi); }
};

// Owners by slot. The array is as large as it may become; its pages take no memory before they are written.
// Workers read a slot's pointer at any time; the rest is the writer's.
template <class Owner>
class Slots {
  public:
    using Object = typename Owner::element_type;

    explicit Slots(uint32_t capacity) : capacity_(capacity)
    {
        void* memory =
            mmap(nullptr, bytes(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        objects_ = memory == MAP_FAILED ? nullptr : static_cast<Object**>(memory);
    }
    ~Slots()
    {
        for (uint32_t slot = 0; slot < used_; slot++)
            Owner(objects_[slot]).reset();
        if (allocated())
            munmap(objects_, bytes());
    }
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;

    [[nodiscard]] bool allocated() const noexcept { return objects_ != nullptr; }
    [[nodiscard]] bool full() const noexcept { return count_ == capacity_; }

    // Generations count up over all slots and skip 0, so a tag of zeros names nothing.
    [[nodiscard]] SaTag next_tag() const noexcept { return {free_.empty() ? used_ : free_.back(), next_generation_}; }

    Object* put(Owner owner)
    {
        const SaTag tag = next_tag();
        if (free_.empty())
            used_++;
        else
            free_.pop_back();
        count_++;
        next_generation_ += next_generation_ == UINT32_MAX ? 2 : 1;
        owner->slot = tag.slot;
        owner->generation = tag.generation;
        Object* object = owner.release();
        // Release: a worker that finds the SA by its tag sees every field behind the pointer.
        std::atomic_ref(objects_[tag.slot]).store(object, std::memory_order_release);
        return object;
    }
    Owner take(uint32_t slot)
    {
        free_.push_back(slot);
        count_--;
        return Owner(std::atomic_ref(objects_[slot]).exchange(nullptr, std::memory_order_acq_rel));
    }

    [[nodiscard]] Object* find(SaTag tag) const noexcept
    {
        if (tag.slot >= capacity_)
            return nullptr;
        Object* object = std::atomic_ref(objects_[tag.slot]).load(std::memory_order_acquire);
        return object != nullptr && object->generation == tag.generation ? object : nullptr;
    }
    [[nodiscard]] Object* at(uint32_t slot) const noexcept { return slot < used_ ? objects_[slot] : nullptr; }
    [[nodiscard]] uint32_t used() const noexcept { return used_; }
    [[nodiscard]] uint32_t count() const noexcept { return count_; }
    [[nodiscard]] uint32_t capacity() const noexcept { return capacity_; }

  private:
    [[nodiscard]] size_t bytes() const noexcept { return capacity_ * sizeof(Object*); }

    Object** objects_;
    std::vector<uint32_t> free_;
    uint32_t capacity_;
    uint32_t used_ = 0;  // slots below were used once
    uint32_t count_ = 0;
    uint32_t next_generation_ = 1;
};

bool has_idleness(const CipherContext* cipher) noexcept { return cipher != nullptr && cipher->is_idle != nullptr; }

Error full(const char* direction, uint32_t capacity)
{
    return {ErrorCode::kResourceExhausted, format("the SAD is full: %u %s SAs", capacity, direction),
            "remove SAs, or raise max_sas"};
}

}  // namespace

class Sad::Table {
  public:
    Table(uint32_t max_sas, dpdk::Reclaimer& reclaimer_in)
        : by_spi(reclaimer_in), inbound(max_sas), outbound(max_sas), reclaimer(reclaimer_in)
    {
    }

    PointerTable<BySpi> by_spi;
    Slots<InboundSaPtr> inbound;
    Slots<OutboundSaPtr> outbound;
    dpdk::Reclaimer& reclaimer;
};

base::Result<std::unique_ptr<Sad>> Sad::create(uint32_t max_sas, dpdk::Reclaimer& reclaimer)
{
    if (max_sas == 0)
        return Error{ErrorCode::kInvalidArgument, "a SAD of no SAs", "max_sas is 1 at least"};
    auto table = std::make_unique<Table>(max_sas, reclaimer);
    if (!table->inbound.allocated() || !table->outbound.allocated())
        return Error{ErrorCode::kResourceExhausted, format("no memory for the slots of %u SAs", max_sas),
                     "lower max_sas"};
    // All of it now, 24 to 48 bytes an SA: a million SAs later, growing would stop the control thread for a tenth of a
    // second. Without the memory it grows all the same.
    if (!table->by_spi.reserve_for(max_sas) && !table->by_spi.reserve())
        return out_of_sa_memory("the index of the SAD", -1);
    return std::unique_ptr<Sad>(new Sad(std::move(table)));
}

Sad::Sad(std::unique_ptr<Table> table) : table_(std::move(table)) {}
Sad::~Sad() = default;

InboundSa* Sad::find(uint32_t spi) const noexcept
{
    return table_->by_spi.find(BySpi::hash(spi), [spi](const InboundSa& sa) { return sa.spi == spi; });
}

void Sad::prefetch(uint32_t spi) const noexcept
{
    table_->by_spi.prefetch(BySpi::hash(spi));
}

void Sad::prefetch_found(uint32_t spi) const noexcept
{
    table_->by_spi.prefetch_object(BySpi::hash(spi));
}

base::Result<InboundSa*> Sad::publish(InboundSaPtr sa)
{
    if (find(sa->spi) != nullptr)
        return Error{ErrorCode::kAlreadyExists, format("SPI 0x%08x is in use by another inbound SA", sa->spi),
                     "an inbound SPI is unique on this gateway: choose another"};
    if (table_->inbound.full())
        return full("inbound", table_->inbound.capacity());
    if (!table_->by_spi.reserve())
        return out_of_sa_memory("the index of the SAD", -1);
    InboundSa* published = table_->inbound.put(std::move(sa));
    if (!table_->by_spi.insert(published)) {
        table_->inbound.take(published->slot);
        return Error{ErrorCode::kInternal, "an SA lies beyond the 48 bits of address the SAD can hold",
                     "start EAL with a lower --base-virtaddr"};
    }
    return published;
}

base::Result<void> Sad::retire_inbound(uint32_t spi)
{
    const InboundSa* sa = find(spi);
    if (sa == nullptr)
        return Error{ErrorCode::kNotFound, format("no inbound SA has SPI 0x%08x", spi), ""};
    table_->by_spi.erase(sa);
    InboundSaPtr owned = table_->inbound.take(sa->slot);
    if (has_idleness(sa->cipher))
        table_->reclaimer.retire_when([sa] { return sa->is_idle(); }, std::move(owned));
    else
        table_->reclaimer.retire(std::move(owned));
    return {};
}

base::Result<OutboundSa*> Sad::adopt(OutboundSaPtr sa)
{
    if (table_->outbound.full())
        return full("outbound", table_->outbound.capacity());
    return table_->outbound.put(std::move(sa));
}

base::Result<void> Sad::retire_outbound(uint32_t slot)
{
    if (outbound_at(slot) == nullptr)
        return Error{ErrorCode::kNotFound, format("no outbound SA is in slot %u", slot), ""};
    OutboundSaPtr owned = table_->outbound.take(slot);
    const OutboundSa* sa = owned.get();
    if (sa->workers != 0 && has_idleness(sa->cipher(0)))
        table_->reclaimer.retire_when([sa] { return sa->is_idle(); }, std::move(owned));
    else
        table_->reclaimer.retire(std::move(owned));
    return {};
}

InboundSa* Sad::inbound_by_tag(SaTag tag) const noexcept
{
    return table_->inbound.find(tag);
}
OutboundSa* Sad::outbound_by_tag(SaTag tag) const noexcept
{
    return table_->outbound.find(tag);
}
SaTag Sad::next_inbound_tag() const noexcept
{
    return table_->inbound.next_tag();
}
SaTag Sad::next_outbound_tag() const noexcept
{
    return table_->outbound.next_tag();
}
InboundSa* Sad::inbound_at(uint32_t slot) const noexcept
{
    return table_->inbound.at(slot);
}
OutboundSa* Sad::outbound_at(uint32_t slot) const noexcept
{
    return table_->outbound.at(slot);
}
uint32_t Sad::inbound_slots() const noexcept
{
    return table_->inbound.used();
}
uint32_t Sad::outbound_slots() const noexcept
{
    return table_->outbound.used();
}
uint32_t Sad::inbound_count() const noexcept
{
    return table_->inbound.count();
}
uint32_t Sad::outbound_count() const noexcept
{
    return table_->outbound.count();
}
uint32_t Sad::capacity() const noexcept
{
    return table_->inbound.capacity();
}

}  // namespace ipsecgw::sa
