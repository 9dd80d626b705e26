#include "unit/esp/sa_pair.h"

#include <algorithm>
#include <array>
#include <ostream>
#include <stdexcept>

#include <rte_bus_vdev.h>

#include "base/byte_order.h"
#include "sa/cipher_context.h"

namespace ipsecgw::telemetry {
void PrintTo(Drop reason, std::ostream* out)
{
    *out << (reason == Drop::kCount ? "kept" : std::string(drop_name(reason)));
}
}  // namespace ipsecgw::telemetry

namespace ipsecgw::test {
namespace {

template <class T>
T take(base::Result<T> result)
{
    if (!result)
        throw std::runtime_error(result.error().what);
    return std::move(result).value();
}

net::IpAddress address(const char* text)
{
    return take(net::IpAddress::parse(text));
}

/// Lets go of the crypto devices while EAL is still there.
struct EngineHolder : testing::Environment {
    static inline std::unique_ptr<esp::Engines> made;
    static inline std::unique_ptr<esp::LookAside> queues;  // look-aside: worker 0's
    static inline std::string device;
    void TearDown() override
    {
        queues.reset();
        made.reset();
        if (!device.empty())
            rte_vdev_uninit(device.c_str());
    }
};
[[maybe_unused]] const auto* const kHolder = testing::AddGlobalTestEnvironment(new EngineHolder);

/// Inline kinds need a port, which there is none here.
sa::OffloadKind esp_kind()
{
    return kind() == sa::OffloadKind::kLookAside ? kind() : sa::OffloadKind::kSoftware;
}

void make_engines()
{
    esp::Engines::Options options{.workers = 4};
    if (esp_kind() == sa::OffloadKind::kLookAside) {
        EngineHolder::device = look_aside_driver() + "_esp";
        if (rte_vdev_init(EngineHolder::device.c_str(), "max_nb_queue_pairs=4") != 0)
            throw std::runtime_error("no crypto device " + EngineHolder::device);
        options.look_aside = {EngineHolder::device};
    }
    EngineHolder::made = take(esp::Engines::create(options));
    EngineHolder::queues = take(EngineHolder::made->look_aside_of(0));
}

/// Waits for what the device was given; the survivors to the front of `burst`.
uint16_t take_back(std::span<rte_mbuf*> burst, esp::DropSink& drops)
{
    uint16_t kept = 0;
    EngineHolder::queues->flush(drops);
    while (EngineHolder::queues->in_flight() != 0) {
        esp::Ciphered group;
        if (!EngineHolder::queues->take(group, drops))
            continue;
        std::copy_n(group.packets.begin(), group.kept, burst.begin() + kept);
        kept = static_cast<uint16_t>(kept + group.kept);
        EngineHolder::queues->release(group);
    }
    return kept;
}

void append(Bytes& out, std::span<const uint8_t> bytes)
{
    out.insert(out.end(), bytes.begin(), bytes.end());
}

/// Outer headers of the SA, for `behind` bytes after them.
Bytes outer_header(const model::SaParams& params, size_t behind)
{
    const Ip ip{.source = params.local.to_string(), .destination = params.remote.to_string(), .dont_fragment = false};
    Bytes text(behind);
    if (params.udp) {
        const auto word = [](size_t value) { return Bytes{static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)}; };
        text = concat(concat(word(params.udp->local_port), word(params.udp->remote_port)),
                      concat(concat(word(8 + behind), word(0)), text));
    }
    const Bytes packet = ip_packet(ip, params.udp ? 17 : 50, text);
    return {packet.begin(), packet.end() - static_cast<ptrdiff_t>(behind)};
}

}  // namespace

esp::Engines& engines()
{
    if (!EngineHolder::made)
        make_engines();
    return *EngineHolder::made;
}

uint16_t seal_all(sa::OutboundSa& sa, std::span<rte_mbuf*> burst, esp::DropSink& drops)
{
    if (sa.kind != sa::OffloadKind::kLookAside)
        return esp::seal_burst(sa, 0, burst, drops);
    EngineHolder::queues->seal(sa, burst, drops);
    return take_back(burst, drops);
}

uint16_t open_all(sa::InboundSa& sa, std::span<rte_mbuf*> burst, esp::DropSink& drops)
{
    if (sa.kind != sa::OffloadKind::kLookAside)
        return esp::open_burst(sa, burst, drops);
    EngineHolder::queues->open(sa, burst, drops);
    return take_back(burst, drops);
}

model::EspSuite suite(const char* proposal)
{
    return take(model::parse_esp_suite(proposal));
}

model::SaParams outbound_params(const model::EspSuite& suite, Family outer)
{
    model::SaParams params;
    params.name = "test-out";
    params.spi = kSpi;
    params.suite = suite;
    params.local = address(outer == Family::kIpv4 ? "192.0.2.1" : "2001:db8:f::1");
    params.remote = address(outer == Family::kIpv4 ? "198.51.100.7" : "2001:db8:e::7");
    params.keymat = base::SecretBytes(suite.layout().keymat_bytes());
    uint8_t next = 0x31;
    for (uint8_t& byte : params.keymat.mutable_view())
        byte = next = static_cast<uint8_t>(next * 5 + 3);
    return params;
}

