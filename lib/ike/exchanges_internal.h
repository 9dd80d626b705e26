// The exchanges, one file each: how a request of ours starts, what its response means, and how a peer's request is
// answered.
#pragma once

#include <cstdint>
#include <string>

#include "ike/core_internal.h"
#include "ike/message.h"

namespace ipsecgw::ike {

// exchange_ike_sa_init.cc: the one exchange in clear.
void start_ike_sa_init(Core& core, IkeSa& ike);
void on_ike_sa_init_request(Core& core, const Datagram& datagram, const Message& request);
/// By which the repetition of a first message from the same origin is known.
[[nodiscard]] Digest init_digest(const Datagram& datagram);
void on_ike_sa_init_response(Core& core, IkeSa& ike, const Datagram& datagram, const Message& response);

// exchange_ike_auth.cc
void start_ike_auth(Core& core, IkeSa& ike);
void on_ike_auth_request(Core& core, IkeSa& ike, const Message& request);
void on_ike_auth_response(Core& core, IkeSa& ike, Outstanding& request, const Message& response);

// exchange_create_child_sa.cc: new children and rekeyed ones. The starts return false when the task has become
// pointless.
bool start_new_child(Core& core, IkeSa& ike, const Task& task);
bool start_rekey_child(Core& core, IkeSa& ike, const Task& task);
void on_create_child_sa_request(Core& core, IkeSa& ike, const Message& request);
void on_create_child_sa_response(Core& core, IkeSa& ike, Outstanding& request, const Message& response);

// exchange_rekey_ike_sa.cc: the CREATE_CHILD_SA exchange whose child is an IKE SA.
bool start_rekey_ike(Core& core, IkeSa& ike);
void on_rekey_ike_request(Core& core, IkeSa& ike, const Message& request);
void on_rekey_ike_response(Core& core, IkeSa& ike, Outstanding& request, const Message& response);

// exchange_informational.cc
bool start_delete_child(Core& core, IkeSa& ike, const Task& task);
bool start_delete_ike(Core& core, IkeSa& ike);
bool start_liveness(Core& core, IkeSa& ike);
bool start_refuse_auth(Core& core, IkeSa& ike);
void on_informational_request(Core& core, IkeSa& ike, const Message& request);
void on_informational_response(Core& core, IkeSa& ike, Outstanding& request, const Message& response);

}  // namespace ipsecgw::ike
