// What a responder spends on peers that have not proved anything yet: limits and cookies (RFC 7296 section 2.6).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "ike/effects.h"
#include "ike/engine.h"
#include "ike/host.h"
#include "net/address.h"

namespace ipsecgw::ike {

/// Counts half-open IKE SAs, and makes cookies that need no memory.
class HalfOpen {
  public:
    enum class Verdict : uint8_t { kAccept, kWantCookie, kDrop };

    HalfOpen(const EngineOptions& options, Host& host) : options_(options), host_(host) {}

    /// What to do with an IKE_SA_INIT request; `has_cookie`: it brought a valid one.
    enum class Cookie : uint8_t { kNone, kValid };
    [[nodiscard]] Verdict judge(const net::IpAddress& remote, Cookie cookie) const;

    void add(const net::IpAddress& remote);
    void remove(const net::IpAddress& remote);
    [[nodiscard]] uint32_t count() const noexcept { return count_; }

    /// What a cookie is bound to.
    struct Origin {
        Endpoint remote;
        uint64_t spi_i = 0;
        std::span<const uint8_t> nonce_i;
    };
    /// A cookie for this origin, 25 bytes; empty: the host has no random bytes.
    [[nodiscard]] std::vector<uint8_t> make_cookie(const Origin& origin, uint64_t now_ns);
    /// `cookie` was made for this origin not long ago. Constant time.
    [[nodiscard]] bool is_valid(std::span<const uint8_t> cookie, const Origin& origin, uint64_t now_ns) const;

  private:
    struct Secret {
        uint64_t since_ns = 0;
        uint8_t version = 0;
        bool is_set = false;
        std::array<uint8_t, 32> bytes{};
    };
    [[nodiscard]] static std::vector<uint8_t> compute(const Secret& secret, const Origin& origin);
    bool renew_secret(uint64_t now_ns);

    const EngineOptions& options_;
    Host& host_;
    uint32_t count_ = 0;
    std::map<net::IpAddress, uint32_t> by_address_;
    Secret current_, previous_;
};

}  // namespace ipsecgw::ike
