// Who is who beyond one IKE SA: connections by identity, uniqueness (RFC 7296 section 2.4), PPK names (RFC 8784).
#pragma once

#include <vector>

#include "ike/core_internal.h"
#include "ike/message.h"

namespace ipsecgw::ike {

/// One identity, not a pattern of several.
[[nodiscard]] bool names_one(const model::Identity& identity) noexcept;

/// No other IKE SA of this connection and peer is there: INITIAL_CONTACT may be said.
[[nodiscard]] bool is_only_ike_sa(Core& core, const IkeSa& ike);
/// Other established IKE SAs between the same identities.
[[nodiscard]] std::vector<IkeSa*> twins_of(Core& core, const IkeSa& ike);
/// With `unique = replace` it replaces its twins. Where both ends started at
/// once, each has made one: the one with the lower SPIi goes, deleted by the end that made it, so that one tunnel
/// stays.
void enforce_uniqueness(Core& core, IkeSa& ike);
/// The peer says that it has no other IKE SA with us: what was there before goes, without a word to it.
void on_initial_contact(Core& core, IkeSa& ike);
/// The IKE SA's identities are proved: it can be found by them.
void register_identities(Core& core, IkeSa& ike);
void forget_identities(Core& core, IkeSa& ike);

/// PPK_IDENTITY's data: type 2, a fixed PPK, and its name (RFC 8784 section 5.1).
[[nodiscard]] Bytes ppk_identity_data(const model::Identity& ppk_id);
[[nodiscard]] bool is_ppk_identity(const NotifyPayload& notify, const model::Identity& ppk_id);

/// All CERT payloads, in order.
[[nodiscard]] std::vector<CertificateData> certificates_of(const Message& message);

}  // namespace ipsecgw::ike
