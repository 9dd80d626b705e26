#include "support/site.h"

namespace ipsecgw::test {

namespace {

std::string number_text(int number)
{
    return std::to_string(number);
}
int other(int number)
{
    return 3 - number;
}

}  // namespace

std::unique_ptr<Gateway> make_site(const SiteSpec& spec)
{
    const std::string n = number_text(spec.number), m = number_text(other(spec.number));
    GatewaySpec gateway;
    gateway.ports = {
        {.name = "lan",
         .role = model::PortRole::kProtected,
         .addresses = {"10." + n + ".0.1/24", "2001:db8:" + n + "::1/64", "fe80::" + n + "/64"},
         .mtu = spec.lan_mtu,
         .tx_slots = spec.tx_slots},
        {.name = "wan",
         .role = spec.wan_role,
         .addresses = {"192.0.2." + n + "/24", "2001:db8:ff::" + n + "/64"},
         .mtu = spec.wan_mtu,
         .tx_queues = spec.wan_tx_queues,
         .tx_slots = spec.tx_slots},
    };
    gateway.workers = spec.workers;
    gateway.icmp_errors = spec.icmp_errors;
    gateway.reassembly = spec.reassembly;
    gateway.mbufs = spec.mbufs;
    gateway.punt_slots = spec.punt_slots;
    gateway.kind = spec.kind;
    auto site = std::make_unique<Gateway>(gateway);
    site->add_route("10." + m + ".0.0/24", kWan, "192.0.2." + m);
    site->add_route("2001:db8:" + m + "::/64", kWan, "2001:db8:ff::" + m);
    site->add_route("203.0.113.0/24", kWan, "192.0.2." + m);
    for (const char* host : {".0.5", ".0.6"})
        site->add_neighbour(kLan, "10." + n + host, kHostMac);
    site->add_neighbour(kLan, "2001:db8:" + n + "::5", kHostMac);
    site->add_neighbour(kWan, "192.0.2." + m, "02:cc:00:00:00:0" + m);
    site->add_neighbour(kWan, "192.0.2.99", "02:cc:00:00:00:99");
    site->add_neighbour(kWan, "2001:db8:ff::" + m, "02:cc:00:00:00:0" + m);
    return site;
}

uint32_t spi_of(int from)
{
    return 0x1000u * static_cast<uint32_t>(from) + 1;
}

model::SaParams sa_params(const Tunnel& tunnel, int from, model::Direction direction)
{
    model::SaParams params;
    params.name = "from-" + number_text(from);
    params.direction = direction;
    params.spi = spi_of(from);
    params.mode = tunnel.mode;
    const auto address = [&](int site) {
        const std::string n = number_text(site);
        if (tunnel.mode == model::Mode::kTransport)
            return must(net::IpAddress::parse(tunnel.outer_ipv6 ? "2001:db8:" + n + "::5" : "10." + n + ".0.5"));
        return must(net::IpAddress::parse(tunnel.outer_ipv6 ? "2001:db8:ff::" + n : "192.0.2." + n));
    };
    const int local = direction == model::Direction::kOutbound ? from : other(from);
    params.local = address(local);
    params.remote = address(other(local));
    params.suite = tunnel.suite;
    params.esn = tunnel.esn;
    params.replay_window = tunnel.window;
    if (tunnel.udp)
        params.udp = model::UdpEncapsulation{};
    params.engine = tunnel.engine;
    if (direction == model::Direction::kOutbound)
        params.tfc_pad_to = tunnel.tfc_pad_to;
    base::SecretBytes key(tunnel.suite.layout().keymat_bytes());
    uint8_t byte = static_cast<uint8_t>(17 * from);
    for (auto& b : key.mutable_view())
        b = byte++;
    params.keymat = std::move(key);
    return params;
}

std::string why_not(const Tunnel& tunnel, sa::OffloadKind kind)
{
    using model::Encryption;
    switch (kind) {
        case sa::OffloadKind::kSoftware:
            break;
        case sa::OffloadKind::kLookAside:
            if (look_aside_driver() == "crypto_openssl" &&
                (tunnel.suite.encryption == Encryption::kChaCha20Poly1305 ||
                 tunnel.suite.encryption == Encryption::kAesGcm8 || tunnel.suite.encryption == Encryption::kAesGcm12))
                return "look-aside: the openssl driver does not do " + tunnel.suite.name();
            break;
        case sa::OffloadKind::kInlineCrypto:
            if (tunnel.esn)
                return "inline crypto: the high half of the sequence number is not in the packet";
            if (tunnel.udp && tunnel.outer_ipv6)
                return "inline crypto: the UDP checksum over IPv6 covers the ciphertext, which comes too late";
            break;
        case sa::OffloadKind::kFullProtocol:
            if (tunnel.tfc_pad_to != 0)
                return "full protocol: a port that frames does not send TFC padding";
            break;
    }
    return {};
}

std::vector<std::string> lan_of(int number)
{
    const std::string n = number_text(number);
    return {"10." + n + ".0.0/24", "2001:db8:" + n + "::/64"};
}

Ends install(Gateway& gateway, int number, const Tunnel& tunnel, uint16_t owner)
{
    Ends ends;
    ends.inbound = &gateway.add_inbound(sa_params(tunnel, other(number), model::Direction::kInbound), lan_of(number),
                                        lan_of(other(number)), owner);
    ends.outbound = &gateway.add_outbound(sa_params(tunnel, number, model::Direction::kOutbound));
    ends.policy =
        &gateway.add_policy("tunnel", model::Action::kProtect, lan_of(number), lan_of(other(number)), ends.outbound);
    return ends;
}

Ip between_hosts(int from, bool ipv6)
{
    const std::string n = number_text(from), m = number_text(other(from));
    if (ipv6)
        return {.source = "2001:db8:" + n + "::5", .destination = "2001:db8:" + m + "::5"};
    return {.source = "10." + n + ".0.5", .destination = "10." + m + ".0.5"};
}

}  // namespace ipsecgw::test
