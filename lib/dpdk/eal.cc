#include "dpdk/eal.h"

#include <cstdio>
#include <string>
#include <string_view>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>

#include "base/text.h"
#include "dpdk/eal_internal.h"

namespace ipsecgw::dpdk {

using base::Error;
using base::ErrorCode;

namespace {

/// EAL's errno is ambiguous, its log is not: passes every line on to stderr and keeps it for explain().
class LogTap {
  public:
    LogTap()
    {
        cookie_io_functions_t functions{};
        functions.write = [](void* tap, const char* text, size_t size) -> ssize_t {
            static_cast<LogTap*>(tap)->text_.append(text, size);
            return static_cast<ssize_t>(std::fwrite(text, 1, size, stderr));
        };
        stream_ = fopencookie(this, "w", functions);
        if (stream_ != nullptr) {
            setvbuf(stream_, nullptr, _IONBF, 0);
            rte_openlog_stream(stream_);
        }
    }
    ~LogTap()
    {
        if (stream_ == nullptr)
            return;
        rte_openlog_stream(nullptr);
        std::fclose(stream_);
    }
    LogTap(const LogTap&) = delete;
    LogTap& operator=(const LogTap&) = delete;

    [[nodiscard]] const std::string& text() const noexcept { return text_; }

  private:
    std::string text_;
    FILE* stream_ = nullptr;
};

/// The last line that tells something: EAL repeats some without their subject.
std::string last_line(std::string_view log)
{
    std::string_view line;
    for (const auto candidate : base::split(log, '\n')) {
        if (!base::trim(candidate).empty())
            line = base::trim(candidate);
    }
    if (line.starts_with("EAL: "))
        line.remove_prefix(5);
    return std::string(line);
}

bool has(std::string_view log, std::string_view words)
{
    return log.find(words) != std::string_view::npos;
}

}  // namespace

Error explain(const EalFailure& failure)
{
    const std::string line = last_line(failure.log);
    const auto what = [&](std::string_view reason) { return "DPDK did not start: " + std::string(reason); };

    if (has(failure.log, "Is another primary process running"))
        return {ErrorCode::kAlreadyExists, what("another DPDK process holds the lock of this file prefix"),
                "stop that process, or give this one a --file-prefix of its own"};
    if (failure.error == EALREADY)
        return {ErrorCode::kAlreadyExists, what("it has been started in this process before"), ""};
    if (has(failure.log, "hugepage information") || (has(failure.log, "No free") && has(failure.log, "hugepages")))
        return {failure.root ? ErrorCode::kResourceExhausted : ErrorCode::kPermissionDenied,
                what(failure.root ? "no huge pages are free" : "no huge pages this user may use"),
                std::string("mount huge pages: sysctl vm.nr_hugepages=512, or run with --no-huge -m 512") +
                    (failure.root ? "" : "; huge pages and network devices need root")};
    if (failure.error == ENOMEM || has(failure.log, "Cannot init memory"))
        return {ErrorCode::kResourceExhausted, what("not enough memory"),
                failure.without_huge_pages
                    ? "lower -m, or free memory on this machine"
                    : "free huge pages: sysctl vm.nr_hugepages=512, or run with --no-huge -m 512"};
    if (failure.error == EACCES || failure.error == EPERM || has(failure.log, "Permission denied"))
        return {ErrorCode::kPermissionDenied, what("permission denied: " + line),
                failure.root ? "" : "run as root: huge pages and network devices need it"};
    if (has(failure.log, "failed to parse device") || failure.error == ENODEV)
        return {ErrorCode::kNotFound, what(line), "check the device after -a or --vdev"};
    if (has(failure.log, "Cannot init plugins"))
        return {ErrorCode::kInvalidArgument, what("a plugin given with -d did not load"),
                "the file must exist and not lie below a world-writable directory"};
    if (failure.error == EINVAL || line.empty())
        return {ErrorCode::kInvalidArgument, what("it does not accept its options" + (line.empty() ? "" : ": " + line)),
                "options before \"--\" are DPDK's: see --help; the gateway's own come after \"--\""};
    return {ErrorCode::kUnavailable, what(line), ""};
}

base::Result<Eal> Eal::init(std::span<char*> args)
{
    bool without_huge_pages = false;
    for (const char* word : args) {
        if (std::string_view(word) == "--")
            break;
        without_huge_pages |= std::string_view(word) == "--no-huge";
    }
    LogTap tap;
    const int consumed = rte_eal_init(static_cast<int>(args.size()), args.data());
    if (consumed < 0)
        return explain({rte_errno, tap.text(), without_huge_pages, geteuid() == 0});
    return Eal(consumed);
}

Eal::~Eal()
{
    if (words_consumed_ >= 0)
        rte_eal_cleanup();
}

}  // namespace ipsecgw::dpdk
