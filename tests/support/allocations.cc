#include "support/allocations.h"

#include <cerrno>
#include <cstddef>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GW_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GW_SANITIZED 1
#endif
#endif

namespace {
thread_local uint64_t count = 0;
}  // namespace

#ifndef GW_SANITIZED
// glibc's own entry points, which its malloc and friends are aliases of: no dlsym, which allocates itself.
extern "C" {
void* __libc_malloc(size_t);
void* __libc_calloc(size_t, size_t);
void* __libc_realloc(void*, size_t);
void* __libc_memalign(size_t, size_t);

void* malloc(size_t size)
{
    count++;
    return __libc_malloc(size);
}
void* calloc(size_t number, size_t size)
{
    count++;
    return __libc_calloc(number, size);
}
void* realloc(void* old, size_t size)
{
    count++;
    return __libc_realloc(old, size);
}
void* memalign(size_t alignment, size_t size)
{
    count++;
    return __libc_memalign(alignment, size);
}
void* aligned_alloc(size_t alignment, size_t size)
{
    count++;
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** out, size_t alignment, size_t size)
{
    count++;
    void* const memory = __libc_memalign(alignment, size);
    if (memory == nullptr)
        return ENOMEM;
    *out = memory;
    return 0;
}
}
#endif

namespace ipsecgw::test {

bool can_count_allocations() noexcept
{
#ifdef GW_SANITIZED
    return false;
#else
    return true;
#endif
}

uint64_t allocations() noexcept
{
    return count;
}

}  // namespace ipsecgw::test
