#include "ike/child_sa.h"

#include "base/text.h"
#include "model/name.h"

namespace ipsecgw::ike {

std::string sa_name(const std::string& child, ChildSaId id)
{
    constexpr size_t kSuffixBytes = sizeof "{4294967295}-out" - 1;
    return base::format("%.*s{%u}", static_cast<int>(model::kMaxNameBytes - kSuffixBytes), child.c_str(), id);
}

std::string ChildSa::name() const
{
    return sa_name(config->name, id);
}

std::string ChildSa::inbound_name() const
{
    return name() + "-in";
}

std::string ChildSa::outbound_name() const
{
    return name() + "-out";
}

std::string ChildSa::policy_name() const
{
    return sa_name(config->name, policy_id);
}

void ChildSa::set_ike_sa(IkeSaId ike_sa) noexcept
{
    for (Timer* timer : {&rekey_timer, &close_timer, &drain_timer, &inactivity_timer})
        timer->set_ike_sa(ike_sa);
}

}  // namespace ipsecgw::ike
