// A small valid configuration to break, and a folder for files.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdlib.h>
#include <string>
#include <sys/stat.h>

#include <gtest/gtest.h>

#include "config/config.h"

namespace ipsecgw::config {

inline const std::string kPorts = R"(ports = (
 { name = "lan"; device = "net_null0"; role = "protected"; addresses = "10.1.0.1/24"; },
 { name = "wan"; device = "net_null1"; role = "unprotected"; addresses = [ "198.51.100.1/24", "2001:db8::1/64" ]; });
)";

/// Random, of the length of aes128gcm16's keying material; made with openssl rand.
inline const std::string kKeyOut = "8c2b7a5e1f90d3446ab1c7e2905f3d18a7c4e6b2";
inline const std::string kKeyIn = "51d07e3ac9f8426b9e13d5a0b8c7f264903ae1d7";

/// The settings of one SA; `more` overrides nothing, it adds.
inline std::string sa_text(const std::string& name, const std::string& direction, const std::string& spi,
                           const std::string& key, const std::string& more = {})
{
    return "{ name = \"" + name + "\"; direction = \"" + direction + "\"; spi = " + spi +
           "; local = \"198.51.100.1\"; remote = \"198.51.100.2\"; proposal = \"aes128gcm16-esn\"; keymat = \"" + key +
           "\"; " + more + " }";
}

inline std::string pair_text(const std::string& more_out = {}, const std::string& more_in = {})
{
    return "sas = (\n " + sa_text("out", "out", "0x1001", kKeyOut, more_out) + ",\n " +
           sa_text("in", "in", "0x1002", kKeyIn, more_in) + ");\n";
}

inline const std::string kPolicies = R"(policies = (
 { name = "site"; action = "protect"; local_ts = "10.1.0.0/24"; remote_ts = "10.2.0.0/24"; sa = "out"; sa_in = "in"; });
)";

inline std::string valid_text()
{
    return kPorts + pair_text() + kPolicies;
}

inline std::string text_of(const std::vector<Problem>& problems)
{
    std::string out;
    for (const auto& problem : problems)
        out += problem.to_string() + "\n";
    return out;
}

/// All problems of a text called "t.cfg".
inline std::string errors_of(const std::string& text)
{
    return text_of(load_text(text, "t.cfg").errors);
}
inline std::string warnings_of(const std::string& text)
{
    const auto loaded = load_text(text, "t.cfg");
    EXPECT_EQ(text_of(loaded.errors), "");
    return text_of(loaded.warnings);
}

inline std::string slurp(const std::string& path)
{
    std::ostringstream out;
    out << std::ifstream(path).rdbuf();
    return out.str();
}

/// A folder that goes with everything in it.
class TemporaryFolder {
  public:
    TemporaryFolder()
    {
        std::string pattern = testing::TempDir() + "config-XXXXXX";
        path_ = mkdtemp(pattern.data());
    }
    ~TemporaryFolder() { std::filesystem::remove_all(path_); }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    std::string write(const std::string& name, const std::string& text, mode_t mode = 0600) const
    {
        const std::string path = path_ + "/" + name;
        std::ofstream(path) << text;
        chmod(path.c_str(), mode);
        return path;
    }
    [[nodiscard]] const std::string& path() const { return path_; }

  private:
    std::string path_;
};

}  // namespace ipsecgw::config
