// Owners of what a port holds for hardware IPsec: its security context, sessions, flow rules.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "base/result.h"

struct rte_flow;
struct rte_flow_action;
struct rte_flow_attr;
struct rte_flow_item;
struct rte_mbuf;
struct rte_mempool;
struct rte_security_capability;
struct rte_security_session_conf;

namespace ipsecgw::dpdk {

class SecuritySession;

/// The security context of one port, with the pool its sessions come from.
///
/// Threads: control; `set_metadata` of its sessions by any worker. Outlives its sessions.
class SecurityContext {
 public:
    /// kUnsupported: the port has no security context, which is so for most ports, every mlx5 among them.
    static base::Result<std::unique_ptr<SecurityContext>> open(uint16_t port_id, uint32_t max_sessions, int socket);
    ~SecurityContext();
    SecurityContext(const SecurityContext&) = delete;
    SecurityContext& operator=(const SecurityContext&) = delete;

    [[nodiscard]] uint16_t port_id() const noexcept { return port_id_; }
    /// The port's capabilities; the list ends with action NONE.
    [[nodiscard]] const rte_security_capability* capabilities() const noexcept;
    /// kUnsupported with the driver's errno in words; kResourceExhausted.
    base::Result<SecuritySession> create(rte_security_session_conf& configuration);

 private:
    SecurityContext(uint16_t port_id, void* context, rte_mempool* pool)
        : port_id_(port_id), context_(context), pool_(pool)
    {
    }
    friend class SecuritySession;
    uint16_t port_id_;
    void* context_;  // rte_security_ctx; opaque from DPDK 23.11 on
    rte_mempool* pool_;
};

/// What the port counts for a session, where it does.
struct SessionStatistics {
    uint64_t packets = 0;
    uint64_t bytes = 0;
    uint64_t errors = 0;
};

/// One session in the port; destroyed with this object. The caller has taken its flow rules out and waited for a grace period.
class SecuritySession {
 public:
    SecuritySession() = default;
    SecuritySession(SecuritySession&& other) noexcept
        : context_(std::exchange(other.context_, nullptr)), session_(std::exchange(other.session_, nullptr))
    {
    }
    SecuritySession& operator=(SecuritySession&& other) noexcept;
    SecuritySession(const SecuritySession&) = delete;
    SecuritySession& operator=(const SecuritySession&) = delete;
    ~SecuritySession();

    explicit operator bool() const noexcept { return session_ != nullptr; }
    /// For the SECURITY action of a flow rule, and for set_metadata().
    [[nodiscard]] void* handle() const noexcept { return session_; }
    [[nodiscard]] void* context() const noexcept { return context_ != nullptr ? context_->context_ : nullptr; }
    /// kUnsupported when the driver keeps none; kNotFound when the port has forgotten the session.
    [[nodiscard]] base::Result<SessionStatistics> statistics() const;

 private:
    friend class SecurityContext;
    SecuritySession(SecurityContext* context, void* session) : context_(context), session_(session) {}
    SecurityContext* context_ = nullptr;
    void* session_ = nullptr;
};

/// One flow rule; destroyed with this object.
class FlowRule {
 public:
    FlowRule() = default;
    /// kUnsupported with the driver's own words.
    static base::Result<FlowRule> create(uint16_t port_id, const rte_flow_attr& attributes, const rte_flow_item* pattern,
                                         const rte_flow_action* actions);
    FlowRule(FlowRule&& other) noexcept : port_id_(other.port_id_), flow_(std::exchange(other.flow_, nullptr)) {}
    FlowRule& operator=(FlowRule&& other) noexcept;
    FlowRule(const FlowRule&) = delete;
    FlowRule& operator=(const FlowRule&) = delete;
    ~FlowRule();

    explicit operator bool() const noexcept { return flow_ != nullptr; }

 private:
    FlowRule(uint16_t port_id, rte_flow* flow) : port_id_(port_id), flow_(flow) {}
    uint16_t port_id_ = 0;
    rte_flow* flow_ = nullptr;
};

}  // namespace ipsecgw::dpdk
