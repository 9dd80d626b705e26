#include "base/text.h"

#include <algorithm>
#include <charconv>
#include <cstdarg>
#include <cstdio>
#include <numeric>
#include <utility>

namespace ipsecgw::base {
namespace {

int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int base64_digit(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

bool is_hex_separator(char c)
{
    return c == ':' || c == ' ' || c == '_';
}

}  // namespace

std::optional<SecretBytes> decode_hex(std::string_view text)
{
    if (text.starts_with("0x") || text.starts_with("0X"))
        text.remove_prefix(2);
    const auto digits = text.size() - static_cast<size_t>(std::count_if(text.begin(), text.end(), is_hex_separator));
    if (digits % 2 != 0)
        return std::nullopt;
    SecretBytes out(digits / 2);
    size_t at = 0;
    for (size_t i = 0; i < text.size();) {
        if (is_hex_separator(text[i])) {
            i++;
            continue;
        }
        const int high = hex_digit(text[i]);
        const int low = i + 1 < text.size() ? hex_digit(text[i + 1]) : -1;
        if (high < 0 || low < 0)
            return std::nullopt;
        out.mutable_view()[at++] = static_cast<uint8_t>(high * 16 + low);
        i += 2;
    }
    return out;
}

std::optional<SecretBytes> decode_base64(std::string_view text)
{
    const bool padded = text.ends_with('=');
    if (padded && text.size() % 4 != 0)
        return std::nullopt;
    for (int i = 0; i < 2 && text.ends_with('='); i++)
        text.remove_suffix(1);
    if (text.size() % 4 == 1)
        return std::nullopt;
    SecretBytes out(text.size() * 3 / 4);
    size_t at = 0;
    uint32_t bits = 0;
    for (size_t i = 0; i < text.size(); i++) {
        const int digit = base64_digit(text[i]);
        if (digit < 0)
            return std::nullopt;
        bits = bits << 6 | static_cast<uint32_t>(digit);
        if (i % 4 != 0)  // the first digit of four completes no byte
            out.mutable_view()[at++] = static_cast<uint8_t>(bits >> (6 - 2 * (i % 4)));
    }
    return out;
}

std::optional<uint64_t> parse_unsigned(std::string_view text)
{
    int radix = 10;
    if (text.starts_with("0x") || text.starts_with("0X")) {
        radix = 16;
        text.remove_prefix(2);
    }
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, radix);
    if (error != std::errc() || end != text.data() + text.size() || text.empty())
        return std::nullopt;
    return value;
}

std::vector<std::string_view> split(std::string_view text, char separator)
{
    std::vector<std::string_view> parts;
    for (;;) {
        const size_t at = text.find(separator);
        parts.push_back(text.substr(0, at));
        if (at == std::string_view::npos)
            return parts;
        text.remove_prefix(at + 1);
    }
}

std::string_view trim(std::string_view text)
{
    const size_t first = text.find_first_not_of(" \t\r\n");
    if (first == std::string_view::npos)
        return {};
    return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string join(const std::vector<std::string>& parts, std::string_view separator)
{
    std::string out;
    for (size_t i = 0; i < parts.size(); i++) {
        if (i != 0)
            out += separator;
        out += parts[i];
    }
    return out;
}

std::string format(const char* fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    va_list again;
    va_copy(again, args);
    const int length = std::vsnprintf(nullptr, 0, fmt, args);
    va_end(args);
    std::string out(length < 0 ? 0 : static_cast<size_t>(length), '\0');
    std::vsnprintf(out.data(), out.size() + 1, fmt, again);
    va_end(again);
    return out;
}

std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates)
{
    std::optional<std::string> best;
    size_t best_distance = word.size() / 3 + 2;
    for (const auto& candidate : candidates) {
        std::vector<size_t> row(candidate.size() + 1);
        std::iota(row.begin(), row.end(), size_t{0});
        for (size_t i = 1; i <= word.size(); i++) {
            size_t diagonal = std::exchange(row[0], i);
            for (size_t j = 1; j <= candidate.size(); j++) {
                const size_t substituted = diagonal + (word[i - 1] == candidate[j - 1] ? 0 : 1);
                diagonal = row[j];
                row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
            }
        }
        if (row.back() < best_distance) {
            best_distance = row.back();
            best = candidate;
        }
    }
    return best;
}

}  // namespace ipsecgw::base
