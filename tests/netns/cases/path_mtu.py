"""A router behind the gateway's port says that ESP is too big for its link: ICMP that is believed, and ICMP that is not."""

import time

import gateways
from kinds import FULL_PROTOCOL
from net import ESP, ICMP, IP, IPv6, UDP, Raw, check, layer3
from scapy.layers.inet6 import ICMPv6PacketTooBig

GATEWAY = gateways.TUNNELS
ROUTER4, ROUTER6 = "192.0.2.99", "2001:db8:f::99"
LARGE = 1372


def _too_big(esp, mtu):
    if esp.version == 4:
        return IP(src=ROUTER4, dst=esp.src) / ICMP(type=3, code=4, nexthopmtu=mtu) / Raw(bytes(esp)[:28])
    return IPv6(src=ROUTER6, dst=esp.src) / ICMPv6PacketTooBig(mtu=mtu) / Raw(bytes(esp)[:1232])


def _sealed(net, name):
    net.lan.send(net.out4(name, LARGE, flags="DF"))
    return net.esp_arrives()[0]


def _heeds(net, name, mtu):
    """The router's message is believed, the host told what fits, and that passes."""
    net.wan.send(_too_big(_sealed(net, name), mtu))
    until = time.monotonic() + 3
    while (known := net.sa(net.pair(name).spi_out)["path_mtu"]) != mtu and time.monotonic() < until:
        time.sleep(0.02)
    check(known == mtu, f"path MTU {known}")
    with net.drops("too-big", answer=net.lan):
        net.lan.send(net.out4(name, LARGE, flags="DF"))
        told = net.arrives(net.lan)[0][ICMP]
    check((told.type, told.code) == (3, 4) and mtu - 100 < told.nexthopmtu < mtu, told.summary())
    net.lan.send(net.out4(name, told.nexthopmtu - 28, flags="DF"))
    packet = net.wan.collect(lambda frame: True)[0]
    check(len(bytes(layer3(packet))) <= mtu, f"{len(bytes(layer3(packet)))} bytes on the wire")
    # Without DF it is cut before it is sealed, so that the peer has nothing to put together.
    net.lan.send(net.out4(name, LARGE))
    for packet in net.esp_arrives(2):
        check(len(packet) <= mtu and packet[ESP].spi == net.pair(name).spi_out, packet.summary())


def case_ipv4(net):
    """Fragmentation needed about a packet of an SA (RFC 1191, RFC 4301 section 8.2) bounds what the SA sends."""
    _heeds(net, "fixed", 1300)


def case_ipv6(net):
    """The same with packet too big (RFC 8201) about a tunnel over IPv6."""
    _heeds(net, "outer6", 1400)


def case_forged(net):
    """Who has not seen a packet of the SA lately is not believed."""
    name = "wide-window"
    esp = _sealed(net, name)
    changes = [{"spi": 0x12345678}]
    if net.kind != FULL_PROTOCOL:   # which numbers a port has used only the port knows
        changes.append({"seq": esp[ESP].seq + 1})
    for change in changes:
        forged = esp.copy()
        for field, value in change.items():
            setattr(forged[ESP], field, value)
        with net.drops("icmp-error"):
            net.wan.send(_too_big(forged, 1300))
    with net.drops("icmp-error"):
        net.wan.send(IP(src=ROUTER4, dst=gateways.OUTER4) / ICMP(type=3, code=4, nexthopmtu=1300) / Raw(bytes(IP(src=esp.src, dst=esp.dst) / UDP())))
    check(net.sa(net.pair(name).spi_out)["path_mtu"] is None, "it was believed")
    _sealed(net, name)
