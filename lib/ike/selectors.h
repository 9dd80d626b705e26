// Traffic selectors as IKE has them, ranges of addresses, and how a child's are narrowed (RFC 7296 section 2.9).
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ike/selector.h"
#include "model/ike_connection.h"
#include "model/policy.h"
#include "net/address.h"

namespace ipsecgw::ike {

/// More than these in one payload are left out of the answer, so that no peer fills the policy table.
inline constexpr size_t kMaxSelectors = 32;

[[nodiscard]] Selector to_selector(const model::TrafficSelector& selector) noexcept;
/// A child's configured selectors; `dynamic` becomes `address`.
[[nodiscard]] Selectors resolve(const std::vector<model::ChildSelector>& configured, const net::IpAddress& address);

[[nodiscard]] bool contains(const Selector& outer, const Selector& inner) noexcept;
/// Each of `inner` lies within one of `outer`.
[[nodiscard]] bool contains(const Selectors& outer, const Selectors& inner) noexcept;
[[nodiscard]] std::optional<Selector> intersect(const Selector& a, const Selector& b) noexcept;
/// All that `offered` and `allowed` have in common, in the order of `offered`, without parts of others; empty: nothing.
[[nodiscard]] Selectors narrow(const Selectors& offered, const Selectors& allowed);

/// The prefixes that are exactly the range; `max` bounds them: past it the rest is left out and a packet of it finds no
/// policy.
[[nodiscard]] std::vector<model::TrafficSelector> to_model(const Selectors& selectors, size_t max = 64);

/// "10.1.0.0/16", "10.0.0.1..10.0.0.9[udp/4789]"
[[nodiscard]] std::string to_string(const Selector& selector);
[[nodiscard]] std::string to_string(const Selectors& selectors);  // separated by spaces

}  // namespace ipsecgw::ike
