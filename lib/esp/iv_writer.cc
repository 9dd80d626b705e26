#include "esp/iv_writer_internal.h"

#include <utility>

#include "crypto/random.h"
#include "esp/engine_internal.h"

namespace ipsecgw::esp {
namespace {

struct IvWriter : sa::CipherContext {
    explicit IvWriter(crypto::IvSource source) : ivs(std::move(source)) {}
    crypto::IvSource ivs;
};

uint64_t write_ivs(sa::CipherContext& self, std::span<const sa::EspText> packets) noexcept
{
    auto& writer = static_cast<IvWriter&>(self);
    size_t written = 0;
    while (written < packets.size() && writer.ivs.next(packets[written].esp + kEspHeaderBytes))
        written++;
    return low_bits(written);
}

}  // namespace

base::Result<sa::CipherContextPtr> make_iv_writer()
{
    auto* writer = new IvWriter(GW_TRY(crypto::IvSource::create()));
    writer->seal = write_ivs;
    writer->destroy = [](sa::CipherContext* context) noexcept { delete static_cast<IvWriter*>(context); };
    writer->engine = "port";
    return sa::CipherContextPtr(writer);
}

}  // namespace ipsecgw::esp
