#include "crypto/prf.h"

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace ipsecgw::crypto {

base::SecretBytes Prf::compute(std::span<const uint8_t> message, std::span<const uint8_t> more) const
{
    base::SecretBytes out(bytes_);
    hmac_.compute(message, more, out.mutable_view());
    return out;
}

base::Result<base::SecretBytes> Prf::expand(std::span<const uint8_t> seed, size_t bytes) const
{
    constexpr size_t kMaxRounds = 255;  // the round is one octet
    if (bytes > kMaxRounds * bytes_)
        return base::Error{base::ErrorCode::kInvalidArgument,
                           base::format("prf+ gives at most %zu bytes, %zu wanted", kMaxRounds * bytes_, bytes)};
    base::SecretBytes out(bytes);
    // T(n) = prf(K, T(n-1) | S | n): T(n-1) and S stand in one buffer, of which the first round leaves out the front.
    base::SecretBytes input(bytes_ + seed.size() + 1);
    const auto block = input.mutable_view().first(bytes_);
    std::copy(seed.begin(), seed.end(), input.mutable_view().begin() + static_cast<ptrdiff_t>(bytes_));
    uint8_t round = 1;
    for (size_t done = 0; done < bytes; round++) {
        input.mutable_view().back() = round;
        hmac_.compute(input.view().subspan(round == 1 ? bytes_ : 0), {}, block);
        const size_t take = std::min(bytes_, bytes - done);
        std::copy_n(block.begin(), take, out.mutable_view().begin() + static_cast<ptrdiff_t>(done));
        done += take;
    }
    return out;
}

}  // namespace ipsecgw::crypto
