// One worker's window: its turns over bursts, and what they cost.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "telemetry/stage.h"

namespace ipsecgw::worker {
class Worker;
}

namespace ipsecgw::bench {

/// What a worker's clock has counted.
struct Stages {
    std::array<uint64_t, telemetry::kStageCount> cycles{};
    uint64_t packets = 0;

    static Stages of(const worker::Worker& worker);
    [[nodiscard]] Stages since(const Stages& before) const;
    void add(const Stages& other);
    /// 0 without packets.
    [[nodiscard]] double per_packet(telemetry::Stage stage) const;
};

/// A turn that took many times what the others of its window took was interrupted, by the system or by a neighbour of
/// this machine, and says nothing of the gateway: it is counted and left out.
class Window {
  public:
    static constexpr uint64_t kInterrupted = 4;  // times the median turn

    explicit Window(uint16_t burst) : burst_(burst) {}

    void add_turn(uint64_t cycles);
    /// The turn just added was one that the worker's clock timed.
    void add_timed(const Stages& stages);
    /// No turn follows.
    void close(uint64_t wall_cycles);

    /// Of all turns so far, interrupted ones too.
    [[nodiscard]] uint64_t cycles() const { return sum_; }

    // After close().
    [[nodiscard]] double per_packet() const { return per_packet_; }
    /// The same without what the ports take.
    [[nodiscard]] double own() const;
    [[nodiscard]] const Stages& stages() const { return stages_; }
    [[nodiscard]] double interrupted_share() const { return interrupted_share_; }
    /// Source and sink, and interruptions, included.
    [[nodiscard]] double wall_per_packet() const;

  private:
    struct Timed {
        size_t turn;
        Stages stages;
    };
    const uint16_t burst_;
    std::vector<uint64_t> turns_;
    std::vector<Timed> timed_;
    uint64_t sum_ = 0;
    uint64_t wall_cycles_ = 0;
    double per_packet_ = 0;
    double interrupted_share_ = 0;
    Stages stages_;
};

/// A figure over windows.
struct Figure {
    double best = 0;
    double median = 0;
    double spread = 0;  // (third - first quartile) / median

    static Figure of(std::vector<double> values);
};

}  // namespace ipsecgw::bench
