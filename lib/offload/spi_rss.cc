#include "offload/spi_rss.h"

#include <algorithm>
#include <array>
#include <utility>

#include <rte_thash.h>

#include "base/byte_order.h"

namespace ipsecgw::offload {

namespace {

inline constexpr uint32_t kFirstSpi = 256;  // 1 to 255 are reserved (RFC 4303 section 2.1)

}  // namespace

SpiRss::SpiRss(std::vector<uint8_t> key, std::vector<uint16_t> table, uint16_t workers)
    : key_(std::move(key)), table_(std::move(table)), workers_(workers)
{
}

uint16_t SpiRss::queue_of(const net::IpAddress& source, const net::IpAddress& destination, uint32_t spi) const noexcept
{
    std::array<uint32_t, 9> words;  // NOLINT(cppcoreguidelines-pro-type-member-init)
    uint32_t count = 0;
    for (const net::IpAddress* address : {&source, &destination})
        for (size_t at = 0; at < address->bytes().size(); at += 4)
            words[count++] = base::load_be32(address->data() + at);
    words[count++] = spi;
    return table_[rte_softrss(words.data(), count, key_.data()) % table_.size()];
}

uint16_t SpiRss::worker_of(const net::IpAddress& source, const net::IpAddress& destination, uint32_t spi) const noexcept
{
    return static_cast<uint16_t>(queue_of(source, destination, spi) % workers_);
}

bool SpiRss::reaches(uint16_t worker) const noexcept
{
    return std::any_of(table_.begin(), table_.end(), [&](uint16_t queue) { return queue % workers_ == worker; });
}

std::optional<uint32_t> SpiRss::choose(const net::IpAddress& source, const net::IpAddress& destination, uint16_t worker,
                                       const std::function<uint32_t()>& random, const std::function<bool(uint32_t)>& is_free,
                                       uint32_t tries) const
{
    for (; tries != 0; tries--) {
        const uint32_t spi = random();
        if (spi >= kFirstSpi && worker_of(source, destination, spi) == worker && is_free(spi))
            return spi;
    }
    return std::nullopt;
}

}  // namespace ipsecgw::offload
