#include "iked/files.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace ipsecgw::iked {
namespace {

using base::Error;
using base::ErrorCode;

constexpr off_t kLargest = 1 << 20;

Error io_error(const std::string& path, int error)
{
    const ErrorCode code = error == ENOENT                     ? ErrorCode::kNotFound
                           : error == EACCES || error == EPERM ? ErrorCode::kPermissionDenied
                                                               : ErrorCode::kIo;
    return {code, path + ": " + std::strerror(error), ""};
}

struct Descriptor {
    int fd;
    ~Descriptor()
    {
        if (fd >= 0)
            close(fd);
    }
};

}  // namespace

base::Result<base::SecretBytes> read_file(const std::string& path)
{
    // Non-blocking: what is named may be a FIFO.
    const Descriptor file{open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    struct stat status;
    if (file.fd < 0 || fstat(file.fd, &status) != 0)
        return io_error(path, errno);
    if (!S_ISREG(status.st_mode))
        return Error{ErrorCode::kInvalidArgument, path + ": is no regular file", ""};
    if (status.st_size == 0 || status.st_size > kLargest)
        return Error{ErrorCode::kInvalidArgument,
                     path + (status.st_size == 0 ? ": is empty" : ": is larger than 1 MiB"), ""};
    base::SecretBytes bytes(static_cast<size_t>(status.st_size));
    for (size_t done = 0; done < bytes.size();) {
        const ssize_t got = read(file.fd, bytes.mutable_view().data() + done, bytes.size() - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return io_error(path, errno);
        if (got == 0)
            return Error{ErrorCode::kIo, path + ": became shorter while it was read", ""};
        done += static_cast<size_t>(got);
    }
    return bytes;
}

bool is_open_to_others(const std::string& path)
{
    struct stat status;
    return stat(path.c_str(), &status) == 0 && (status.st_mode & 077) != 0;
}

}  // namespace ipsecgw::iked
