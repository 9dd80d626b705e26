#include "ike/timer_queue.h"

#include <utility>

namespace ipsecgw::ike {

Timer::~Timer()
{
    cancel();
}

void Timer::cancel() noexcept
{
    if (queue_ != nullptr)
        queue_->cancel(*this);
}

void TimerQueue::place(size_t index, Timer* timer) noexcept
{
    heap_[index] = timer;
    timer->index_ = static_cast<uint32_t>(index);
}

void TimerQueue::sift_up(size_t index) noexcept
{
    Timer* timer = heap_[index];
    while (index > 0) {
        const size_t parent = (index - 1) / 2;
        if (heap_[parent]->deadline_ns_ <= timer->deadline_ns_)
            break;
        place(index, heap_[parent]);
        index = parent;
    }
    place(index, timer);
}

void TimerQueue::sift_down(size_t index) noexcept
{
    Timer* timer = heap_[index];
    for (size_t child; (child = 2 * index + 1) < heap_.size(); index = child) {
        if (child + 1 < heap_.size() && heap_[child + 1]->deadline_ns_ < heap_[child]->deadline_ns_)
            child++;
        if (timer->deadline_ns_ <= heap_[child]->deadline_ns_)
            break;
        place(index, heap_[child]);
    }
    place(index, timer);
}

void TimerQueue::set(Timer& timer, uint64_t deadline_ns)
{
    cancel(timer);
    if (deadline_ns == kNeverNs)
        return;
    heap_.push_back(&timer);
    timer.queue_ = this;
    timer.deadline_ns_ = deadline_ns;
    sift_up(heap_.size() - 1);
}

void TimerQueue::cancel(Timer& timer) noexcept
{
    if (timer.queue_ == nullptr)
        return;
    const size_t index = timer.index_;
    Timer* last = heap_.back();
    heap_.pop_back();
    timer.queue_ = nullptr;
    timer.deadline_ns_ = kNeverNs;
    if (last == &timer)
        return;
    place(index, last);
    sift_up(index);
    sift_down(last->index_);
}

Timer* TimerQueue::take_due(uint64_t now_ns) noexcept
{
    if (heap_.empty() || heap_.front()->deadline_ns_ > now_ns)
        return nullptr;
    Timer* timer = heap_.front();
    cancel(*timer);
    return timer;
}

}  // namespace ipsecgw::ike
