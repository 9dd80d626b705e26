"""NAT keepalives of our own (RFC 3948 section 4)."""

import time

import gateways
from net import check, is_keepalive, layer3
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6

GATEWAY = gateways.KEEPALIVES


def _keepalives(net, seconds):
    frames = net.wan.collect(is_keepalive, count=1000, timeout=seconds)
    return [layer3(frame) for frame in frames]


def case_idle_flows_say_one_byte(net):
    """An idle flow sends one byte 0xff from its own ports about once a second, in IPv4 and in IPv6, and plain ESP sends none."""
    packets = _keepalives(net, 3.5)
    for header, source, destination in ((IP, gateways.OUTER4, gateways.PEER4), (IPv6, gateways.OUTER6, gateways.PEER6)):
        mine = [p for p in packets if isinstance(p, header)]
        check(2 <= len(mine) <= 4, f"{len(mine)} keepalives by {header.__name__} in 3.5 s")
        for packet in mine:
            check((packet.src, packet.dst) == (source, destination), packet.summary())
            check((packet[UDP].sport, packet[UDP].dport, packet[UDP].len) == (4500, 4500, 9), packet.summary())
            check(bytes(packet[UDP].payload) == b"\xff", packet.summary())
            if header is IP:
                check(packet[UDP].chksum == 0, "RFC 3948 section 2.3: checksum 0")
            else:
                right = IPv6(bytes(packet))
                del right[UDP].chksum
                check(IPv6(bytes(right))[UDP].chksum == packet[UDP].chksum, "wrong UDP checksum")


def case_traffic_makes_them_needless(net):
    """While an SA carries packets its flow sends no keepalive."""
    net.lan.send(net.out4("nat-t"))
    _keepalives(net, 0.2)       # one from before may be on its way
    until = time.monotonic() + 3
    while time.monotonic() < until:
        net.lan.send(net.out4("nat-t"))
        packets = _keepalives(net, 0.2)
        check(not any(isinstance(p, IP) for p in packets), "a keepalive between packets")
