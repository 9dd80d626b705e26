// The text of a configuration: files read, @include expanded, keys taken out, and where each line came from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/secret_bytes.h"

namespace ipsecgw::config {

/// Frees only wiped memory: configuration text holds keys.
template <class T>
struct WipingAllocator {
    using value_type = T;
    WipingAllocator() = default;
    template <class U>
    WipingAllocator(const WipingAllocator<U>&) noexcept  // NOLINT(google-explicit-constructor)
    {
    }
    T* allocate(size_t n) { return std::allocator<T>().allocate(n); }
    void deallocate(T* p, size_t n) noexcept
    {
        base::wipe({reinterpret_cast<uint8_t*>(p), n * sizeof(T)});
        std::allocator<T>().deallocate(p, n);
    }
    friend bool operator==(const WipingAllocator&, const WipingAllocator&) noexcept { return true; }
};
using WipedString = std::basic_string<char, std::char_traits<char>, WipingAllocator<char>>;

/// A file, or why not.
struct FileContent {
    WipedString text;
    bool open_to_others = false;  // its mode lets group or others read or write it
    unsigned mode = 0;
    std::string error;  // empty: it was read
};
FileContent read_file(const std::string& path, size_t max_bytes);

/// `path` as seen from the folder of `from`.
std::string beside(const std::string& from, const std::string& path);

/// Something wrong in the text itself, before libconfig sees it.
struct SourceError {
    unsigned line = 0;  // of the expanded text; 0: the file as a whole
    std::string what;
    std::string hint;
};

/// The expanded text that libconfig parses. Three things it does to the text, none of which moves a line's content to
/// another file's line:
/// - comments go, and files named by @include come in, relative to the folder of the file that names them;
/// - strings assigned to a setting whose name begins with "key" or "secr" (but keymat_file and keyingtries) are replaced by
///   a reference to `secret()`, so that libconfig, whose copies nobody can wipe, never holds a key;
/// - integers beyond 32 bits get libconfig's suffix L, because it truncates them silently; those beyond 64 bits become
/// kOversized.
class Source {
  public:
    static constexpr int64_t kOversized = INT64_MAX;
    static constexpr size_t kMaxFileBytes = 64 << 20;

    struct File {
        std::string name;
        bool open_to_others = false;
        unsigned mode = 0;
    };
    struct Place {
        size_t file = 0;    // index in files()
        unsigned line = 0;  // from 1; 0: the file as a whole
    };

    static Source from_file(const std::string& path);
    static Source from_text(std::string_view text, const std::string& name);

    [[nodiscard]] const WipedString& text() const noexcept { return text_; }
    [[nodiscard]] const std::vector<SourceError>& errors() const noexcept { return errors_; }
    [[nodiscard]] const std::vector<File>& files() const noexcept { return files_; }
    /// Where a line of the expanded text, counted from 1, was written.
    [[nodiscard]] Place place(unsigned line) const noexcept;
    /// The text behind a reference; nothing when `reference` is none of ours.
    [[nodiscard]] std::optional<std::string_view> secret(std::string_view reference) const;
    /// An integer on this line did not fit 64 bits.
    [[nodiscard]] bool has_oversized(unsigned line) const { return oversized_.contains(line); }

  private:
    friend class Scanner;

    std::vector<File> files_;
    std::vector<Place> places_;  // [expanded line - 1]
    WipedString text_;
    std::vector<WipedString> secrets_;
    std::set<unsigned> oversized_;
    std::vector<SourceError> errors_;
};

}  // namespace ipsecgw::config
