// One poll-mode worker: its lcore's whole life.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/result.h"
#include "esp/drop_sink.h"
#include "telemetry/counter.h"
#include "worker/dataplane.h"

struct rte_mbuf;

namespace ipsecgw::worker {

struct Context;
class Tap;

/// Written by the worker, read by control.
struct PortCounters {
    telemetry::Counter rx_packets, rx_bytes, tx_packets, tx_bytes;
};

struct WorkerCounters {
    std::vector<PortCounters> ports;     // [PortView::index]
    telemetry::Counter turns;            // poll loop iterations
    telemetry::Counter idle_turns;       // of these, without a packet
    telemetry::Counter busy_cycles;      // TSC cycles of turns with packets
    telemetry::Counter handed_over_out;  // ESP packets given to their owner, fragments
    telemetry::Counter handed_over_in;
    telemetry::Counter icmp_sent;
    telemetry::Counter reassembled;  // packets for the gateway, out of fragments
    telemetry::Counter in_crypto_devices;  // packets that look-aside devices have now
};

/// Polls its queues, opens, seals, forwards. Never blocks (but for the idle sleep), allocates or logs.
///
/// Threads: create, link and destroy by main before and after the run; turn() or run() by one lcore; stop() and the
/// counters by any; inject() by control.
///
/// Memory order: what main and control set up before the threads start is theirs to see by the start itself. Packets come
/// and go by rings (dpdk::Ring). stop() is relaxed: it says only "no more turns"; who then joins the thread sees the rest.
class Worker {
  public:
    /// `data` outlives the worker.
    static base::Result<std::unique_ptr<Worker>> create(const DataPlane& data, uint16_t index, int socket);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Packets that can wait in one worker's rings, in look-aside devices and for their other fragments, for sizing the
    /// pool.
    static uint32_t queued_packets(size_t look_aside_devices, uint32_t reassembly) noexcept;

    /// Tells each worker its peers, for hand-over. Once, before any runs.
    static void link(std::span<const std::unique_ptr<Worker>> workers);

    /// One turn of the loop: poll every queue and ring once, process, transmit. Returns packets taken in; not 0 either
    /// while a crypto device still has some. For tests and run(). Reports a quiescent state when idle and every 256 turns.
    uint32_t turn() noexcept;
    /// Turns until stop(); goes QSBR-online and offline by itself, and sends what is queued before it returns.
    void run() noexcept;
    void stop() noexcept;

    /// Lets a tap see packets from the next turn on; null: none. Threads: control. The tap that is taken out of use may
    /// be freed a grace period later.
    void watch(Tap* tap) noexcept;

    /// A complete Ethernet frame to transmit on PacketInfo::out_port. False when the ring is full; the caller keeps it.
    bool inject(rte_mbuf* frame) noexcept;
    /// Frames that inject() would still take.
    [[nodiscard]] uint32_t inject_room() const noexcept;

    [[nodiscard]] uint16_t index() const noexcept;
    [[nodiscard]] const WorkerCounters& counters() const noexcept;
    [[nodiscard]] const esp::DropSink& drops() const noexcept;
    /// Where the time of its turns goes.
    [[nodiscard]] const esp::StageClock& stages() const noexcept { return drops().clock; }

  private:
    explicit Worker(std::unique_ptr<Context> context);
    std::unique_ptr<Context> context_;
};

}  // namespace ipsecgw::worker
