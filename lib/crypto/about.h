// Which OpenSSL this process runs with: for people who ask what ciphers on this machine.
#pragma once

#include <string>
#include <vector>

namespace ipsecgw::crypto {

struct LibraryInfo {
    std::string version;   // "OpenSSL 3.0.15 3 Sep 2024", of the library loaded, not of the headers
    std::string features;  // what it found of the processor: "OPENSSL_ia32cap=0x...", "OPENSSL_armcap=0x..."
    std::vector<std::string> providers;  // loaded: "default"
    std::string engines_directory;       // where engine modules of the distribution or the vendor are
};

/// Threads: any.
LibraryInfo library_info();

}  // namespace ipsecgw::crypto
