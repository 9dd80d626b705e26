// Results as a table for people and JSON for machines.
#pragma once

#include <span>
#include <string>

#include "measure.h"

namespace ipsecgw::bench {

std::string table_head();
std::string table_row(const Result& result);
/// Its cycles by stage.
std::string stages_row(const Result& result);
/// Machine, build and results.
std::string to_json(std::span<const Result> results, const Effort& effort);

}  // namespace ipsecgw::bench
