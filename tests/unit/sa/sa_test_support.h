// What the sa tests share.
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "dpdk/qsbr.h"
#include "sa/inbound_sa.h"
#include "sa/outbound_sa.h"

namespace ipsecgw::sa::test {

/// A context without cryptography that counts its end.
struct CountedCipher : CipherContext {
    int* destroyed = nullptr;

    static CipherContextPtr make(int* destroyed)
    {
        auto* cipher = new CountedCipher;
        cipher->destroyed = destroyed;
        cipher->engine = "counted";
        cipher->destroy = [](CipherContext* context) noexcept {
            auto* self = static_cast<CountedCipher*>(context);
            ++*self->destroyed;
            delete self;
        };
        return CipherContextPtr(cipher);
    }
};

inline InboundSaPtr inbound(uint32_t spi)
{
    InboundSaPtr sa = std::move(allocate_inbound(64, false, -1)).value();
    sa->spi = spi;
    return sa;
}

inline OutboundSaPtr outbound(uint32_t spi)
{
    static int destroyed;
    CipherContextPtr cipher = CountedCipher::make(&destroyed);
    OutboundSaPtr sa = std::move(allocate_outbound({&cipher, 1}, 1, -1)).value();
    sa->spi = spi;
    return sa;
}

/// A Qsbr with reader 0 online, so that tests decide when a grace period ends.
class Reader : public testing::Test {
 protected:
    Reader() { qsbr_->online(0); }
    ~Reader() override { qsbr_->offline(0); }

    std::unique_ptr<dpdk::Qsbr> qsbr_ = std::move(dpdk::Qsbr::create(4)).value();
    dpdk::Reclaimer reclaimer_{*qsbr_};
};

}  // namespace ipsecgw::sa::test
