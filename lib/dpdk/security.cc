// rte_security_session_stats_get is experimental still in 25.11.
#define ALLOW_EXPERIMENTAL_API

#include "dpdk/security.h"

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_flow.h>
#include <rte_mempool.h>
#include <rte_security.h>

#include "base/text.h"
#include "dpdk/compat.h"

namespace ipsecgw::dpdk {

using base::Error;
using base::ErrorCode;
using base::format;

namespace {

// Sessions are created by the control thread alone, so a small cache suffices.
constexpr unsigned kSessionCache = 32;

Error no_context(uint16_t port_id)
{
    return {ErrorCode::kUnsupported, format("port %u has no security context", port_id), ""};
}

}  // namespace

base::Result<std::unique_ptr<SecurityContext>> SecurityContext::open(uint16_t port_id, uint32_t max_sessions, int socket)
{
    void* context = rte_eth_dev_get_sec_ctx(port_id);
    if (context == nullptr)
        return no_context(port_id);
    const unsigned bytes = rte_security_session_get_size(compat::security_ctx(context));
    rte_eth_dev_info device;
    if (rte_eth_dev_info_get(port_id, &device) != 0)
        return no_context(port_id);
    const std::string name = format("sec_%u_%p", port_id, context).substr(0, RTE_MEMPOOL_NAMESIZE - 1);
    rte_mempool* pool = rte_mempool_create(name.c_str(), max_sessions + kSessionCache, bytes, kSessionCache, 0, nullptr, nullptr,
                                           nullptr, nullptr, socket, 0);
    if (pool == nullptr)
        return Error{ErrorCode::kResourceExhausted,
                     format("port %u: no memory for %u security sessions of %u bytes", port_id, max_sessions, bytes),
                     "lower gateway.max_sas, or give EAL more memory"};
    return std::unique_ptr<SecurityContext>(new SecurityContext(port_id, context, pool));
}

SecurityContext::~SecurityContext() { rte_mempool_free(pool_); }

const rte_security_capability* SecurityContext::capabilities() const noexcept
{
    return rte_security_capabilities_get(compat::security_ctx(context_));
}

base::Result<SecuritySession> SecurityContext::create(rte_security_session_conf& configuration)
{
    rte_errno = 0;
    void* session = rte_security_session_create(compat::security_ctx(context_), &configuration, pool_);
    if (session == nullptr) {
        const int cause = rte_errno != 0 ? rte_errno : ENOTSUP;
        return Error{cause == ENOMEM ? ErrorCode::kResourceExhausted : ErrorCode::kUnsupported,
                     format("port %u refused the session: %s", port_id_, rte_strerror(cause)),
                     "the driver's log says why, where it logs"};
    }
    return SecuritySession(this, session);
}

SecuritySession& SecuritySession::operator=(SecuritySession&& other) noexcept
{
    std::swap(context_, other.context_);
    std::swap(session_, other.session_);
    return *this;
}

SecuritySession::~SecuritySession()
{
    if (session_ == nullptr)
        return;
    rte_security_session_destroy(compat::security_ctx(context_->context_), session_);
}

base::Result<SessionStatistics> SecuritySession::statistics() const
{
    rte_security_stats stats{};
    const int error = rte_security_session_stats_get(compat::security_ctx(context_->context_), session_, &stats);
    if (error == -ENOENT || error == -ENODEV)
        return Error{ErrorCode::kNotFound, format("port %u does not know the session any more", context_->port_id_), ""};
    if (error != 0)
        return Error{ErrorCode::kUnsupported, format("port %u keeps no statistics of sessions", context_->port_id_), ""};
    const auto& ipsec = stats.ipsec;
    return SessionStatistics{ipsec.ipackets + ipsec.opackets, ipsec.ibytes + ipsec.obytes, ipsec.ierrors + ipsec.oerrors};
}

base::Result<FlowRule> FlowRule::create(uint16_t port_id, const rte_flow_attr& attributes, const rte_flow_item* pattern,
                                        const rte_flow_action* actions)
{
    rte_flow_error error{};
    rte_flow* flow = rte_flow_create(port_id, &attributes, pattern, actions, &error);
    if (flow == nullptr)
        return Error{ErrorCode::kUnsupported,
                     format("port %u refused the flow rule: %s", port_id,
                            error.message != nullptr ? error.message : rte_strerror(rte_errno)),
                     ""};
    return FlowRule(port_id, flow);
}

FlowRule& FlowRule::operator=(FlowRule&& other) noexcept
{
    std::swap(port_id_, other.port_id_);
    std::swap(flow_, other.flow_);
    return *this;
}

FlowRule::~FlowRule()
{
    rte_flow_error error;
    if (flow_ != nullptr)
        rte_flow_destroy(port_id_, flow_, &error);
}

}  // namespace ipsecgw::dpdk
