// What the machine offers a gateway, read from /proc and /sys.
#pragma once

#include <filesystem>
#include <vector>

#include "app/doctor/finding.h"

namespace ipsecgw::app::doctor {

/// CPU features, cores and isolation, huge pages, IOMMU and VFIO, memory. `root` is where /proc, /sys and /dev are: "/"
/// or a test's folder. What cannot be read is a note.
std::vector<Finding> look_at_machine(const std::filesystem::path& root);

}  // namespace ipsecgw::app::doctor
