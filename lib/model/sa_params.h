// What an SA is, independent of who asked for it (RFC 4301 section 4.4.2.1). Every front end ends here.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/secret_bytes.h"
#include "model/algorithms.h"
#include "net/address.h"

namespace ipsecgw::model {

enum class Direction : uint8_t { kInbound, kOutbound };
enum class Mode : uint8_t { kTunnel, kTransport };

/// How the outer DF bit is made from the inner one (RFC 4301 section 8.1).
enum class DfPolicy : uint8_t { kCopy, kSet, kClear };
/// RFC 6040: kNormal copies at encapsulation and combines at decapsulation (its section 4); kOff sends Not-ECT and ignores
/// the outer field.
enum class EcnPolicy : uint8_t { kNormal, kOff };

/// ESP in UDP (RFC 3948). Ports are those seen on our packets: we send local -> remote.
struct UdpEncapsulation {
    uint16_t local_port = 4500;
    uint16_t remote_port = 4500;
};

/// Soft limits raise an event, hard limits stop the SA. 0 is none.
struct Lifetime {
    uint64_t soft_packets = 0;
    uint64_t hard_packets = 0;
    uint64_t soft_bytes = 0;
    uint64_t hard_bytes = 0;
    uint32_t soft_seconds = 0;
    uint32_t hard_seconds = 0;
};

/// How the tunnel header is made (RFC 4301 section 5.1.2). Outbound, except where noted.
struct TunnelHeader {
    std::optional<uint8_t> dscp;          // fixed value 0..63; without it the inner DSCP is copied
    bool copy_dscp_inward = false;        // inbound: set the inner DSCP from the outer one
    EcnPolicy ecn = EcnPolicy::kNormal;   // both directions
    DfPolicy df = DfPolicy::kCopy;
    bool copy_flow_label = false;         // IPv6 in IPv6; otherwise the outer label is 0
    uint8_t hop_limit = 64;
};

/// Which engine ciphers where the gateway does the rest of ESP. kAuto takes the fastest software that works and records which. kLookAside:
/// a look-aside device, and where hw_offload is kNo nothing else; where a port does the work after all, as kAuto.
enum class EngineChoice : uint8_t { kAuto, kCpuCrypto, kOpenssl, kLookAside };

/// Who does the work of an SA, in swanctl.conf's words. kNo: software. kCrypto ("yes", "crypto"): the port ciphers. kFull ("full", "packet"): the
/// port does it all. Both fail where the port cannot. kAuto: full, else crypto, else a look-aside device where configured, else
/// software; never fails.
enum class HwOffload : uint8_t { kNo, kCrypto, kFull, kAuto };

struct SaParams {
    std::string name;                     // unique in its gateway
    std::string tunnel_name;              // SAs of one tunnel share counters that outlive them; empty: the SA's own name
    Direction direction = Direction::kOutbound;
    uint32_t spi = 0;                     // 256 and up (RFC 4303 section 2.1)
    Mode mode = Mode::kTunnel;
    net::IpAddress local;                 // outer addresses (tunnel) or the hosts' (transport)
    net::IpAddress remote;
    EspSuite suite;
    base::SecretBytes keymat;             // key, salt, integrity key: SuiteLayout order
    bool esn = false;
    uint16_t replay_window = 64;          // packets; inbound; 0 is off
    std::optional<UdpEncapsulation> udp;
    TunnelHeader tunnel;
    uint16_t tfc_pad_to = 0;              // outbound tunnel: inner packets are padded to this many bytes; 0 is off
    Lifetime lifetime;
    HwOffload hw_offload = HwOffload::kNo;
    EngineChoice engine = EngineChoice::kAuto;
    std::optional<uint16_t> worker;       // inbound: pin the owner; otherwise the least loaded
    uint64_t first_sequence = 1;          // outbound: next sequence number; resumes an SA, for tests of the end of life

    /// A copy, key material included: explicit because a key is in it.
    [[nodiscard]] SaParams clone() const;
};

/// Everything that can be wrong with one SA by itself: SPI, key length, addresses of one family, window, limits,
/// options that need the other mode or direction. All errors, not the first; each `what` starts with the field's name and ": ".
std::vector<base::Error> validate(const SaParams& sa);

}  // namespace ipsecgw::model
