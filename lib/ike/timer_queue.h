// Deadlines of everything the engine waits for, in one heap.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace ipsecgw::ike {

inline constexpr uint64_t kNeverNs = std::numeric_limits<uint64_t>::max();

/// What a timer is for.
enum class TimerKind : uint8_t {
    kRetransmit,
    kHalfOpen,
    kRekeyIke,
    kCloseIke,  // over_time has passed, or a rekeyed IKE SA's peer never deleted it
    kLiveness,
    kRetryTasks,  // tasks that wait after TEMPORARY_FAILURE
    kRekeyChild,
    kCloseChild,  // life_time
    kDrainChild,
    kInactivity,
    kReconnect,
    kForgetResponse,
};

class TimerQueue;

/// A deadline that belongs to an object: it leaves the queue when the object goes. `ike_sa` and `child_sa` say whose it
/// is.
class Timer {
  public:
    Timer(TimerKind kind, uint32_t ike_sa, uint32_t child_sa) noexcept
        : kind_(kind), ike_sa_(ike_sa), child_sa_(child_sa)
    {
    }
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;
    ~Timer();

    [[nodiscard]] TimerKind kind() const noexcept { return kind_; }
    [[nodiscard]] uint32_t ike_sa() const noexcept { return ike_sa_; }
    [[nodiscard]] uint32_t child_sa() const noexcept { return child_sa_; }
    [[nodiscard]] uint64_t deadline_ns() const noexcept { return deadline_ns_; }
    [[nodiscard]] bool is_set() const noexcept { return queue_ != nullptr; }
    /// A child SA that moves to another IKE SA takes its timers along.
    void set_ike_sa(uint32_t ike_sa) noexcept { ike_sa_ = ike_sa; }
    void cancel() noexcept;

  private:
    friend class TimerQueue;

    TimerKind kind_;
    uint32_t ike_sa_;
    uint32_t child_sa_;
    uint32_t index_ = 0;
    uint64_t deadline_ns_ = kNeverNs;
    TimerQueue* queue_ = nullptr;
};

/// A binary heap of the timers that are set: setting, moving and taking one costs O(log n). Outlives its timers.
class TimerQueue {
  public:
    TimerQueue() = default;
    TimerQueue(const TimerQueue&) = delete;
    TimerQueue& operator=(const TimerQueue&) = delete;

    /// Sets or moves. kNeverNs cancels.
    void set(Timer& timer, uint64_t deadline_ns);
    void cancel(Timer& timer) noexcept;
    /// The earliest timer that is due, cancelled; null: none is.
    Timer* take_due(uint64_t now_ns) noexcept;
    [[nodiscard]] uint64_t next_ns() const noexcept { return heap_.empty() ? kNeverNs : heap_.front()->deadline_ns_; }
    [[nodiscard]] size_t size() const noexcept { return heap_.size(); }

  private:
    void place(size_t index, Timer* timer) noexcept;
    void sift_up(size_t index) noexcept;
    void sift_down(size_t index) noexcept;

    std::vector<Timer*> heap_;
};

}  // namespace ipsecgw::ike
