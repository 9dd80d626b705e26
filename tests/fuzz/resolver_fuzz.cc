// Frames from the wire, packets that need next hops and time, in any order: each packet comes back once, and what is learnt can be a host.
#include <cstdint>
#include <cstdlib>
#include <set>
#include <span>

#include "route/resolver.h"

namespace {

using namespace ipsecgw;

constexpr uint16_t kPort = 1;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

struct Run {
    route::Resolver resolver{{{kPort,
                               {{0x02, 0, 0x5e, 0x10, 0, 1}},
                               {net::Prefix::parse("192.0.2.1/24").value(), net::Prefix::parse("2001:db8:1::1/64").value()}}}};
    std::set<uint64_t> out;  // packets not back yet
    uint64_t packets = 0;
    uint64_t now_ns = 0;

    void check(const route::Effects& effects)
    {
        for (const auto& released : effects.release)
            require(out.erase(released.packet) == 1 && !released.mac.is_multicast());
        for (const uint64_t packet : effects.give_up)
            require(out.erase(packet) == 1);
        for (const auto& frame : effects.send)
            require(frame.port == kPort && frame.bytes.size() >= 60);
    }
    void resolve(std::span<const uint8_t> address)
    {
        out.insert(++packets);
        check(resolver.resolve(kPort, address.size() < 16 ? net::IpAddress::v4(address.data()) : net::IpAddress::v6(address.data()),
                               packets, now_ns));
    }
};

}  // namespace

/// Steps of {kind and length, bytes}.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    Run run;
    std::span<const uint8_t> rest(data, size);
    while (!rest.empty()) {
        const size_t length = std::min<size_t>(rest[0] & 0x7f, rest.size() - 1);
        const auto bytes = rest.subspan(1, length);
        if ((rest[0] & 0x80) == 0)
            run.check(run.resolver.receive(kPort, bytes, run.now_ns));
        else if (length == 4 || length == 16)
            run.resolve(bytes);
        else
            run.check(run.resolver.tick(run.now_ns += uint64_t{length} * 100'000'000));
        rest = rest.subspan(1 + length);
    }
    for (const auto& row : run.resolver.list(run.now_ns))
        require(row.state == route::NeighbourState::kIncomplete || !row.entry.mac.is_multicast());
    for (int i = 0; i < 12; i++)
        run.check(run.resolver.tick(run.now_ns += 40'000'000'000));
    require(run.out.empty());
    return 0;
}
