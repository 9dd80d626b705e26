#include "ike/effects.h"

#include "base/text.h"

namespace ipsecgw::ike {

std::string Endpoint::to_string() const
{
    return base::format("%s[%u]", address.to_string().c_str(), port);
}

}  // namespace ipsecgw::ike
