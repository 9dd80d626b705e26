// Bytes as an IKE datagram: they are malformed with one of the RFC's answers, or a message that is written as one that
// means the same.
#include <cstdint>
#include <cstdlib>
#include <span>

#include "ike/message.h"

namespace {

using namespace ipsecgw;

void require(bool claim)
{
    if (!claim)
        std::abort();
}

void check(const ike::Malformed& error)
{
    require(!error.what.empty());
    require(error.answer == ike::NotifyType::kInvalidSyntax || error.answer == ike::NotifyType::kInvalidMajorVersion ||
            error.answer == ike::NotifyType::kUnsupportedCriticalPayload);
    require((error.answer == ike::NotifyType::kUnsupportedCriticalPayload) == (error.data.size() == 1));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size)
{
    // The length field is made right half of the time: mutations seldom are.
    std::vector<uint8_t> bytes(data, data + size);
    if (size >= ike::kHeaderBytes && (data[24] & 1) == 0) {
        bytes[24] = bytes[25] = 0;
        bytes[26] = static_cast<uint8_t>(size >> 8);
        bytes[27] = static_cast<uint8_t>(size);
    }
    const auto header = ike::decode_header(bytes);
    const auto message = ike::decode_message(bytes);
    if (!message) {
        check(message.error());
        return 0;
    }
    require(header.has_value());
    require(message->payloads.size() <= ike::kMaxPayloads);
    require(!ike::summary(message->header, message->payloads).empty());
    if (const auto* encrypted = ike::find_payload<ike::EncryptedPayload>(message->payloads))
        require(encrypted->offset <= bytes.size() && encrypted->fragment <= encrypted->fragments);
    const auto written = ike::encode_message(message->header, message->payloads);
    if (!written)
        return 0;  // EAP, CP, SK and payloads without a selector we know are not written
    require(written->size() <= bytes.size());
    const auto again = ike::decode_message(*written);
    require(again.has_value() && again->payloads.size() == message->payloads.size());
    const auto twice = ike::encode_message(again->header, again->payloads);
    require(twice && *twice == *written);
    return 0;
}
