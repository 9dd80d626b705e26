#include "ike/ike_sa.h"

#include <algorithm>

#include "base/text.h"

namespace ipsecgw::ike {

IkeSa::IkeSa(IkeSaId id_)
    : id(id_),
      retransmit_timer(TimerKind::kRetransmit, id_, 0),
      half_open_timer(TimerKind::kHalfOpen, id_, 0),
      rekey_timer(TimerKind::kRekeyIke, id_, 0),
      close_timer(TimerKind::kCloseIke, id_, 0),
      liveness_timer(TimerKind::kLiveness, id_, 0),
      retry_timer(TimerKind::kRetryTasks, id_, 0),
      forget_timer(TimerKind::kForgetResponse, id_, 0)
{
}

std::string IkeSa::name() const
{
    return base::format("%s[%u]", connection != nullptr ? connection->name.c_str() : "(unnamed)", id);
}

ChildSa* IkeSa::find_child(ChildSaId child) noexcept
{
    const auto it = std::ranges::find_if(children, [&](const auto& owned) { return owned->id == child; });
    return it != children.end() ? it->get() : nullptr;
}

ChildSa* IkeSa::find_child_by_peer_spi(uint32_t spi) noexcept
{
    const auto it = std::ranges::find_if(children, [&](const auto& owned) { return owned->spi_out == spi; });
    return it != children.end() ? it->get() : nullptr;
}

ChildSa* IkeSa::find_current_child(std::string_view child) noexcept
{
    const auto it = std::ranges::find_if(
        children, [&](const auto& owned) { return owned->is_current() && owned->config->name == child; });
    return it != children.end() ? it->get() : nullptr;
}

}  // namespace ipsecgw::ike
