#include <algorithm>
#include <cctype>
#include <limits>
#include <utility>

#include "base/text.h"
#include "config/scanner_internal.h"

namespace ipsecgw::config {
namespace {

bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}
bool is_name_start(char c)
{
    return std::isalpha(static_cast<unsigned char>(c)) != 0 || c == '*';
}
bool is_name(char c)
{
    return is_name_start(c) || is_digit(c) || c == '-' || c == '_';
}

/// Settings whose strings are kept from libconfig. Misspellings of keymat and secret are among them.
bool is_key_name(std::string_view name)
{
    if (name == "keymat_file" || name == "keyingtries")
        return false;
    return name.starts_with("key") || name.starts_with("secr") || name.starts_with("passphrase") || name == "psk";
}

/// The closing quote of the string that opens at text[0], or npos when its line ends first.
size_t string_end(std::string_view text)
{
    for (size_t i = 1; i < text.size() && text[i] != '\n'; i++) {
        if (text[i] == '"')
            return i;
        if (text[i] == '\\')
            i++;
    }
    return std::string_view::npos;
}

}  // namespace

void Scanner::scan(std::string_view text, size_t file)
{
    if (text.starts_with("\xef\xbb\xbf"))  // a byte order mark says nothing in UTF-8
        text.remove_prefix(3);
    Input in{text, file};
    begin_line(in);
    while (!in.done() && source_.errors_.size() < kMaxErrors)
        step(in);
    name_ = {};
}

void Scanner::step(Input& in)
{
    const char c = in.peek();
    if (c == '\n')
        return newline(in);
    if (is_blank(c)) {
        emit(in.text.substr(in.at++, 1));
        return;
    }
    const bool first = std::exchange(at_line_start_, false);
    if (c == '#' || (c == '/' && in.peek(1) == '/'))
        return skip_line_comment(in);
    if (c == '/' && in.peek(1) == '*')
        return skip_block_comment(in);
    if (c == '"')
        return take_string(in);
    in_secret_ = false;
    if (is_name_start(c))
        return take_name(in);
    if (is_digit(c))
        return take_number(in);
    if (c == '@') {
        if (first)
            return take_include(in);
        error("@include stands at the start of a line", "put it on a line of its own");
    } else if (c == '\0') {
        error("there is a NUL character", "this is no text file");
    } else if (c == '=' || c == ':') {
        assigned_ = !name_.empty();
        emit(in.text.substr(in.at, 1));
    } else {
        if (c == ';' || c == '{' || c == '}') {
            name_ = {};
            assigned_ = false;
        }
        emit(in.text.substr(in.at, 1));
    }
    in.at++;
}

void Scanner::newline(Input& in)
{
    emit("\n");
    in.at++;
    in.line++;
    begin_line(in);
}

void Scanner::begin_line(const Input& in)
{
    source_.places_.push_back({in.file, in.line});
    at_line_start_ = true;
}

void Scanner::skip_line_comment(Input& in)
{
    const size_t end = in.text.find('\n', in.at);
    in.at = end == std::string_view::npos ? in.text.size() : end;
}

void Scanner::skip_block_comment(Input& in)
{
    const size_t end = in.text.find("*/", in.at + 2);
    if (end == std::string_view::npos) {
        error("the comment that opens here is not closed", "add */");
        in.at = in.text.size();
        return;
    }
    emit(" ");
    while (in.at < end)
        if (in.peek() == '\n')
            newline(in);
        else
            in.at++;
    in.at = end + 2;
}

void Scanner::take_string(Input& in)
{
    const size_t end = string_end(in.rest());
    if (end == std::string_view::npos) {
        error("the string that opens here is not closed on its line", "add the closing quote");
        skip_line_comment(in);
        return;
    }
    const std::string_view quoted = in.text.substr(in.at, end + 1);
    in.at += end + 1;
    if (in_secret_) {
        source_.secrets_.back().append(quoted.substr(1, quoted.size() - 2));
        return;
    }
    if (!assigned_ || !is_key_name(name_)) {
        emit(quoted);
        return;
    }
    in_secret_ = true;
    source_.secrets_.emplace_back(quoted.substr(1, quoted.size() - 2));
    emit("\"" + std::string(kSecretMark) + std::to_string(source_.secrets_.size() - 1) + "\"");
}

