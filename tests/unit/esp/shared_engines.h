// The engines most tests share, and keying with one of them.
#pragma once

#include <memory>
#include <span>

#include <gtest/gtest.h>

#include "esp/engine.h"

namespace ipsecgw::esp {

inline constexpr model::EngineChoice kChoices[] = {model::EngineChoice::kOpenssl, model::EngineChoice::kCpuCrypto,
                                                   model::EngineChoice::kAuto};

/// Made once, and gone before EAL is.
class SharedEngines : public testing::Environment {
  public:
    static inline std::unique_ptr<Engines> engines;
    void SetUp() override
    {
        auto result = Engines::create({.workers = 2, .max_sas = 64});
        ASSERT_TRUE(result) << result.error().what;
        engines = std::move(result).value();
    }
    void TearDown() override { engines.reset(); }
};
inline const testing::Environment* const kSharedEngines = testing::AddGlobalTestEnvironment(new SharedEngines);

inline Engines& engines()
{
    return *SharedEngines::engines;
}

/// Null where there is no CPU crypto for the suite: the case is then left out.
inline sa::CipherContextPtr key_with(model::EngineChoice choice, const model::EspSuite& suite,
                                     std::span<const uint8_t> keymat, bool esn, model::Direction direction)
{
    auto keyed = engines().key(suite, keymat, esn, direction, choice);
    if (keyed)
        return std::move(keyed->context);
    EXPECT_EQ(keyed.error().code, base::ErrorCode::kUnsupported) << keyed.error().what;
    EXPECT_EQ(choice, model::EngineChoice::kCpuCrypto);
    return nullptr;
}

}  // namespace ipsecgw::esp
