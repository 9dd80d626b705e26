// Rows that come as they happen: traces and captures.
#pragma once

#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>

#include "base/result.h"
#include "gwctl/options.h"
#include "trace/pcapng.h"

namespace ipsecgw::gwctl {

/// Prints each row when it comes, as a line for people or an object of JSON, and writes its bytes to the file of --write.
class Stream {
  public:
    /// kInvalidArgument where nothing would come of it; kIo for the file.
    static base::Result<Stream> create(const Invocation& invocation, std::FILE* out);

    base::Result<void> take(const cli::Json& row);
    /// What there is to say in the end, on the errors' side.
    [[nodiscard]] std::string summary() const;

  private:
    Stream(const Invocation& invocation, std::FILE* out) : invocation_(invocation), out_(out) {}
    base::Result<void> write(const cli::Json& row, const std::string& line);
    [[nodiscard]] bool prints_text() const;

    const Invocation& invocation_;
    std::FILE* out_;
    std::optional<trace::PcapngWriter> file_;
    uint64_t first_ns_ = 0;
    uint64_t rows_ = 0, lost_ = 0;
};

}  // namespace ipsecgw::gwctl
