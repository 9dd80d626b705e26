"""ARP (RFC 826) and neighbour discovery (RFC 4861): the gateway answers, asks, and keeps packets while it waits."""

import time

import gateways
from net import ARP, Ether, ICMP, IP, IPv6, Raw, UDP, check
from scapy.layers.inet6 import ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr

GATEWAY = gateways.NEIGHBOURS


def _stranger(net):
    """A new address on the protected wire for each case."""
    net.strangers = getattr(net, "strangers", 100) + 1
    return net.strangers


def case_arp_request(net):
    """A request for its own address is answered with its own MAC."""
    net.lan.send(Ether(src=net.lan.mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=net.lan.mac, psrc=gateways.HOST4, pdst=gateways.GATEWAY4))
    answer = net.lan.collect(lambda f: ARP in f and f[ARP].op == 2)
    check(answer, "no answer")
    check((answer[0][ARP].psrc, answer[0][ARP].hwsrc) == (gateways.GATEWAY4, net.lan.gateway_mac), answer[0].summary())
    check(answer[0].dst == net.lan.mac, "it goes to who asked")


def case_arp_for_others(net):
    """A request for somebody else is not answered."""
    net.lan.send(Ether(src=net.lan.mac, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=net.lan.mac, psrc=gateways.HOST4, pdst="10.1.0.250"))
    check(not net.lan.collect(lambda f: ARP in f and f[ARP].op == 2, timeout=0.3), "answered")


def case_neighbour_solicitation(net):
    """A solicitation for its own address is advertised: solicited, with its MAC."""
    target = gateways.GATEWAY6
    net.lan.send(Ether(src=net.lan.mac, dst="33:33:ff:00:00:01") / IPv6(src=gateways.HOST6, dst="ff02::1:ff00:1", hlim=255)
                 / ICMPv6ND_NS(tgt=target) / ICMPv6NDOptSrcLLAddr(lladdr=net.lan.mac))
    answer = net.lan.collect(lambda f: ICMPv6ND_NA in f)
    check(answer, "no answer")
    advert = answer[0][ICMPv6ND_NA]
    check(advert.tgt == target and advert.S == 1 and answer[0][IPv6].hlim == 255, answer[0].show(dump=True))
    check(answer[0][ICMPv6NDOptDstLLAddr].lladdr == net.lan.gateway_mac, "its own MAC")


def case_solicitation_from_afar(net):
    """A solicitation with a hop limit below 255 came over a router: it is ignored (RFC 4861 section 7.1.1)."""
    net.lan.send(Ether(src=net.lan.mac, dst="33:33:ff:00:00:01") / IPv6(src=gateways.HOST6, dst="ff02::1:ff00:1", hlim=254)
                 / ICMPv6ND_NS(tgt=gateways.GATEWAY6) / ICMPv6NDOptSrcLLAddr(lladdr=net.lan.mac))
    check(not net.lan.collect(lambda f: ICMPv6ND_NA in f, timeout=0.3), "answered")


def case_resolves_by_arp(net):
    """Packets to an unknown host wait for the answer and are then sent."""
    host = f"10.1.0.{_stranger(net)}"
    _answer_for_peer(net)
    first = IP(src=net.pair("site").far4(), dst=host) / UDP(sport=1, dport=2) / Raw(net.payload())
    second = IP(src=net.pair("site").far4(), dst=host) / UDP(sport=1, dport=2) / Raw(net.payload())
    net.wan.send(net.to_gateway("site").seal(first), net.to_gateway("site").seal(second))
    asked = net.lan.collect(lambda f: ARP in f and f[ARP].op == 1 and f[ARP].pdst == host)
    check(asked, f"no request; drops: {net.losses()}")
    check((asked[0][ARP].psrc, asked[0].dst) == (gateways.GATEWAY4, "ff:ff:ff:ff:ff:ff"), asked[0].summary())
    mac = f"02:00:00:00:09:{_stranger(net):02x}"
    net.lan.send(Ether(src=mac, dst=asked[0].src) / ARP(op=2, hwsrc=mac, psrc=host, hwdst=asked[0].src, pdst=gateways.GATEWAY4))
    frames = net.lan.collect(lambda f: UDP in f, 2)
    check([bytes(f[Raw]) for f in frames] == [bytes(first[Raw]), bytes(second[Raw])], f"{len(frames)} of 2 waiting packets came, in order")
    check(frames[0].dst == mac, "to the MAC of the answer")


def case_resolves_by_neighbour_discovery(net):
    """The same by solicitation and advertisement."""
    host = f"2001:db8:1::{_stranger(net):x}"
    sent = IPv6(src=net.pair("site").far6(), dst=host) / UDP(sport=1, dport=2) / Raw(net.payload())
    net.wan.send(net.to_gateway("site").seal(sent))
    asked = net.lan.collect(lambda f: ICMPv6ND_NS in f and f[ICMPv6ND_NS].tgt == host)
    check(asked, f"no solicitation; drops: {net.losses()}")
    check(asked[0][IPv6].hlim == 255 and asked[0].dst.startswith("33:33:ff:"), asked[0].summary())
    mac = f"02:00:00:00:0a:{_stranger(net):02x}"
    net.lan.send(Ether(src=mac, dst=asked[0].src) / IPv6(src=host, dst=asked[0][IPv6].src, hlim=255)
                 / ICMPv6ND_NA(tgt=host, S=1, O=1, R=0) / ICMPv6NDOptDstLLAddr(lladdr=mac))
    frames = net.lan.collect(lambda f: UDP in f)
    check(frames and frames[0].dst == mac, f"the waiting packet; drops: {net.losses()}")


def case_outbound_waits_for_the_peer(net):
    """ESP waits for the peer's MAC like any packet."""
    host = gateways.PEER4
    net.lan.send(net.out4("site"))
    asked = net.wan.collect(lambda f: ARP in f and f[ARP].op == 1 and f[ARP].pdst == host, timeout=1)
    if asked:   # unless a case before has made it known
        _answer_for_peer(net)
    net.esp_arrives()


def _answer_for_peer(net):
    net.wan.send(Ether(src=net.wan.mac, dst=net.wan.gateway_mac)
                 / ARP(op=2, hwsrc=net.wan.mac, psrc=gateways.PEER4, hwdst=net.wan.gateway_mac, pdst=gateways.OUTER4))


def case_nobody_there(net):
    """A host that never answers: the packet is dropped and counted, and the gateway goes on."""
    host = f"10.1.0.{_stranger(net)}"
    before = net.counts().get("neighbour", 0)
    net.wan.send(net.to_gateway("site").seal(IP(src=net.pair("site").far4(), dst=host) / ICMP() / Raw(net.payload())))
    until = time.monotonic() + 8
    while net.counts().get("neighbour", 0) == before and time.monotonic() < until:
        time.sleep(0.2)
    check(net.counts().get("neighbour", 0) == before + 1, f"drops: {net.losses()}")
