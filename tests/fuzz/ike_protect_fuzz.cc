// The first byte chooses a cipher, the second what the rest is: a datagram to open, payloads to seal, or fragments to
// put together.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "ike/protect.h"

namespace {

using namespace ipsecgw;
using Input = std::span<const uint8_t>;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

struct Keyed {
    model::IkeSuite suite;
    ike::DirectionKeys keys;
};

Keyed keyed(uint8_t choice)
{
    const auto& suites = model::all_esp_suites();
    Keyed out;
    out.suite.cipher = suites[choice % suites.size()];
    const auto layout = out.suite.cipher.layout();
    out.keys.sk_e = base::SecretBytes(size_t{layout.key_bytes} + layout.salt_bytes);
    out.keys.sk_a = base::SecretBytes(layout.integrity_key_bytes);
    return out;
}

bool zeros(std::span<uint8_t> out)
{
    for (auto& byte : out)
        byte = 0;
    return true;
}

std::optional<ike::OpenedPayload> open(const Keyed& with, Input datagram)
{
    const auto message = ike::decode_message(datagram);
    const auto* encrypted = message ? ike::find_payload<ike::EncryptedPayload>(message->payloads) : nullptr;
    if (encrypted == nullptr)
        return std::nullopt;
    return ike::open_encrypted(with.suite, with.keys, datagram, *encrypted);
}

void open_foreign(const Keyed& with, Input datagram)
{
    const auto opened = open(with, datagram);
    if (opened)
        (void)ike::decode_payloads(opened->first, opened->bytes);
    for (const size_t offset : {size_t{28}, datagram.size(), datagram.size() + 1})  // an offset is never trusted
        (void)ike::open_encrypted(with.suite, with.keys, datagram, {ike::PayloadType::kNone, 0, 0, offset});
}

/// What is sealed opens, whole and in fragments of any size.
void seal_own(Keyed& with, Input input)
{
    if (input.empty())
        return;
    const size_t limit = input[0] * size_t{8};
    const auto content = input.subspan(1);
    const std::vector<ike::Payload> payloads = {ike::VendorIdPayload{{content.begin(), content.end()}}};
    const ike::Random random = zeros;
    const auto sealed = ike::seal_message({with.suite, with.keys, random, limit}, ike::Header{}, payloads);
    if (!sealed)
        return;
    ike::Reassembly reassembly;
    std::optional<ike::OpenedPayload> whole;
    for (const auto& datagram : *sealed) {
        require(limit == 0 || datagram.size() <= limit);
        whole = open(with, datagram);
        require(whole.has_value());
        if (whole->fragments != 0 && reassembly.add(*std::move(whole)) == ike::Reassembly::Outcome::kComplete)
            whole = reassembly.take();
    }
    const auto decoded = ike::decode_payloads(whole->first, whole->bytes);
    require(decoded && decoded->size() == 1 &&
            std::get<ike::VendorIdPayload>((*decoded)[0]).data.size() == content.size());
}

/// Steps of {number, total, size * 256}.
void reassemble(Input input)
{
    ike::Reassembly reassembly;
    for (; input.size() >= 3; input = input.subspan(3)) {
        const ike::OpenedPayload part{ike::PayloadType::kNotify, input[0], input[1],
                                      std::vector<uint8_t>(input[2] * size_t{256})};
        if (reassembly.add(part) != ike::Reassembly::Outcome::kComplete)
            continue;
        require(reassembly.take().bytes.size() <= ike::Reassembly::kMaxBytes);
        require(reassembly.is_empty());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    if (size < 2)
        return 0;
    Keyed with = keyed(data[0]);
    const Input rest(data + 2, size - 2);
    switch (data[1] % 3) {
        case 0:
            open_foreign(with, rest);
            break;
        case 1:
            seal_own(with, rest);
            break;
        default:
            reassemble(rest);
    }
    return 0;
}
