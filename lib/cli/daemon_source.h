// The running IKE daemon as a source of the front ends.
#pragma once

#include "cli/source.h"
#include "iked/daemon.h"

namespace ipsecgw::cli {

/// `daemon` outlives it.
class DaemonSource final : public IkeSource {
  public:
    explicit DaemonSource(iked::Daemon& daemon) : daemon_(daemon) {}

    [[nodiscard]] std::vector<ike::IkeStatus> list(ike::IkeSaId after, size_t limit) const override;
    [[nodiscard]] std::optional<control::SaUse> use(std::string_view sa) const override;
    base::Result<void> initiate(const std::string& connection, const std::string& child,
                                std::function<void(const std::string& failure)> done) override;
    base::Result<size_t> terminate(const ike::Selection& selection) override;
    base::Result<size_t> rekey(const ike::Selection& selection) override;

  private:
    iked::Daemon& daemon_;
};

}  // namespace ipsecgw::cli
