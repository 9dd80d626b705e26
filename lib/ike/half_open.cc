#include "ike/half_open.h"

#include "base/byte_writer.h"
#include "base/clock.h"
#include "base/secret_bytes.h"
#include "crypto/hmac.h"

namespace ipsecgw::ike {
namespace {

constexpr size_t kMacBytes = 24;
/// A secret makes cookies for so long, and is believed for as long again: round trips are short.
constexpr uint64_t kSecretNs = 60 * base::kNsPerSecond;

}  // namespace

HalfOpen::Verdict HalfOpen::judge(const net::IpAddress& remote, Cookie cookie) const
{
    const auto of_address = by_address_.find(remote);
    if (count_ >= options_.max_half_open ||
        (of_address != by_address_.end() && of_address->second >= options_.half_open_per_address))
        return Verdict::kDrop;
    return count_ >= options_.cookie_threshold && cookie == Cookie::kNone ? Verdict::kWantCookie : Verdict::kAccept;
}

void HalfOpen::add(const net::IpAddress& remote)
{
    count_++;
    by_address_[remote]++;
}

void HalfOpen::remove(const net::IpAddress& remote)
{
    const auto of_address = by_address_.find(remote);
    if (of_address == by_address_.end())
        return;
    count_--;
    if (--of_address->second == 0)
        by_address_.erase(of_address);
}

bool HalfOpen::renew_secret(uint64_t now_ns)
{
    if (current_.is_set && now_ns - current_.since_ns < kSecretNs)
        return true;
    Secret next;
    next.since_ns = now_ns;
    next.version = static_cast<uint8_t>(current_.version + 1);
    next.is_set = host_.random(next.bytes);
    if (!next.is_set)
        return false;
    previous_ = current_;
    current_ = next;
    return true;
}

std::vector<uint8_t> HalfOpen::compute(const Secret& secret, const Origin& origin)
{
    base::ByteWriter input;
    input.bytes(origin.nonce_i);
    input.bytes(origin.remote.address.bytes());
    input.u16(origin.remote.port);
    input.u64(origin.spi_i);
    std::vector<uint8_t> cookie(1 + kMacBytes);
    cookie[0] = secret.version;
    crypto::Hmac(crypto::Hash::kSha256, secret.bytes).compute(input.view(), {}, std::span(cookie).subspan(1));
    return cookie;
}

std::vector<uint8_t> HalfOpen::make_cookie(const Origin& origin, uint64_t now_ns)
{
    if (!renew_secret(now_ns))
        return {};
    return compute(current_, origin);
}

bool HalfOpen::is_valid(std::span<const uint8_t> cookie, const Origin& origin, uint64_t now_ns) const
{
    for (const Secret* secret : {&current_, &previous_})
        if (secret->is_set && now_ns - secret->since_ns < 2 * kSecretNs &&
            base::equal_constant_time(cookie, compute(*secret, origin)))
            return true;
    return false;
}

}  // namespace ipsecgw::ike
