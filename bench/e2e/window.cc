#include "window.h"

#include <algorithm>

#include "worker/worker.h"

namespace ipsecgw::bench {

using telemetry::Stage;

Stages Stages::of(const worker::Worker& worker)
{
    Stages now;
    for (size_t i = 0; i < now.cycles.size(); i++)
        now.cycles[i] = worker.stages().cycles(static_cast<Stage>(i));
    now.packets = worker.stages().packets();
    return now;
}

Stages Stages::since(const Stages& before) const
{
    Stages spent = *this;
    for (size_t i = 0; i < cycles.size(); i++)
        spent.cycles[i] -= before.cycles[i];
    spent.packets -= before.packets;
    return spent;
}

void Stages::add(const Stages& other)
{
    for (size_t i = 0; i < cycles.size(); i++)
        cycles[i] += other.cycles[i];
    packets += other.packets;
}

double Stages::per_packet(Stage stage) const
{
    return packets == 0 ? 0 : static_cast<double>(cycles[static_cast<size_t>(stage)]) / static_cast<double>(packets);
}

void Window::add_turn(uint64_t cycles)
{
    turns_.push_back(cycles);
    sum_ += cycles;
}

void Window::add_timed(const Stages& stages)
{
    timed_.push_back({turns_.size() - 1, stages});
}

void Window::close(uint64_t wall_cycles)
{
    wall_cycles_ = wall_cycles;
    if (turns_.empty())
        return;
    std::vector<uint64_t> sorted = turns_;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    const uint64_t limit = *middle * kInterrupted;
    uint64_t kept = 0, cycles = 0;
    for (const uint64_t turn : turns_) {
        if (turn > limit)
            continue;
        kept++;
        cycles += turn;
    }
    per_packet_ = static_cast<double>(cycles) / (static_cast<double>(kept) * burst_);
    interrupted_share_ = 1 - static_cast<double>(kept) / static_cast<double>(turns_.size());
    for (const Timed& timed : timed_)
        if (turns_[timed.turn] <= limit)
            stages_.add(timed.stages);
}

double Window::own() const
{
    return per_packet_ - stages_.per_packet(Stage::kRx) - stages_.per_packet(Stage::kTx);
}

double Window::wall_per_packet() const
{
    return static_cast<double>(wall_cycles_) / (static_cast<double>(turns_.size()) * burst_);
}

Figure Figure::of(std::vector<double> values)
{
    if (values.empty())
        return {};
    std::sort(values.begin(), values.end());
    const auto at = [&](double part) {
        return values[static_cast<size_t>(part * static_cast<double>(values.size() - 1) + 0.5)];
    };
    Figure figure{values.front(), at(0.5), 0};
    if (figure.median > 0)
        figure.spread = (at(0.75) - at(0.25)) / figure.median;
    return figure;
}

}  // namespace ipsecgw::bench
