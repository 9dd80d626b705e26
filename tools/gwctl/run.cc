#include "gwctl/run.h"

#include <cerrno>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "gwctl/batch.h"
#include "gwctl/client.h"
#include "gwctl/key_words.h"
#include "gwctl/render.h"
#include "gwctl/stream.h"
#include "gwctl/top.h"

namespace ipsecgw::gwctl {

using base::Error;
using base::ErrorCode;
using base::Result;
using cli::Field;
using cli::Json;

namespace {

/// Takes the answer's lines and prints them in one of three ways.
class Printer {
 public:
    Printer(const Invocation& invocation, std::FILE* out) : invocation_(invocation), out_(out) {}

    Result<void> take(const Json& line)
    {
        if (const auto fields = line.find("fields"); fields != line.end()) {
            fields_ = GW_TRY(cli::fields_from_json(*fields));
            if (!shows_detail())
                table_.emplace(fields_);
            return {};
        }
        const auto row = line.find("row");
        if (row == line.end() || !row->is_object() || (!invocation_.json && fields_.empty()))
            return Error{ErrorCode::kUnavailable, "the gateway's answer has a line of an unknown form",
                         "gwctl and the gateway are of different versions"};
        if (invocation_.json)
            print_json(*row);
        else if (table_)
            table_->add(*row);
        else
            write((count_ > 0 ? "\n" : "") + detail(fields_, *row));
        count_++;
        return {};
    }
    void finish()
    {
        if (invocation_.json && is_list())
            write(count_ > 0 ? "\n]\n" : "[]\n");
        else if (table_)
            write(table_->text());
    }

 private:
    [[nodiscard]] bool is_list() const { return invocation_.command->shape == cli::Command::Shape::kList; }
    [[nodiscard]] bool shows_detail() const { return invocation_.json || invocation_.is_detailed || !is_list(); }
    void print_json(const Json& row)
    {
        if (is_list())
            write((count_ > 0 ? ",\n" : "[\n") + row.dump());
        else
            write(row.dump(2) + "\n");
    }
    void write(const std::string& text) { std::fwrite(text.data(), 1, text.size(), out_); }

    const Invocation& invocation_;
    std::FILE* out_;
    std::vector<Field> fields_;
    std::optional<Table> table_;
    size_t count_ = 0;
};

Exit end_of(const Error& error, std::FILE* errors)
{
    print(error, errors);
    switch (error.code) {
        case ErrorCode::kInvalidArgument:
            return Exit::kUsage;
        case ErrorCode::kUnavailable:
            return Exit::kNoGateway;
        default:
            return Exit::kRefused;
    }
}

Exit screen(const Invocation& invocation, Client& client, std::FILE* out, std::FILE* errors)
{
    const auto shown = top(invocation, client, out);
    return shown ? Exit::kOk : end_of(shown.error(), errors);
}

Exit stream(const Invocation& invocation, Client& client, std::FILE* out, std::FILE* errors)
{
    auto stream = Stream::create(invocation, out);
    if (!stream)
        return end_of(stream.error(), errors);
    client.wait_without_end();
    const Json request = {{"command", invocation.command->name}, {"args", invocation.args}};
    const auto outcome = client.ask(request, [&](const Json& line) {
        const auto row = line.find("row");
        return row != line.end() ? stream->take(*row) : Result<void>();
    });
    if (!outcome)
        return end_of(outcome.error(), errors);
    if (outcome->is_refused) {
        print(outcome->refusal, errors);
        return Exit::kRefused;
    }
    if (const std::string summary = stream->summary(); !summary.empty())
        std::fprintf(errors, "gwctl: %s\n", summary.c_str());
    return Exit::kOk;
}

/// The arguments with the keys that words name.
Result<Json> resolved(Json args)
{
    if (const auto words = args.find("words"); words != args.end())
        for (auto& word : *words)
            GW_TRY(resolve_key(word.get_ref<std::string&>()));
    return args;
}

Exit batch(Client& client, const Invocation& invocation, std::FILE* errors)
{
    const auto words = invocation.args.value("words", std::vector<std::string>());
    if (words.size() != 1) {
        print({ErrorCode::kInvalidArgument, "batch: which file?", "gwctl batch FILE, or - for standard input"}, errors);
        return Exit::kUsage;
    }
    const bool is_stdin = words[0] == "-";
    std::FILE* in = is_stdin ? stdin : std::fopen(words[0].c_str(), "re");
    if (in == nullptr) {
        print({ErrorCode::kIo, words[0] + ": " + std::strerror(errno), ""}, errors);
        return Exit::kUsage;
    }
    const auto outcome = run_batch(client, in, is_stdin ? "stdin" : words[0].c_str(), errors);
    if (!is_stdin)
        std::fclose(in);
    if (!outcome) {
        print(outcome.error(), errors);
        return Exit::kNoGateway;
    }
    if (outcome->refused == 0)
        return Exit::kOk;
    print({ErrorCode::kInvalidArgument,
           std::to_string(outcome->refused) + " of " + std::to_string(outcome->lines) + " lines refused; the others are done", ""},
          errors);
    return Exit::kRefused;
}

}  // namespace

void print(const Error& error, std::FILE* errors)
{
    const std::string hint = error.hint.empty() ? "" : " (" + error.hint + ")";
    std::fprintf(errors, "gwctl: %s%s\n", error.what.c_str(), hint.c_str());
}

Exit run(const Invocation& invocation, std::FILE* out, std::FILE* errors)
{
    if (invocation.wants == Invocation::Wants::kHelp) {
        std::fputs(help(invocation.command).c_str(), out);
        return Exit::kOk;
    }
    if (invocation.wants == Invocation::Wants::kVersion) {
        std::fputs("gwctl " IPSECGW_VERSION "\n", out);
        return Exit::kOk;
    }
    auto client = Client::connect(invocation.socket);
    if (!client) {
        print(client.error(), errors);
        return Exit::kNoGateway;
    }
    if (invocation.command->shape == cli::Command::Shape::kScreen)
        return screen(invocation, *client, out, errors);
    if (invocation.command->shape == cli::Command::Shape::kStream)
        return stream(invocation, *client, out, errors);
    if (invocation.command->name == "batch")
        return batch(*client, invocation, errors);
    auto args = resolved(invocation.args);
    if (!args) {
        print(args.error(), errors);
        return Exit::kUsage;
    }
    Json request = {{"command", invocation.command->name}, {"args", std::move(args).value()}};
    if (!invocation.json && invocation.command->shape != cli::Command::Shape::kNone)
        request["describe"] = true;
    Printer printer(invocation, out);
    const auto outcome = client->ask(request, [&](const Json& line) { return printer.take(line); });
    if (outcome)
        for (const auto& line : outcome->details)
            std::fprintf(errors, "%s\n", line.c_str());
    if (!outcome || outcome->is_refused) {
        std::fflush(out);
        print(outcome ? outcome->refusal : outcome.error(), errors);
        return outcome ? Exit::kRefused : Exit::kNoGateway;
    }
    printer.finish();
    if (std::fflush(out) != 0 || std::ferror(out) != 0) {
        print({ErrorCode::kIo, "cannot write the answer", ""}, errors);
        return Exit::kRefused;
    }
    return Exit::kOk;
}

}  // namespace ipsecgw::gwctl
