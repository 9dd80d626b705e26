// Look-aside devices as an operator names them, and their queue pairs at the limit.
#include "esp/look_aside.h"

#include <rte_bus_vdev.h>
#include <rte_cryptodev.h>

#include "base/text.h"
#include "unit/esp/sa_pair.h"

namespace ipsecgw::test {
namespace {

using telemetry::Drop;

/// A device of the openssl driver, which every DPDK has.
class Device {
  public:
    explicit Device(const char* name, const char* arguments = "") : name_(name)
    {
        EXPECT_EQ(rte_vdev_init(name, arguments), 0);
    }
    ~Device() { rte_vdev_uninit(name_); }
    Device(const Device&) = delete;
    Device& operator=(const Device&) = delete;

  private:
    const char* name_;
};

esp::Engines::Options naming(std::vector<std::string> devices, uint16_t workers = 1)
{
    return {.workers = workers, .max_sas = 8, .cpu_crypto = false, .look_aside = std::move(devices)};
}

base::Error error_of(const esp::Engines::Options& options)
{
    const auto made = esp::Engines::create(options);
    return made ? base::Error{base::ErrorCode::kInternal, "no error", ""} : made.error();
}

TEST(LookAsideDevice, MustBeThere)
{
    const Device device("crypto_openssl_here");
    const auto error = error_of(naming({"crypto_qat0"}));
    EXPECT_EQ(error.code, base::ErrorCode::kNotFound);
    EXPECT_EQ(error.what, "lookaside: there is no crypto device crypto_qat0");
    EXPECT_TRUE(error.hint.starts_with("crypto devices of this process: ")) << error.hint;
    EXPECT_NE(error.hint.find("crypto_openssl_here"), std::string::npos) << error.hint;
}

TEST(LookAsideDevice, NeedsAQueuePairForEachWorker)
{
    const Device device("crypto_openssl_small", "max_nb_queue_pairs=2");
    const auto error = error_of(naming({"crypto_openssl_small"}, 3));
    EXPECT_EQ(error.code, base::ErrorCode::kUnsupported);
    EXPECT_EQ(error.what, "lookaside: crypto_openssl_small has 2 queue pairs for 3 workers");
    EXPECT_EQ(error_of(naming({"crypto_openssl_small"}, 2)).what, "no error");
}

TEST(LookAsideDevice, BelongsToOneGateway)
{
    const Device device("crypto_openssl_mine");
    const auto first = esp::Engines::create(naming({"crypto_openssl_mine"}));
    ASSERT_TRUE(first);
    const auto error = error_of(naming({"crypto_openssl_mine"}));
    EXPECT_EQ(error.code, base::ErrorCode::kUnavailable);
    EXPECT_EQ(error.what, "lookaside: crypto_openssl_mine is in use already");
}

TEST(LookAsideDevice, IsAskedForWhatItDoesAndSaysWhatItDoesNot)
{
    const Device device("crypto_openssl_ask");
    const auto made = esp::Engines::create(naming({"crypto_openssl_ask"}));
    ASSERT_TRUE(made);
    const esp::Engines& all = **made;
    EXPECT_EQ(*all.look_aside_for(suite("aes128gcm16")), "crypto_openssl_ask");
    const auto refused = all.look_aside_for(suite("chacha20poly1305"));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "crypto_openssl_ask does not do chacha20poly1305");
    const auto info = all.list().back();
    EXPECT_EQ(info.name, "crypto_openssl_ask");
    EXPECT_TRUE(info.usable);
    EXPECT_TRUE(info.reason.starts_with("look-aside, driver crypto_openssl, 1 queue pair, ")) << info.reason;
    EXPECT_EQ(info.reason.find("self test failed"), std::string::npos) << info.reason;
}

TEST(LookAsideDevice, SharesSasWithItsKind)
{
    const Device one("crypto_openssl_one"), two("crypto_openssl_two");
    const auto made = esp::Engines::create(naming({"crypto_openssl_one", "crypto_openssl_two"}));
    ASSERT_TRUE(made);
    const auto params = outbound_params(suite("aes128gcm16"));
    std::vector<sa::OutboundSaPtr> sas;
    for (int i = 0; i < 4; i++)
        sas.push_back(esp::build_outbound(params, 1, **made, -1, sa::OffloadKind::kLookAside).value().sa);
    EXPECT_STREQ(sas[0]->cipher(0)->engine, "crypto_openssl_one");
    EXPECT_STREQ(sas[1]->cipher(0)->engine, "crypto_openssl_two");
    EXPECT_STREQ(sas[2]->cipher(0)->engine, "crypto_openssl_one");
    EXPECT_STREQ(sas[3]->cipher(0)->engine, "crypto_openssl_two");
}

class LookAside : public EspTest {
  protected:
    const Device device_{"crypto_openssl_full"};
    const std::unique_ptr<esp::Engines> engines_ = esp::Engines::create(naming({"crypto_openssl_full"})).value();
    const std::unique_ptr<esp::LookAside> queues_ = engines_->look_aside_of(0).value();
    const model::SaParams params_ = outbound_params(suite("aes128gcm16"));