model::SaParams mirrored(const model::SaParams& outbound)
{
    model::SaParams in = outbound.clone();
    in.name = "test-in";
    in.direction = model::Direction::kInbound;
    std::swap(in.local, in.remote);
    if (in.udp)
        std::swap(in.udp->local_port, in.udp->remote_port);
    in.tunnel = {};
    in.tunnel.ecn = outbound.tunnel.ecn;
    in.tfc_pad_to = 0;
    in.lifetime = {};
    in.first_sequence = 1;
    return in;
}

Bytes host_packet(const model::SaParams& outbound, PacketSpec spec)
{
    spec.family = outbound.local.is_v4() ? Family::kIpv4 : Family::kIpv6;
    spec.source = outbound.local.to_string();
    spec.destination = outbound.remote.to_string();
    return make_packet(spec);
}

esp::BuiltOutbound build_out(const model::SaParams& params, uint16_t workers)
{
    return take(esp::build_outbound(params, workers, engines(), -1, esp_kind()));
}

esp::BuiltInbound build_in(const model::SaParams& params)
{
    return take(esp::build_inbound(params, 0, engines(), -1, esp_kind()));
}

SaPair::SaPair(const model::SaParams& outbound) : SaPair(outbound, mirrored(outbound)) {}

SaPair::SaPair(const model::SaParams& outbound, const model::SaParams& inbound)
    : out(std::move(build_out(outbound).sa)), in(std::move(build_in(inbound).sa))
{
}

Forge::Forge(const model::SaParams& outbound)
    : params_(outbound.clone()),
      layout_(outbound.suite.layout()),
      cipher_(take(engines().key(outbound.suite, outbound.keymat.view(), outbound.esn, model::Direction::kOutbound,
                                 model::EngineChoice::kOpenssl))
                  .context)
{
}

Bytes Forge::seal(const Forged& forged)
{
    Bytes esp(8 + layout_.iv_bytes);
    base::store_be32(esp.data(), params_.spi);
    base::store_be32(esp.data() + 4, static_cast<uint32_t>(forged.sequence));
    if (layout_.iv_bytes == 8)
        base::store_be64(esp.data() + 8, 0x5eed0000'00000000 + forged.sequence);
    append(esp, forged.payload);
    append(esp, forged.padding);
    esp.push_back(forged.pad_length.value_or(static_cast<uint8_t>(forged.padding.size())));
    esp.push_back(forged.next_header);
    const size_t text = esp.size() - 8 - layout_.iv_bytes;
    esp.resize(esp.size() + layout_.icv_bytes);
    const sa::EspText job = {esp.data(), static_cast<uint32_t>(text),
                             params_.esn ? static_cast<uint32_t>(forged.sequence >> 32) : 0};
    if (cipher_->seal(*cipher_, {&job, 1}) != 1)
        throw std::runtime_error("the engine did not seal");
    Bytes out = forged.outer.empty() ? outer_header(params_, esp.size()) : forged.outer;
    append(out, esp);
    return out;
}

Bytes Forge::seal_padded(Forged forged)
{
    forged.padding.clear();
    while ((forged.payload.size() + forged.padding.size() + 2) % layout_.align_bytes != 0)
        forged.padding.push_back(static_cast<uint8_t>(forged.padding.size() + 1));
    return seal(forged);
}

std::vector<Bytes> EspTest::seal(sa::OutboundSa& sa, const std::vector<Bytes>& packets, size_t extension_bytes)
{
    std::vector<Bytes> out;
    for (size_t done = 0; done < packets.size(); done += sa::kMaxBurst) {
        std::vector<rte_mbuf*> burst;
        for (size_t i = done; i < std::min<size_t>(packets.size(), done + sa::kMaxBurst); ++i) {
            burst.push_back(mbuf(packets[i]));
            const size_t header = (packets[i][0] >> 4 == 4 ? 20 : 40) + extension_bytes;
            burst.back()->l3_len = header & 0x1ff;
        }
        const uint16_t kept = seal_all(sa, burst, drops_);
        for (uint16_t i = 0; i < kept; ++i) {
            out.push_back(bytes(burst[i]));
            rte_pktmbuf_free(burst[i]);
        }
    }
    return out;
}

std::vector<Bytes> EspTest::open(sa::InboundSa& sa, const std::vector<Bytes>& packets, size_t extension_bytes)
{
    std::vector<Bytes> out;
    for (size_t done = 0; done < packets.size(); done += sa::kMaxBurst) {
        std::vector<rte_mbuf*> burst;
        for (size_t i = done; i < std::min<size_t>(packets.size(), done + sa::kMaxBurst); ++i)
            burst.push_back(mbuf(packets[i], extension_bytes));
        const uint16_t kept = open_all(sa, burst, drops_);
        for (uint16_t i = 0; i < kept; ++i) {
            out.push_back(bytes(burst[i]));
            rte_pktmbuf_free(burst[i]);
        }
    }
    return out;
}

telemetry::Drop EspTest::refusal(sa::InboundSa& sa, const Bytes& packet)
{
    std::array<uint64_t, telemetry::kDropCount> before;
    for (size_t i = 0; i < before.size(); ++i)
        before[i] = drops_.count(static_cast<telemetry::Drop>(i));
    const auto kept = open(sa, {packet});
    for (size_t i = 0; i < before.size(); ++i)
        if (drops_.count(static_cast<telemetry::Drop>(i)) != before[i]) {
            EXPECT_TRUE(kept.empty());
            return static_cast<telemetry::Drop>(i);
        }
    EXPECT_EQ(kept.size(), 1u);
    return telemetry::Drop::kCount;
}

}  // namespace ipsecgw::test
