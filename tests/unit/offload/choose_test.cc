// The table of hw_offload: what is asked, what the port answers, what comes out. The provider is a fake: no EAL.
#include "offload/choose.h"

#include <gtest/gtest.h>

namespace ipsecgw::offload {
namespace {

using model::HwOffload;
using sa::OffloadKind;

class FakeInstalled final : public Installed {
 public:
    base::Result<void> activate() override { return {}; }
    void deactivate() noexcept override {}
    [[nodiscard]] PortSession session() const noexcept override { return {}; }
    [[nodiscard]] std::string steering() const override { return ""; }
    [[nodiscard]] base::Result<dpdk::SessionStatistics> statistics() const override { return dpdk::SessionStatistics{}; }
};

class FakeProvider final : public Provider {
 public:
    bool crypto = false;
    bool full = false;
    std::string refusal = "port 0 has no security context";
    int asked = 0;

    [[nodiscard]] std::string_view name() const noexcept override { return "fake"; }
    base::Result<std::unique_ptr<Installed>> prepare(const model::SaParams&, OffloadKind kind, sa::SaTag, const Placement&) override
    {
        asked++;
        if (kind == OffloadKind::kFullProtocol ? full : crypto)
            return std::unique_ptr<Installed>(new FakeInstalled());
        return base::Error{base::ErrorCode::kUnsupported, refusal, ""};
    }
    void give_up(uint16_t, std::string) override {}
};

struct Fixture : testing::Test {
    FakeProvider provider;
    Options options{&provider, Placement{}, false, ""};
    model::SaParams params;

    base::Result<Choice> decide(HwOffload wanted)
    {
        params.name = "east-in";
        params.hw_offload = wanted;
        return choose(params, {}, options);
    }
};

TEST_F(Fixture, NoTakesSoftwareAndAsksNobody)
{
    provider.full = provider.crypto = true;
    const auto choice = decide(HwOffload::kNo);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->kind, OffloadKind::kSoftware);
    EXPECT_EQ(provider.asked, 0);
}

TEST_F(Fixture, CryptoAndFullTakeWhatTheyName)
{
    provider.full = provider.crypto = true;
    const auto crypto = decide(HwOffload::kCrypto);
    ASSERT_TRUE(crypto);
    EXPECT_EQ(crypto->kind, OffloadKind::kInlineCrypto);
    EXPECT_NE(crypto->installed, nullptr);
    EXPECT_EQ(decide(HwOffload::kFull)->kind, OffloadKind::kFullProtocol);
}

TEST_F(Fixture, ARefusedRequestFailsTheSaWithTheReason)
{
    const auto choice = decide(HwOffload::kFull);
    ASSERT_FALSE(choice);
    EXPECT_EQ(choice.error().what, "SA \"east-in\": hw_offload: port 0 has no security context");
    EXPECT_FALSE(choice.error().hint.empty());
}

TEST_F(Fixture, AutoPrefersFullThenCrypto)
{
    provider.full = provider.crypto = true;
    EXPECT_EQ(decide(HwOffload::kAuto)->kind, OffloadKind::kFullProtocol);
    provider.full = false;
    provider.refusal = "the port's full protocol lacks aes256gcm8";
    const auto choice = decide(HwOffload::kAuto);
    EXPECT_EQ(choice->kind, OffloadKind::kInlineCrypto);
    EXPECT_EQ(choice->reason, "auto: the port's full protocol lacks aes256gcm8");
}

TEST_F(Fixture, AutoFallsBackToLookAsideThenSoftwareAndSaysWhy)
{
    auto choice = decide(HwOffload::kAuto);
    EXPECT_EQ(choice->kind, OffloadKind::kSoftware);
    EXPECT_EQ(choice->reason, "auto: port 0 has no security context");
    options.look_aside = true;
    options.look_aside_reason = "crypto_qat0 takes aes128gcm16";
    choice = decide(HwOffload::kAuto);
    EXPECT_EQ(choice->kind, OffloadKind::kLookAside);
    EXPECT_EQ(choice->reason, "auto: port 0 has no security context; crypto_qat0 takes aes128gcm16");
    EXPECT_EQ(choice->installed, nullptr);
}

TEST_F(Fixture, AnEngineOfLookAsideTakesADeviceOrFails)
{
    params.engine = model::EngineChoice::kLookAside;
    provider.full = provider.crypto = true;
    options.look_aside_reason = "no look-aside device is configured";
    const auto refused = decide(HwOffload::kNo);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().what, "SA \"east-in\": engine: no look-aside device is configured");
    options.look_aside = true;
    options.look_aside_reason = "look-aside device crypto_qat0";
    const auto choice = decide(HwOffload::kNo);
    ASSERT_TRUE(choice);
    EXPECT_EQ(choice->kind, OffloadKind::kLookAside);
    EXPECT_EQ(choice->reason, "as configured: look-aside device crypto_qat0");
    EXPECT_EQ(provider.asked, 0);
    EXPECT_EQ(decide(HwOffload::kAuto)->kind, OffloadKind::kFullProtocol) << "auto prefers ports";
}

TEST_F(Fixture, AutoNeverFails)
{
    options.provider = nullptr;
    EXPECT_EQ(decide(HwOffload::kAuto)->kind, OffloadKind::kSoftware);
    options.placement.reset();
    const auto choice = decide(HwOffload::kAuto);
    EXPECT_EQ(choice->kind, OffloadKind::kSoftware);
    EXPECT_EQ(choice->reason, "auto: no port leads to the peer");
}

}  // namespace
}  // namespace ipsecgw::offload
