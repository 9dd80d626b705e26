// One pass over the characters of a file, ahead of libconfig's own grammar.
#pragma once

#include <string>
#include <string_view>

#include "config/source_internal.h"

namespace ipsecgw::config {

/// Stands for a key in the text that libconfig sees, followed by its index.
inline constexpr std::string_view kSecretMark = "secret #";

/// Appends a file's text to a Source as Source's comment describes.
class Scanner {
  public:
    explicit Scanner(Source& source) : source_(source) {}

    /// `file` is the index of the text's file in the source.
    void scan(std::string_view text, size_t file);

  private:
    static constexpr unsigned kMaxDepth = 10;  // as libconfig's
    static constexpr size_t kMaxFiles = 256;
    static constexpr size_t kMaxErrors = 100;  // of a file that is no configuration at all

    /// One file being scanned; includes nest.
    struct Input {
        std::string_view text;
        size_t file;
        size_t at = 0;
        unsigned line = 1;

        [[nodiscard]] bool done() const { return at >= text.size(); }
        [[nodiscard]] char peek(size_t ahead = 0) const { return at + ahead < text.size() ? text[at + ahead] : '\0'; }
        [[nodiscard]] std::string_view rest() const { return text.substr(at); }
    };

    void step(Input& in);
    void newline(Input& in);
    void skip_line_comment(Input& in);
    void skip_block_comment(Input& in);
    void take_string(Input& in);
    void take_name(Input& in);
    void take_number(Input& in);
    void take_include(Input& in);
    void include(Input& in, const std::string& path);
    void begin_line(const Input& in);
    void emit(std::string_view text) { source_.text_.append(text); }
    void error(std::string what, std::string hint);
    [[nodiscard]] unsigned current_line() const { return static_cast<unsigned>(source_.places_.size()); }

    Source& source_;
    unsigned depth_ = 0;
    bool at_line_start_ = true;  // only blanks since the last newline
    std::string_view name_;      // of the setting whose value comes next
    bool assigned_ = false;      // its '=' or ':' was there
    bool in_secret_ = false;     // the last value was a key: an adjacent string continues it
};

}  // namespace ipsecgw::config
