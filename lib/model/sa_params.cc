#include "model/sa_params.h"

#include "base/text.h"
#include "model/findings_internal.h"
#include "model/name.h"

namespace ipsecgw::model {
namespace {

using base::Error;

constexpr uint32_t kFirstFreeSpi = 256;    // RFC 4303 section 2.1: 0 to 255 are reserved
constexpr uint16_t kMinReplayWindow = 32;  // RFC 4303 section 3.4.3
constexpr uint16_t kMaxReplayWindow = 4096;
constexpr uint8_t kMaxDscp = 63;                  // RFC 2474 section 3: six bits
constexpr uint64_t kMaxSequence32 = 0xffff'ffff;  // RFC 4303 section 2.2

/// "32 of key then 4 of salt (RFC 4106 section 8.1)"
std::string describe_parts(const EspSuite& suite, const SuiteLayout& layout)
{
    std::vector<std::string> parts;
    if (layout.key_bytes != 0)
        parts.push_back(std::to_string(layout.key_bytes) + " of key");
    if (layout.salt_bytes != 0)
        parts.push_back(std::to_string(layout.salt_bytes) +
                        (suite.encryption == Encryption::kAesCtr ? " of nonce" : " of salt"));
    if (layout.integrity_key_bytes != 0)
        parts.push_back(std::to_string(layout.integrity_key_bytes) + " of integrity key");
    return base::join(parts, " then ");
}

std::string_view keymat_source(const EspSuite& suite)
{
    switch (suite.encryption) {
        case Encryption::kNull:
            return "RFC 4868 section 2.1.1";
        case Encryption::kAesCbc:
            return "RFC 7296 section 2.17";
        case Encryption::kAesCtr:
            return "RFC 3686 section 5.1";
        case Encryption::kAesGcm8:
        case Encryption::kAesGcm12:
        case Encryption::kAesGcm16:
            return "RFC 4106 section 8.1";
        case Encryption::kAesGmac:
            return "RFC 4543 section 5.4";
        case Encryption::kChaCha20Poly1305:
            return "RFC 7634 section 2";
    }
    return "";
}

std::string keymat_hint(const EspSuite& suite, const SuiteLayout& layout, size_t got)
{
    const std::string salt = suite.encryption == Encryption::kAesCtr ? "nonce" : "salt";
    if (layout.salt_bytes != 0 && got + layout.salt_bytes == layout.keymat_bytes())
        return "the " + salt + " is missing: " +
               (layout.integrity_key_bytes == 0
                    ? "append its " + std::to_string(layout.salt_bytes) + " bytes"
                    : "its " + std::to_string(layout.salt_bytes) + " bytes follow the cipher's key");
    if (layout.integrity_key_bytes != 0 && got != 0 && got + layout.integrity_key_bytes == layout.keymat_bytes())
        return "the integrity key is missing: append its " + std::to_string(layout.integrity_key_bytes) + " bytes";
    for (const uint16_t bits : kAesKeyBits) {
        EspSuite other = suite;
        other.key_bits = bits;
        if (suite.encryption != Encryption::kNull && suite.encryption != Encryption::kChaCha20Poly1305 &&
            other.layout().keymat_bytes() == got)
            return std::to_string(got) + " bytes are right for " + other.name() + ": change the proposal or the key";
    }
    return base::format("make it with: openssl rand -hex %u", layout.keymat_bytes());
}

void check_keymat(const SaParams& sa, Findings& findings)
{
    const SuiteLayout layout = sa.suite.layout();
    if (sa.keymat.size() == layout.keymat_bytes())
        return;
    findings.add("keymat",
                 base::format("%s wants %u bytes, %s (%s), got %zu", sa.suite.name().c_str(), layout.keymat_bytes(),
                              describe_parts(sa.suite, layout).c_str(), std::string(keymat_source(sa.suite)).c_str(),
                              sa.keymat.size()),
                 keymat_hint(sa.suite, layout, sa.keymat.size()));
}

void check_address(std::string_view field, const net::IpAddress& address, Findings& findings)
{
    const char* kind = address.is_unspecified()                            ? "the unspecified address"
                       : address.is_multicast()                            ? "a multicast address"
                       : address.is_loopback()                             ? "a loopback address"
                       : address == net::IpAddress::v4("\xff\xff\xff\xff") ? "the broadcast address"
                                                                           : nullptr;
    if (kind != nullptr)
        findings.add(
            field, address.to_string() + " is " + kind,
            field == "local" ? "write the gateway's own address on the unprotected side" : "write the peer's address");
}

void check_addresses(const SaParams& sa, Findings& findings)
{
    check_address("local", sa.local, findings);
    check_address("remote", sa.remote, findings);
    if (sa.local.family() != sa.remote.family())
        findings.add("remote",
                     sa.remote.to_string() + " and local " + sa.local.to_string() + " are of different families",
                     "both are IPv4 or both are IPv6");
    else if (sa.local == sa.remote && !sa.local.is_unspecified())
        findings.add("remote", sa.remote.to_string() + " is also the local address", "write the peer's address");
}

void check_sequence(const SaParams& sa, Findings& findings)
{
    if (sa.direction == Direction::kOutbound) {
        if (sa.first_sequence == 0)
            findings.add("first_sequence", "the first packet has number 1 (RFC 4303 section 3.3.3)", "leave it out");
        else if (!sa.esn && sa.first_sequence > kMaxSequence32)
            findings.add("first_sequence",
                         "it is beyond 4294967295, the last number without ESN (RFC 4303 section 2.2)",
                         "use ESN or a smaller number");
        return;
    }
    if (sa.first_sequence != 1)
        findings.add("first_sequence", "an inbound SA follows its sender's numbers", "set it on the outbound SA");
    if (sa.replay_window == 0) {
        if (sa.esn)
            findings.add("replay_window", "ESN needs a window to infer the high 32 bits (RFC 4303 section 3.4.3)",
                         "use 32 to 4096 packets, or leave out ESN on both ends");
        return;
    }
    if (sa.replay_window < kMinReplayWindow || sa.replay_window > kMaxReplayWindow)
        findings.add(
            "replay_window",
            base::format("%u is not 0 (off) or %u to %u packets", sa.replay_window, kMinReplayWindow, kMaxReplayWindow),
            "RFC 4303 section 3.4.3 wants 32 at least and prefers 64");
}

void check_transport(const SaParams& sa, Findings& findings)
{
    static constexpr const char* kHint =
        "transport mode keeps the packet's own IP header: remove it, or use mode tunnel";
    const TunnelHeader& header = sa.tunnel;
    const TunnelHeader plain;
    const auto refuse = [&](bool is_set, std::string_view field) {
        if (is_set)
            findings.add(field, "it shapes a tunnel header, and this SA has none", kHint);
    };
    refuse(header.dscp.has_value(), "dscp");
    refuse(header.copy_dscp_inward, "copy_dscp");
    refuse(header.ecn != plain.ecn, "ecn");
    refuse(header.df != plain.df, "df");
    refuse(header.copy_flow_label, "copy_flow_label");
    refuse(header.hop_limit != plain.hop_limit, "hop_limit");
    if (sa.tfc_pad_to != 0)
        findings.add("tfc_padding",
                     "a transport mode packet has no length of its own to tell padding by (RFC 4303 section 2.7)",
                     "remove it, or use mode tunnel");
}

void check_inbound_tunnel(const SaParams& sa, Findings& findings)
{
    static constexpr const char* kHint = "set it on the outbound SA";
    const TunnelHeader& header = sa.tunnel;
    const TunnelHeader plain;
    const auto refuse = [&](bool is_set, std::string_view field) {
        if (is_set)
            findings.add(field, "it shapes packets we send, and this SA is inbound", kHint);
    };
    refuse(header.dscp.has_value(), "dscp");
    refuse(header.df != plain.df, "df");
    refuse(header.copy_flow_label, "copy_flow_label");
    refuse(header.hop_limit != plain.hop_limit, "hop_limit");
    refuse(sa.tfc_pad_to != 0, "tfc_padding");
}

void check_outbound_tunnel(const SaParams& sa, Findings& findings)
{
    const TunnelHeader& header = sa.tunnel;
    if (header.copy_dscp_inward)
        findings.add("copy_dscp", "copying the outer DSCP inward is done by the receiver", "set it on the inbound SA");
    if (header.dscp && *header.dscp > kMaxDscp)
        findings.add("dscp", base::format("%u is not 0 to 63", *header.dscp), "DSCP has six bits (RFC 2474 section 3)");
    if (header.hop_limit == 0)
        findings.add("hop_limit", "packets with hop limit 0 go nowhere", "use 1 to 255; 64 is usual");
    if (!sa.local.is_v4() && header.df != DfPolicy::kCopy)
        findings.add("df", "the outer header is IPv6 and has no DF bit", "remove it");
    if (sa.local.is_v4() && header.copy_flow_label)
        findings.add("copy_flow_label", "the outer header is IPv4 and has no flow label", "remove it");
}

void check_limits(std::string_view unit, uint64_t soft, uint64_t hard, Findings& findings)
{
    if (soft != 0 && hard != 0 && soft >= hard)
        findings.add("lifetime.soft_" + std::string(unit), "the soft limit must be below the hard limit",
                     "the time between them is for a new SA to take over");
}

}  // namespace

SaParams SaParams::clone() const
{
    SaParams copy;
    copy.name = name;
    copy.tunnel_name = tunnel_name;
    copy.direction = direction;
    copy.spi = spi;
    copy.mode = mode;
    copy.local = local;
    copy.remote = remote;
    copy.suite = suite;
    copy.keymat = keymat.clone();
    copy.esn = esn;
    copy.replay_window = replay_window;
    copy.udp = udp;
    copy.tunnel = tunnel;
    copy.tfc_pad_to = tfc_pad_to;
    copy.lifetime = lifetime;
    copy.hw_offload = hw_offload;
    copy.engine = engine;
    copy.worker = worker;
    copy.first_sequence = first_sequence;
    return copy;
}

std::vector<Error> validate(const SaParams& sa)
{
    Findings findings;
    if (const auto named = check_name(sa.name); !named)
        findings.add("name", named.error().what, named.error().hint);
    if (sa.spi < kFirstFreeSpi)
        findings.add("spi", base::format("0x%x is reserved (RFC 4303 section 2.1)", sa.spi), "use 0x100 to 0xffffffff");
    check_addresses(sa, findings);
    check_keymat(sa, findings);
    check_sequence(sa, findings);
    if (sa.mode == Mode::kTransport)
        check_transport(sa, findings);
    else if (sa.direction == Direction::kInbound)
        check_inbound_tunnel(sa, findings);
    else
        check_outbound_tunnel(sa, findings);
    if (sa.udp && sa.udp->local_port == 0)
        findings.add("udp_encap.local_port", "0 is no port", "4500 is usual (RFC 3948 section 2.1)");
    if (sa.udp && sa.udp->remote_port == 0)
        findings.add("udp_encap.remote_port", "0 is no port", "4500 is usual (RFC 3948 section 2.1)");
    if (sa.worker && sa.direction == Direction::kOutbound)
        findings.add("worker", "all workers seal with an outbound SA", "pin the inbound SA");
    check_limits("packets", sa.lifetime.soft_packets, sa.lifetime.hard_packets, findings);
    check_limits("bytes", sa.lifetime.soft_bytes, sa.lifetime.hard_bytes, findings);
    check_limits("seconds", sa.lifetime.soft_seconds, sa.lifetime.hard_seconds, findings);
    return findings.take();
}

}  // namespace ipsecgw::model
