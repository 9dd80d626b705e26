#include "gwctl/batch.h"

#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "cli/protocol.h"
#include "gwctl/key_words.h"

namespace ipsecgw::gwctl {

using base::Error;
using base::ErrorCode;
using base::Result;
using cli::Json;

namespace {

/// Left for the frame of a request around its lines.
constexpr size_t kFrameBytes = 128;

bool names_a_key(std::string_view line)
{
    return line.find("keymat=@") != std::string_view::npos || line.find("keymat_file=") != std::string_view::npos;
}

std::string in_quotes(const std::string& word)
{
    return word.find('"') == std::string::npos ? '"' + word + '"' : '\'' + word + '\'';
}

/// The line with what its key files hold.
Result<std::string> resolved(const std::string& line)
{
    auto words = GW_TRY(cli::split_words(line));
    std::string out;
    for (auto& word : words) {
        GW_TRY(resolve_key(word));
        out += (out.empty() ? "" : " ") + in_quotes(word);
    }
    return out;
}

class Batch {
 public:
    Batch(Client& client, const char* name, std::FILE* errors) : client_(client), name_(name), errors_(errors) {}

    Result<void> take(std::string line)
    {
        number_++;
        const auto text = base::trim(line);
        if (text.empty() || text.front() == '#')
            return {};
        outcome_.lines++;
        if (names_a_key(text)) {
            auto whole = resolved(line);
            if (!whole) {
                refuse(number_, whole.error().what, whole.error().hint);
                return {};
            }
            line = std::move(whole).value();
        }
        const size_t bytes = Json(line).dump(-1, ' ', false, Json::error_handler_t::replace).size() + 1;
        if (bytes + kFrameBytes > cli::kMaxRequestBytes) {
            refuse(number_, "the line is too long", base::format("a line has %zu bytes at most", cli::kMaxRequestBytes - kFrameBytes));
            return {};
        }
        if (bytes_ + bytes + kFrameBytes > cli::kMaxRequestBytes)
            GW_TRY(send());
        bytes_ += bytes;
        lines_.push_back(std::move(line));
        numbers_.push_back(number_);
        return {};
    }
    Result<BatchOutcome> finish()
    {
        if (!lines_.empty())
            GW_TRY(send());
        GW_TRY(send());  // of no lines: all is true when it is answered
        return outcome_;
    }

 private:
    void refuse(size_t number, const std::string& what, const std::string& hint)
    {
        outcome_.refused++;
        std::fprintf(errors_, "%s:%zu: %s%s\n", name_, number, what.c_str(), hint.empty() ? "" : (" (" + hint + ")").c_str());
    }
    Result<void> send()
    {
        const Json request = {{"command", "batch"}, {"args", {{"words", std::exchange(lines_, {})}}}};
        const auto numbers = std::exchange(numbers_, {});
        bytes_ = 0;
        const auto asked = GW_TRY(client_.ask(request, [&](const Json& line) -> Result<void> {
            const auto row = line.find("row");
            const size_t at = row == line.end() ? 0 : row->value("line", size_t{0});
            if (at == 0 || at > numbers.size())
                return Error{ErrorCode::kUnavailable, "the gateway's answer has a line of an unknown form",
                             "gwctl and the gateway are of different versions"};
            refuse(numbers[at - 1], row->at("what").get<std::string>(), row->at("hint").is_string() ? row->at("hint").get<std::string>() : "");
            return {};
        }));
        return asked.is_refused ? Result<void>(asked.refusal) : Result<void>();
    }

    Client& client_;
    const char* name_;
    std::FILE* errors_;
    BatchOutcome outcome_;
    size_t number_ = 0, bytes_ = 0;
    std::vector<std::string> lines_;
    std::vector<size_t> numbers_;  // of each of them
};

}  // namespace

Result<BatchOutcome> run_batch(Client& client, std::FILE* in, const char* name, std::FILE* errors)
{
    Batch batch(client, name, errors);
    char* buffer = nullptr;
    size_t size = 0;
    Result<void> taken;
    for (ssize_t got = 0; taken && (got = getline(&buffer, &size, in)) >= 0;)
        taken = batch.take(std::string(buffer, static_cast<size_t>(got)));
    std::free(buffer);
    if (!taken)
        return taken.error();
    return batch.finish();
}

}  // namespace ipsecgw::gwctl
