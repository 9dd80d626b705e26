#include "crypto/pem.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include <openssl/evp.h>

#include "base/text.h"

namespace ipsecgw::crypto {

using base::Error;
using base::ErrorCode;

namespace {

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kEnd = "-----END ";
constexpr std::string_view kDashes = "-----";

std::string_view text_of(std::span<const uint8_t> bytes) noexcept
{
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

/// The next line without its end; nothing when `text` is used up.
std::optional<std::string_view> next_line(std::string_view& text)
{
    if (text.empty())
        return std::nullopt;
    const size_t end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return base::trim(line);
}

/// What stands between `prefix` and the closing dashes.
std::optional<std::string_view> label_of(std::string_view line, std::string_view prefix)
{
    if (!line.starts_with(prefix) || !line.ends_with(kDashes) || line.size() < prefix.size() + kDashes.size())
        return std::nullopt;
    return line.substr(prefix.size(), line.size() - prefix.size() - kDashes.size());
}

/// Base64 without white space, padded. Nothing when it is not.
std::optional<base::SecretBytes> decode_base64(std::span<const uint8_t> text)
{
    if (text.empty() || text.size() % 4 != 0 || text.size() > INT32_MAX)
        return std::nullopt;
    const auto padding = static_cast<size_t>(std::count(text.end() - 2, text.end(), '='));
    const bool only_there = static_cast<size_t>(std::count(text.begin(), text.end(), '=')) == padding;
    if (!only_there || (padding == 1 && text.back() != '='))
        return std::nullopt;
    base::SecretBytes decoded(text.size() / 4 * 3);
    if (EVP_DecodeBlock(decoded.mutable_view().data(), text.data(), static_cast<int>(text.size())) < 0)
        return std::nullopt;
    return base::SecretBytes(decoded.view().first(decoded.size() - padding));  // EVP counts the padding as zeros
}

/// The lines up to the end of a block called `label`; `text` is behind it then.
base::Result<PemBlock> read_block(std::string_view label, std::string_view& text)
{
    PemBlock block{std::string(label), {}, false};
    base::SecretBytes digits(text.size());
    size_t used = 0;
    while (const auto line = next_line(text)) {
        if (const auto end = label_of(*line, kEnd)) {
            if (*end != label)
                break;
            if (!block.has_headers) {
                auto decoded = decode_base64(digits.view().first(used));
                if (!decoded)
                    return Error{ErrorCode::kInvalidArgument,
                                 base::format("the PEM block %s is not base64", block.label.c_str())};
                block.der = std::move(*decoded);
            }
            return block;
        }
        if (line->find(':') != std::string_view::npos)
            block.has_headers = true;
        for (const char c : *line)
            if (c != ' ' && c != '\t')
                digits.mutable_view()[used++] = static_cast<uint8_t>(c);
    }
    return Error{ErrorCode::kInvalidArgument, base::format("the PEM block %s has no end", block.label.c_str())};
}

}  // namespace

bool is_pem(std::span<const uint8_t> bytes) noexcept
{
    const auto text = text_of(bytes);
    return text.starts_with(kBegin) || text.find("\n-----BEGIN ") != std::string_view::npos;
}

base::Result<std::vector<PemBlock>> decode_pem(std::span<const uint8_t> bytes)
{
    constexpr size_t kMaxLabel = 64;
    std::vector<PemBlock> blocks;
    auto text = text_of(bytes);
    while (const auto line = next_line(text)) {
        const auto label = label_of(*line, kBegin);
        if (label && label->size() <= kMaxLabel)
            blocks.push_back(GW_TRY(read_block(*label, text)));
    }
    return blocks;
}

}  // namespace ipsecgw::crypto
