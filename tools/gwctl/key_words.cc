#include "gwctl/key_words.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iostream>
#include <string_view>

#include "base/text.h"

namespace ipsecgw::gwctl {
namespace {

using base::Error;
using base::ErrorCode;

constexpr size_t kMaxBytes = 4096;

base::Result<std::string> contents_of(const std::string& path)
{
    std::string text;
    if (path == "-") {
        std::getline(std::cin, text);
    } else {
        errno = 0;
        std::ifstream file(path, std::ios::binary);
        text.resize(kMaxBytes + 1);
        file.read(text.data(), static_cast<std::streamsize>(text.size()));
        if (!file.is_open() || file.bad())
            return Error{ErrorCode::kIo, path + ": " + std::strerror(errno != 0 ? errno : EIO), "it is to hold the key in hex"};
        text.resize(static_cast<size_t>(file.gcount()));
    }
    const std::string key(base::trim(std::string_view(text).substr(0, text.find('\0'))));
    if (key.empty() || text.size() > kMaxBytes)
        return Error{ErrorCode::kInvalidArgument, path + (key.empty() ? ": there is no key in it" : ": it is too long for a key"),
                     "it is to hold the key in hex"};
    return key;
}

}  // namespace

base::Result<void> resolve_key(std::string& word)
{
    static constexpr std::string_view kForms[] = {"keymat=@", "keymat_file="};
    for (const auto form : kForms)
        if (word.starts_with(form))
            word = "keymat=" + GW_TRY(contents_of(word.substr(form.size())));
    return {};
}

}  // namespace ipsecgw::gwctl
