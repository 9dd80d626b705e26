// From SaParams to what rte_security asks for, and whether a port's capabilities cover it.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "model/sa_params.h"
#include "sa/offload_kind.h"

struct rte_security_capability;
struct rte_security_session_conf;

namespace ipsecgw::offload {

/// What a session is known by in events: the SA's tag, with this bit for outbound SAs, whose tags are counted apart. Slots stay below it.
inline constexpr uint64_t kOutboundUserdata = uint64_t{1} << 31;

/// An rte_security_session_conf with everything it points to. Holds keys: they are wiped when it goes.
class SessionRequest {
 public:
    /// `kind` is kInlineCrypto or kFullProtocol. `tag` comes back with packets and events of the session. `params` must be valid.
    /// kUnsupported: the SA asks for what no session can express (TFC padding, a first sequence number of inline crypto, ...).
    static base::Result<SessionRequest> make(const model::SaParams& params, sa::OffloadKind kind, sa::SaTag tag);
    ~SessionRequest();
    SessionRequest(SessionRequest&&) noexcept;
    SessionRequest& operator=(SessionRequest&&) noexcept;

    [[nodiscard]] rte_security_session_conf& configuration() noexcept;

    /// Success, or the first reason why a port with these capabilities (ended by action NONE) cannot: in an operator's words.
    [[nodiscard]] base::Result<void> covered_by(const rte_security_capability* capabilities) const;

 private:
    struct State;
    explicit SessionRequest(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace ipsecgw::offload
