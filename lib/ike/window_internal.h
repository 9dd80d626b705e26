// Requests and responses inside SK: message IDs, one request at a time, retransmission, repeated requests (RFC 7296
// sections 2.1 to 2.3).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "ike/core_internal.h"
#include "ike/message.h"

namespace ipsecgw::ike {

/// Seals a request, sends it and waits for its response. `request` brings the task, the exchange and its state. False:
/// it cannot be sealed; then nothing is on its way.
bool send_request(Core& core, IkeSa& ike, std::unique_ptr<Outstanding> request, std::span<const Payload> payloads);
/// Sends what is ready as the request on its way: IKE_SA_INIT.
void send_ready_request(Core& core, IkeSa& ike, std::unique_ptr<Outstanding> request);
/// Answers the request that has just been opened, and keeps the answer for its repetition.
void send_response(Core& core, IkeSa& ike, const Header& request, std::span<const Payload> payloads);
/// Answers with one notify.
void send_notify_response(Core& core, IkeSa& ike, const Header& request, NotifyType type, Bytes data = {});
/// The retransmission timer: again, or give up.
void retransmit(Core& core, IkeSa& ike);

/// A message for this IKE SA that is not IKE_SA_INIT.
void receive_protected(Core& core, IkeSa& ike, const Datagram& datagram, const Header& header);

/// By which a repeated request is known.
[[nodiscard]] Digest digest_of(std::span<const uint8_t> bytes);

}  // namespace ipsecgw::ike