void Scanner::take_name(Input& in)
{
    const size_t begin = in.at;
    while (is_name(in.peek()))
        in.at++;
    name_ = in.text.substr(begin, in.at - begin);
    assigned_ = false;
    emit(name_);
}

void Scanner::take_number(Input& in)
{
    const size_t begin = in.at;
    const bool hex = in.peek() == '0' && (in.peek(1) == 'x' || in.peek(1) == 'X');
    in.at += hex ? 2 : 0;
    while (hex ? std::isxdigit(static_cast<unsigned char>(in.peek())) != 0 : is_digit(in.peek()))
        in.at++;
    const std::string_view digits = in.text.substr(begin, in.at - begin);
    if (!hex && (in.peek() == '.' || in.peek() == 'e' || in.peek() == 'E')) {  // a fraction: libconfig's business
        while (is_digit(in.peek()) || in.peek() == '.' || in.peek() == 'e' || in.peek() == 'E')
            in.at++;
        emit(in.text.substr(begin, in.at - begin));
        return;
    }
    while (in.peek() == 'L')
        in.at++;
    const auto value = base::parse_unsigned(digits);
    if (hex && digits.size() == 2) {  // "0x" alone: libconfig's business too
        emit(digits);
        return;
    }
    if (!value || *value > std::numeric_limits<int64_t>::max()) {
        source_.oversized_.insert(current_line());
        emit(std::to_string(Source::kOversized) + "L");
        return;
    }
    emit(digits);
    if (*value > std::numeric_limits<int32_t>::max())
        emit("L");
}

void Scanner::take_include(Input& in)
{
    static constexpr std::string_view kWord = "@include";
    const size_t line_end = std::min(in.text.find('\n', in.at), in.text.size());
    std::string_view line = base::trim(in.text.substr(in.at, line_end - in.at));
    in.at = line_end;
    if (!line.starts_with(kWord) || line.size() == kWord.size() || !is_blank(line[kWord.size()]))
        return error("a line starts with @ and is no @include", "write it like @include \"keys.cfg\"");
    line = base::trim(line.substr(kWord.size()));
    const size_t close = line.starts_with('"') ? string_end(line) : std::string_view::npos;
    if (close == std::string_view::npos)
        return error("@include has no file name in quotes", "write it like @include \"keys.cfg\"");
    if (const auto after = base::trim(line.substr(close + 1));
        !after.empty() && !after.starts_with("#") && !after.starts_with("//"))
        return error("something follows the file name of @include", "put it on a line of its own");
    include(in, std::string(line.substr(1, close - 1)));
}

void Scanner::include(Input& in, const std::string& path)
{
    if (depth_ == kMaxDepth || source_.files_.size() == kMaxFiles)
        return error("it is one include too many: 10 deep and 256 in all is the limit",
                     "look for a file that includes itself");
    const std::string resolved = beside(source_.files_[in.file].name, path);
    const FileContent content = read_file(resolved, Source::kMaxFileBytes);
    if (!content.error.empty())
        return error("\"" + resolved + "\" " + content.error, "the name is relative to the folder of this file");
    source_.files_.push_back({resolved, content.open_to_others, content.mode});
    const std::string_view name = std::exchange(name_, {});
    emit("\n");
    depth_++;
    scan(content.text, source_.files_.size() - 1);
    depth_--;
    emit("\n");
    begin_line(in);
    name_ = name;
}

void Scanner::error(std::string what, std::string hint)
{
    source_.errors_.push_back({current_line(), std::move(what), std::move(hint)});
}

}  // namespace ipsecgw::config
