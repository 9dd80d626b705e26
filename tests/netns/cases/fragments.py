"""Packets that arrive in IP fragments: ESP and echo for the gateway are put together, within limits."""

import random
import time

import gateways
from kinds import FULL_PROTOCOL
from net import ICMP, IP, IPv6, Raw, check
from scapy.layers.inet import fragment
from scapy.layers.inet6 import IPv6ExtHdrFragment, fragment6

GATEWAY = gateways.TUNNELS

PORT_OPENS = "a port that opens ESP itself does not put fragments together"


def _cut4(packet, identification):
    packet = IP(bytes(packet))
    packet.flags, packet.id = 0, identification
    del packet.chksum
    return fragment(IP(bytes(packet)), fragsize=64)


def _cut6(packet, identification):
    packet = IPv6(bytes(packet))
    payload = packet.payload
    packet.remove_payload()
    header = IPv6ExtHdrFragment(nh=packet.nh, id=identification)
    packet.nh, packet.plen = 44, None
    return fragment6(packet / header / payload, 120)


def _arrives_whole(net, name, cut):
    shuffled = random.Random(1)
    for number in range(5):
        sent = net.in4(name)
        pieces = cut(net.to_gateway(name).seal(sent), 1000 + number)
        check(len(pieces) >= 2, f"{len(pieces)} pieces")
        shuffled.shuffle(pieces)
        net.wan.send(*pieces)
        check(bytes(net.arrives(net.lan)[0].payload) == bytes(sent.payload), "another payload came in")


def case_esp_over_ipv4(net):
    """ESP that the path has fragmented is put together before it is opened, whatever the order."""
    net.skip_in((FULL_PROTOCOL,), PORT_OPENS)
    _arrives_whole(net, "aes256gcm16", _cut4)


def case_esp_over_ipv6(net):
    """The same with an IPv6 outer header."""
    net.skip_in((FULL_PROTOCOL,), PORT_OPENS)
    _arrives_whole(net, "outer6", _cut6)


def case_flood(net):
    """First fragments without their rest hold what a worker sets aside for them, for a second, and no whole packet waits for them."""
    # In IPv6: the kernel puts IPv4 fragments together itself for a packet socket that shares its port.
    flood = [IPv6(src="2001:db8:f::77", dst=gateways.OUTER6) / IPv6ExtHdrFragment(nh=50, id=i, m=1) / Raw(bytes(64)) for i in range(2000)]
    before = net.losses().get("reassembly", 0)
    net.wan.send(*flood)
    net.wan.send(IP(src=gateways.PEER4, dst=gateways.OUTER4) / ICMP(id=6, seq=1) / Raw(net.payload()))
    check(net.arrives(net.wan)[0][ICMP].type == 0, "no answer")
    until = time.monotonic() + 6
    while (lost := net.losses().get("reassembly", 0) - before) < len(flood) and time.monotonic() < until:
        time.sleep(0.1)
    check(lost == len(flood), f"{lost} of {len(flood)} fragments given up: {net.losses()}")


def case_overlap(net):
    """Fragments that overlap end their packet (RFC 5722)."""
    net.skip_in((FULL_PROTOCOL,), PORT_OPENS)
    pieces = _cut6(net.to_gateway("outer6").seal(net.in6("outer6")), 77)
    other = pieces[1].copy()
    other[IPv6ExtHdrFragment].offset -= 1
    net.wan.send(pieces[0], other, *pieces[1:])
    net.silent(net.lan)
