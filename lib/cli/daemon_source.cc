#include "cli/daemon_source.h"

#include <utility>

namespace ipsecgw::cli {

std::vector<ike::IkeStatus> DaemonSource::list(ike::IkeSaId after, size_t limit) const
{
    return daemon_.list(after, limit);
}
std::optional<control::SaUse> DaemonSource::use(std::string_view sa) const
{
    return daemon_.plane().sa_use(sa);
}
base::Result<void> DaemonSource::initiate(const std::string& connection, const std::string& child,
                                          std::function<void(const std::string& failure)> done)
{
    return daemon_.initiate(connection, child, std::move(done));
}
base::Result<size_t> DaemonSource::terminate(const ike::Selection& selection)
{
    return daemon_.terminate(selection);
}
base::Result<size_t> DaemonSource::rekey(const ike::Selection& selection)
{
    return daemon_.rekey(selection);
}

}  // namespace ipsecgw::cli
