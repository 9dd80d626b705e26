"""Outer IPv6, UDP encapsulation, transport mode, traffic flow confidentiality."""

import gateways
from net import ESP, IP, UDP, IPv6, Raw, check, is_forwarded, layer3

GATEWAY = gateways.TUNNELS


def _round_trip(net, name):
    for make_out, make_in in ((net.out4, net.in4), (net.out6, net.in6)):
        sent = make_out(name)
        net.lan.send(sent)
        inner = net.from_gateway(name).open(net.esp_arrives()[0])
        check(bytes(inner.payload) == bytes(sent.payload), "another payload came out")
        sent = make_in(name)
        net.wan.send(net.to_gateway(name).seal(sent))
        check(bytes(net.arrives(net.lan)[0].payload) == bytes(sent.payload), "another payload came in")


def case_outer_ipv6(net):
    """Both families travel in an IPv6 tunnel."""
    _round_trip(net, "outer6")


def case_udp_over_ipv4(net):
    """ESP in UDP over IPv4 (RFC 3948): port 4500 both ways, checksum 0."""
    net.lan.send(net.out4("nat-t"))
    frames = net.wan.collect(is_forwarded)
    check(frames, f"nothing came; drops: {net.losses()}")
    udp = layer3(frames[0])[UDP]
    check((udp.sport, udp.dport, udp.chksum) == (4500, 4500, 0), f"UDP header {udp.sport} {udp.dport} {udp.chksum:#x}")
    _round_trip(net, "nat-t")


def case_udp_over_ipv6(net):
    """ESP in UDP over IPv6."""
    _round_trip(net, "nat-t6")


def case_nat_keepalive(net):
    """A one-byte NAT keepalive is consumed, not forwarded (RFC 3948 section 2.3)."""
    with net.drops("nat-keepalive"):
        net.wan.send(IP(src=gateways.PEER4, dst=gateways.OUTER4) / UDP(sport=4500, dport=4500) / Raw(b"\xff"))


def case_plain_esp_on_a_udp_sa(net):
    """An SA with UDP encapsulation takes no plain ESP."""
    packet = net.to_gateway("nat-t").seal(net.in4("nat-t"))
    plain = IP(src=packet.src, dst=packet.dst, proto=50) / bytes(packet[UDP].payload)
    with net.drops("encap-mismatch"):
        net.wan.send(plain)


def case_transport_mode(net):
    """Transport mode keeps the IP header and protects the rest (RFC 4303 section 3.1.1)."""
    for name in net.possible("transport", "cbc-transport"):
        sent = net.out4(name)
        net.lan.send(sent)
        packet = net.esp_arrives()[0]
        check((packet.src, packet.dst) == (sent.src, sent.dst), f"addresses {packet.src} {packet.dst}")
        inner = net.from_gateway(name).open(packet)
        check(bytes(inner[UDP]) == bytes(IP(bytes(sent))[UDP]), "another payload came out")
        sent = net.in4(name)
        net.wan.send(net.to_gateway(name).seal(sent))
        check(bytes(net.arrives(net.lan)[0][UDP]) == bytes(IP(bytes(sent))[UDP]), "another payload came in")


def case_tfc_padding_is_sent(net):
    """Short inner packets are padded (RFC 4303 section 2.7): the wire shows one length."""
    lengths = set()
    for size in (1, 20, 100, 180):
        sent = net.out4("tfc", size)
        net.lan.send(sent)
        packet = net.esp_arrives()[0]
        lengths.add(len(bytes(packet[ESP])))
        inner = net.from_gateway("tfc").open(packet)
        check(bytes(inner)[20:inner.len] == bytes(sent.payload), "another payload came out")
    check(len(lengths) == 1, f"ESP lengths {sorted(lengths)}")


def case_tfc_padding_is_accepted(net):
    """Bytes behind the inner packet and before the trailer are padding and taken off."""
    sent = net.in4("outer6")
    built = IP(bytes(sent))     # its length field is set, so what follows is behind the packet
    net.wan.send(net.to_gateway("outer6").seal(built / Raw(bytes(100))))
    inner = net.arrives(net.lan)[0]
    check(bytes(inner.payload) == bytes(sent.payload), "another payload came in")


def case_dummy_packet(net):
    """A dummy packet, next header 59, is authenticated, consumed and counted (RFC 4303 section 2.6)."""
    with net.drops("dummy"):
        net.wan.send(net.to_gateway("aes128gcm16").seal_odd(net.in4("aes128gcm16"), next_header=59))


def case_outer_header_fields(net):
    """The outer header's addresses are the SA's and its hop limit the configured one, not the inner packet's."""
    net.lan.send(net.out6("aes128gcm16", hlim=5))
    outer = net.esp_arrives()[0]
    check((outer.src, outer.dst, outer.ttl) == (gateways.OUTER4, gateways.PEER4, 64), f"{outer.src} {outer.dst} {outer.ttl}")
    inner = net.from_gateway("aes128gcm16").open(outer)
    check(isinstance(inner, IPv6) and inner.hlim == 4, "the inner hop limit is decremented once (RFC 4301 section 5.1.2.1)")
