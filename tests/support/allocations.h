// Counts heap allocations, to prove that a packet path makes none. Link `allocations_dep`.
#pragma once

#include <cstdint>

namespace ipsecgw::test {

/// False under a sanitizer, which owns malloc: tests that count then skip.
bool can_count_allocations() noexcept;

/// Calls of malloc, calloc, realloc and the aligned forms by the calling thread since it started; operator new ends
/// there too.
uint64_t allocations() noexcept;

}  // namespace ipsecgw::test
