#include "crypto/random.h"

#include <array>
#include <cstring>

#include <openssl/rand.h>

#include "base/byte_order.h"
#include "base/secret_bytes.h"

namespace ipsecgw::crypto {

bool random_bytes(std::span<uint8_t> bytes) noexcept
{
    return bytes.size() <= INT32_MAX && RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) == 1;
}

base::Result<IvSource> IvSource::create()
{
    base::SecretBytes key(16);
    if (!random_bytes(key.mutable_view()))
        return base::Error{base::ErrorCode::kUnavailable, "OpenSSL's random generator has no entropy source"};
    return IvSource(GW_TRY(Aes::create(AesMode::kCtr, Operation::kSeal, key.view())));
}

bool IvSource::next(uint8_t* iv) noexcept
{
    if (used_ == kPoolBytes) {
        uint8_t counter[Aes::kBlockBytes] = {};
        base::store_be64(counter, refills_);
        pool_.fill(0);  // encrypted zeros are the keystream itself
        if (!aes_.crypt(counter, pool_))
            return false;
        refills_++;
        used_ = 0;
    }
    std::memcpy(iv, pool_.data() + used_, Aes::kBlockBytes);
    used_ += Aes::kBlockBytes;
    return true;
}

}  // namespace ipsecgw::crypto
