// The SK payload and its fragments: sealing, opening, reassembly (RFC 7296 section 3.14, RFC 5282, RFC 7634, RFC 7383).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "ike/key_material.h"
#include "ike/message.h"

namespace ipsecgw::ike {

/// Fills bytes with unpredictable ones; false: there are none.
using Random = std::function<bool(std::span<uint8_t>)>;

/// What sealing takes beside the message.
struct SealContext {
    const model::IkeSuite& suite;
    DirectionKeys& keys;   // of our direction; the IV counter moves
    const Random& random;  // for the IVs of CBC
    size_t max_bytes = 0;  // of one message: longer ones become fragments; 0: never, the peer does not take them
};

/// The datagrams of one message: one with an SK payload, or several with SKF payloads. They must be kept for
/// retransmission: sealing again makes other bytes. kInvalidArgument: a payload that does not fit; kResourceExhausted:
/// no random bytes or no IV left; kInternal.
base::Result<std::vector<Bytes>> seal_message(const SealContext& context, const Header& header,
                                              std::span<const Payload> payloads);

/// What an SK or SKF payload held.
struct OpenedPayload {
    PayloadType first = PayloadType::kNone;
    uint16_t fragment = 0, fragments = 0;  // 0: the whole
    Bytes bytes;                           // without padding
};

/// Opens the encrypted payload of a message; `keys` are those of the sender's direction. Nothing when it is not
/// authentic, or its padding is wrong; then nobody may be answered. Compares in constant time.
[[nodiscard]] std::optional<OpenedPayload> open_encrypted(const model::IkeSuite& suite, const DirectionKeys& keys,
                                                          std::span<const uint8_t> message,
                                                          const EncryptedPayload& encrypted);

/// The fragments of one message (RFC 7383 section 2.6). Only authentic ones are added, of one message ID: the caller
/// makes a new object for each. Holds at most kMaxFragments and kMaxBytes.
class Reassembly {
  public:
    static constexpr size_t kMaxFragments = 64;
    static constexpr size_t kMaxBytes = kMaxMessageBytes;

    /// What became of a fragment: kept, the last one missing, or dropped: it was there before, belongs to an older set,
    /// or is too much.
    enum class Outcome : uint8_t { kKept, kComplete, kDropped };

    /// A larger total than before starts anew, a smaller one is dropped (section 2.6.1).
    Outcome add(OpenedPayload fragment);
    /// The whole, after kComplete; the object is empty afterwards.
    [[nodiscard]] OpenedPayload take();

    [[nodiscard]] bool is_empty() const noexcept { return kept_ == 0; }

  private:
    std::vector<std::optional<Bytes>> parts_;
    PayloadType first_ = PayloadType::kNone;
    size_t kept_ = 0;
    size_t bytes_ = 0;
};

}  // namespace ipsecgw::ike
