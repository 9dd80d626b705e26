// Commands to answers: what a request reads, as pages of rows.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/protocol.h"
#include "cli/source.h"

namespace ipsecgw::cli {

/// Rows made at a time: what one client may cost one turn of the control loop.
inline constexpr size_t kPageRows = 64;

/// An answer that is made while it is sent, so that a large table is never in memory as text.
struct Reply {
    std::vector<Field> fields;
    /// Appends the next page, at most kPageRows; false: that was the last.
    std::function<bool(std::vector<Json>& page)> next;
    /// Of an answer that has to wait for something; null: it has not. Shared with who ends it.
    struct Outcome {
        bool is_known = false;
        std::optional<base::Error> error;  // instead of rows
        std::vector<std::string> details;  // lines a person reads before the error
        std::function<bool(std::vector<Json>& page)> rows = nullptr;  // in place of Reply::next, where they were not known
    };
    std::shared_ptr<Outcome> outcome = nullptr;

    /// Of an answer that comes in parts: whether there is something for next() to do; null: always.
    std::function<bool()> ready = nullptr;

    [[nodiscard]] bool waits() const { return (outcome != nullptr && !outcome->is_known) || (ready != nullptr && !ready()); }
};

/// `args` is the request's object, or null. An unknown command, argument or value is kInvalidArgument; nothing of that name or
/// number kNotFound. `source` outlives the reply.
base::Result<Reply> answer(const Source& source, std::string_view command, const Json& args);

/// The SAs whose SPI or name `text` is, as in `sa show`; for other front ends. kNotFound when there is none.
base::Result<std::vector<control::SaStatus>> find_sas(const Source& source, std::string_view text);

}  // namespace ipsecgw::cli
