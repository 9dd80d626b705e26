// Who wins when both ends rekey, rekey and delete, or delete at once (RFC 7296 sections 2.8.1, 2.8.2 and 2.25).
#pragma once

#include <span>

#include "ike/core_internal.h"
#include "ike/message.h"

namespace ipsecgw::ike {

/// The lower of an exchange's two nonces, octet by octet: the exchange with the lowest of all four gives way.
[[nodiscard]] Bytes lowest_nonce(std::span<const uint8_t> a, std::span<const uint8_t> b);

/// Whether a peer's request about `child` may be answered. nullopt: yes.
[[nodiscard]] std::optional<NotifyType> objection_to_rekey(const ChildSa* child);
/// The peer's rekeying of `old` made `created`: it replaces it, or it collides with ours.
void peer_rekeyed_child(Core& core, IkeSa& ike, ChildSa& old, ChildSa& created, Bytes lowest);
/// Our rekeying made `created`.
void own_child_rekey_done(Core& core, IkeSa& ike, const ChildExchange& exchange, ChildSa& created, const Bytes& lowest);
/// Our rekeying was refused.
void own_child_rekey_refused(Core& core, IkeSa& ike, const ChildExchange& exchange, NotifyType why);
/// A request came that a peer sends only when it has our last response: it takes what we send on the SAs it has made.
void confirm_successors(Core& core, IkeSa& ike);
/// The peer deletes an SA that is not here: the response that we wait for may be about it.
void note_unknown_delete(IkeSa& ike, uint32_t spi);
/// The response to our exchange brought an SA that the peer has deleted meanwhile.
[[nodiscard]] bool is_gone_already(const ChildExchange& exchange, uint32_t spi) noexcept;
/// Then what it was to replace ends with it.
void own_child_rekey_undone(Core& core, IkeSa& ike, const ChildExchange& exchange);
/// The peer deletes a child, whatever we are doing with it. True: the answer names it too.
bool peer_deletes_child(Core& core, IkeSa& ike, ChildSa& child);

/// The heir takes the children and the tasks of a rekeyed IKE SA.
void inherit(Core& core, IkeSa& old, IkeSa& heir);
/// The peer's rekeying of an IKE SA made `created`.
void peer_rekeyed_ike(Core& core, IkeSa& old, IkeSa& created, Bytes lowest);
void own_ike_rekey_done(Core& core, IkeSa& old, const IkeRekeyExchange& exchange, IkeSa& created, const Bytes& lowest);
void own_ike_rekey_refused(Core& core, IkeSa& old, const IkeRekeyExchange& exchange, NotifyType why);
/// The rival of our own rekeying, when its collision is not decided yet; null: there is none.
[[nodiscard]] IkeSa* undecided_heir(Core& core, const IkeSa& old);
/// The peer uses an heir that a collision had left open, so it counts on it.
void settle_heir(Core& core, IkeSa& heir);

}  // namespace ipsecgw::ike