    /// Everything that is in the device, as it leaves.
    std::vector<Bytes> take_all()
    {
        std::vector<Bytes> out;
        esp::Ciphered group;
        while (queues_->take(group, drops_)) {
            for (uint16_t i = 0; i < group.kept; i++) {
                out.push_back(bytes(group.packets[i]));
                rte_pktmbuf_free(group.packets[i]);
            }
            queues_->release(group);
        }
        return out;
    }
};

TEST_F(LookAside, DropsWithAReasonWhatADeviceHasNoRoomFor)
{
    const auto out = esp::build_outbound(params_, 1, *engines_, -1, sa::OffloadKind::kLookAside).value().sa;
    for (int round = 0; round < 3; round++) {
        for (uint32_t given = 0; given < esp::kLookAsidePackets + 64; given += 32) {
            std::vector<rte_mbuf*> burst;
            for (int i = 0; i < 32; i++)
                burst.push_back(mbuf(make_packet({})));
            queues_->seal(*out, burst, drops_);
            queues_->flush(drops_);
        }
        EXPECT_EQ(queues_->in_flight(), esp::kLookAsidePackets);
        EXPECT_FALSE(out->is_idle());
        EXPECT_EQ(dropped(Drop::kCryptoFull), 64u * (round + 1));
        EXPECT_EQ(take_all().size(), esp::kLookAsidePackets);
        EXPECT_EQ(queues_->in_flight(), 0u);
        EXPECT_TRUE(out->is_idle());
    }
    EXPECT_EQ(out->counters(0).packets.get(), 3 * esp::kLookAsidePackets);
    EXPECT_EQ(out->drops.get(Drop::kCryptoFull), 3 * 64u);
    EXPECT_EQ(out->next_sequence.load(), 3 * esp::kLookAsidePackets + 1) << "no gaps for what was dropped";
}

TEST_F(LookAside, AForgedPacketTakesNoOtherWithIt)
{
    const auto out = esp::build_outbound(params_, 1, *engines_, -1, sa::OffloadKind::kLookAside).value().sa;
    const auto in = esp::build_inbound(mirrored(params_), 0, *engines_, -1, sa::OffloadKind::kLookAside).value().sa;
    std::vector<rte_mbuf*> burst;
    for (int i = 0; i < 10; i++)
        burst.push_back(mbuf(make_packet({})));
    queues_->seal(*out, burst, drops_);
    queues_->flush(drops_);
    auto sealed = take_all();
    ASSERT_EQ(sealed.size(), 10u);
    sealed[4][40] ^= 1;
    burst.clear();
    for (const auto& packet : sealed)
        burst.push_back(mbuf(packet));
    queues_->open(*in, burst, drops_);
    queues_->flush(drops_);
    EXPECT_EQ(take_all(), std::vector<Bytes>(9, make_packet({})));
    EXPECT_EQ(dropped(Drop::kAuth), 1u);
    EXPECT_EQ(dropped(), 1u);
}

}  // namespace
}  // namespace ipsecgw::test
