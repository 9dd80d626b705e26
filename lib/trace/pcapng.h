// Packets with comments as a pcapng file (draft-ietf-opsawg-pcapng): for what looks at packets, and has nothing of DPDK.
#pragma once

#include <cstdint>
#include <cstdio>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace ipsecgw::trace {

/// Link types of pcapng's registry.
enum class Link : uint16_t { kEthernet = 1, kRawIp = 101 };

/// Writes each packet when it is given: what is on disk is a whole file at any time.
class PcapngWriter {
  public:
    struct Packet {
        std::string_view interface;  // a name; each with its link type becomes an interface of the file
        Link link = Link::kEthernet;
        uint64_t unix_ns = 0;
        std::span<const uint8_t> bytes;
        uint32_t length = 0;  // of the packet; `bytes` may be fewer
        std::string_view comment = {};
    };
    /// Replaces the file; "-" is standard output. Made for its owner alone: packets in clear may be in it. kIo.
    static base::Result<PcapngWriter> create(const std::string& path, std::string_view application);
    ~PcapngWriter();
    PcapngWriter(PcapngWriter&& other) noexcept;
    PcapngWriter& operator=(PcapngWriter&&) = delete;

    base::Result<void> add(const Packet& packet);

  private:
    PcapngWriter(std::FILE* file, std::string path) : file_(file), path_(std::move(path)) {}
    base::Result<void> write(uint32_t type, const std::string& body);
    base::Result<uint32_t> interface_of(const Packet& packet);

    std::FILE* file_;
    std::string path_;
    std::map<std::pair<std::string, Link>, uint32_t> interfaces_;
};

}  // namespace ipsecgw::trace
