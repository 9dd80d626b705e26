#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "config/scanner_internal.h"
#include "config/source_internal.h"

namespace ipsecgw::config {
namespace {

/// Reads to the end of `fd`; false with errno on failure or, with errno 0, when there is more than `max_bytes`.
bool read_all(int fd, size_t max_bytes, WipedString& out)
{
    for (;;) {
        const size_t at = out.size();
        out.resize(at + 65536);
        const ssize_t n = read(fd, out.data() + at, 65536);
        out.resize(at + (n > 0 ? static_cast<size_t>(n) : 0));
        if (n == 0)
            return true;
        if (n < 0 && errno != EINTR)
            return false;
        if (out.size() > max_bytes) {
            errno = 0;
            return false;
        }
    }
}

}  // namespace

FileContent read_file(const std::string& path, size_t max_bytes)
{
    FileContent content;
    const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        content.error = std::string("cannot be opened: ") + std::strerror(errno);
        return content;
    }
    struct stat status = {};
    if (fstat(fd, &status) == 0) {
        content.mode = status.st_mode & 07777;
        content.open_to_others =
            S_ISREG(status.st_mode) && (status.st_mode & (S_IRWXG | S_IRWXO) & ~(S_IXGRP | S_IXOTH)) != 0;
    }
    if (!read_all(fd, max_bytes, content.text))
        content.error = errno != 0 ? std::string("cannot be read: ") + std::strerror(errno)
                                   : base::format("is larger than %zu bytes", max_bytes);
    close(fd);
    return content;
}

std::string beside(const std::string& from, const std::string& path)
{
    const size_t slash = from.rfind('/');
    if (path.starts_with('/') || slash == std::string::npos)
        return path;
    return from.substr(0, slash + 1) + path;
}

Source Source::from_file(const std::string& path)
{
    Source source;
    FileContent content = read_file(path, kMaxFileBytes);
    source.files_.push_back({path, content.open_to_others, content.mode});
    if (!content.error.empty()) {
        source.errors_.push_back(
            {0, content.error, "name a configuration file; config/README.md describes the format"});
        return source;
    }
    Scanner(source).scan(content.text, 0);
    return source;
}

Source Source::from_text(std::string_view text, const std::string& name)
{
    Source source;
    source.files_.push_back({name, false, 0});
    Scanner(source).scan(text, 0);
    return source;
}

Source::Place Source::place(unsigned line) const noexcept
{
    if (line == 0 || places_.empty())
        return {0, 0};
    return places_[line <= places_.size() ? line - 1 : places_.size() - 1];
}

std::optional<std::string_view> Source::secret(std::string_view reference) const
{
    if (!reference.starts_with(kSecretMark))
        return std::nullopt;
    const auto index = base::parse_unsigned(reference.substr(kSecretMark.size()));
    if (!index || *index >= secrets_.size())
        return std::nullopt;
    return secrets_[*index];
}

}  // namespace ipsecgw::config
