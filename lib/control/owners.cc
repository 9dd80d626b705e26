#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "base/text.h"
#include "control/owners_internal.h"
#include "crypto/random.h"

namespace ipsecgw::control {
namespace {

using base::Error;
using base::ErrorCode;

constexpr uint32_t kFirstSpi = 256;  // 1 to 255 are reserved (RFC 4303 section 2.1)
constexpr int kTries = 4096;

/// 0, which is no SPI, without entropy.
uint32_t random_spi()
{
    std::array<uint8_t, sizeof(uint32_t)> bytes;
    uint32_t spi = 0;
    if (crypto::random_bytes(bytes))
        std::memcpy(&spi, bytes.data(), sizeof spi);
    return spi;
}

}  // namespace

const worker::PortView* port_of(const worker::DataPlane& data, model::Direction direction, const net::IpAddress& local,
                                const net::IpAddress& remote)
{
    if (direction == model::Direction::kInbound)
        for (const auto& port : data.ports)
            for (const auto& address : port.addresses)
                if (address.address == local)
                    return &port;
    const route::NextHop* next_hop = data.tables->fib().lookup(remote);
    return next_hop != nullptr && next_hop->port < data.ports.size() ? &data.ports[next_hop->port] : nullptr;
}

const offload::SpiRss* Owners::rss_for(const net::IpAddress& local, const net::IpAddress& remote) const
{
    const worker::PortView* port = port_of(parts_.data, model::Direction::kInbound, local, remote);
    return port == nullptr || parts_.steering == nullptr ? nullptr : parts_.steering->rss(port->port_id);
}

std::optional<uint16_t> Owners::rss_queue(const model::SaParams& params) const
{
    const offload::SpiRss* rss = params.udp ? nullptr : rss_for(params.local, params.remote);
    if (rss == nullptr)
        return std::nullopt;
    return rss->queue_of(params.remote, params.local, params.spi);
}

uint16_t Owners::least_loaded(const offload::SpiRss* rss) const
{
    std::vector<uint16_t> workers(owned_.size());
    std::iota(workers.begin(), workers.end(), uint16_t{0});
    if (rss != nullptr)
        std::erase_if(workers, [&](uint16_t worker) { return !rss->reaches(worker); });
    return *std::min_element(workers.begin(), workers.end(), [&](uint16_t a, uint16_t b) {
        return owned_[a] + reserved_[a] < owned_[b] + reserved_[b];
    });
}

bool Owners::is_free(uint32_t spi) const
{
    return parts_.sad.find(spi) == nullptr && !reservations_.contains(spi);
}

base::Result<uint32_t> Owners::any_spi() const
{
    for (int i = 0; i < kTries; i++)
        if (const uint32_t spi = random_spi(); spi >= kFirstSpi && is_free(spi))
            return spi;
    return Error{ErrorCode::kUnavailable, "no random SPI",
                 "the system's entropy source does not answer: check /dev/urandom"};
}

base::Result<ReservedSpi> Owners::reserve(const SpiRequest& request)
{
    if (parts_.sad.inbound_count() + reservations_.size() >= parts_.sad.capacity())
        return Error{ErrorCode::kResourceExhausted,
                     base::format("no SPI: %u inbound SAs and %zu reservations fill the SAD",
                                  parts_.sad.inbound_count(), reservations_.size()),
                     "raise gateway.max_sas"};
    if (request.worker && *request.worker >= owned_.size())
        return Error{ErrorCode::kInvalidArgument, base::format("there is no worker %u", *request.worker),
                     base::format("this gateway has %zu, counted from 0", owned_.size())};
    const offload::SpiRss* rss = request.udp_encapsulated ? nullptr : rss_for(request.local, request.remote);
    ReservedSpi reserved;
    reserved.worker = request.worker ? *request.worker : least_loaded(rss);
    std::optional<uint32_t> spi;
    if (rss != nullptr && rss->reaches(reserved.worker))
        spi = rss->choose(request.remote, request.local, reserved.worker, random_spi,
                          [this](uint32_t candidate) { return is_free(candidate); });
    reserved.spi = spi ? *spi : GW_TRY(any_spi());
    reservations_.emplace(reserved.spi, reserved.worker);
    reserved_[reserved.worker]++;
    return reserved;
}

void Owners::release(uint32_t spi)
{
    const auto at = reservations_.find(spi);
    if (at == reservations_.end())
        return;
    reserved_[at->second]--;
    reservations_.erase(at);
}

uint16_t Owners::choose(const model::SaParams& params) const
{
    if (params.worker)
        return *params.worker;
    if (const auto queue = rss_queue(params))
        return static_cast<uint16_t>(*queue % owned_.size());
    if (const auto at = reservations_.find(params.spi); at != reservations_.end())
        return at->second;
    return least_loaded(nullptr);
}

}  // namespace ipsecgw::control
