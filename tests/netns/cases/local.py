"""Packets for the gateway itself."""

import gateways
from net import ICMP, IP, UDP, IPv6, Raw, check
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest

GATEWAY = gateways.TUNNELS


def case_echo_through_the_tunnel(net):
    """An echo request that came out of an SA is answered through the policy's SA, never in clear."""
    pair = net.pair("aes256gcm16")
    request = IP(src=pair.far4(), dst=gateways.GATEWAY4) / ICMP(id=5, seq=1) / Raw(net.payload())
    net.wan.send(net.to_gateway(pair.name).seal(request))
    answer = net.from_gateway(pair.name).open(net.esp_arrives()[0])
    check(answer[ICMP].type == 0 and bytes(answer[Raw]) == bytes(request[Raw]), answer.summary())
    request = IPv6(src=pair.far6(), dst=gateways.GATEWAY6) / ICMPv6EchoRequest(id=5, seq=2, data=net.payload())
    net.wan.send(net.to_gateway(pair.name).seal(request))
    answer = net.from_gateway(pair.name).open(net.esp_arrives()[0])
    check(answer.haslayer(ICMPv6EchoReply), answer.summary())


def case_echo_on_the_unprotected_side(net):
    """Its outer address answers a ping of the peer."""
    net.wan.send(IP(src=gateways.PEER4, dst=gateways.OUTER4) / ICMP(id=6, seq=1) / Raw(net.payload()))
    answer = net.arrives(net.wan)[0]
    check(answer[ICMP].type == 0 and answer.dst == gateways.PEER4, answer.summary())


def case_nobody_listens(net):
    """There is no service: what is for the gateway itself ends there."""
    with net.drops("no-listener"):
        net.lan.send(IP(src=gateways.HOST4, dst=gateways.GATEWAY4) / UDP(sport=9, dport=7777) / Raw(net.payload()))


def case_ike_without_a_daemon(net):
    """IKE messages are counted apart: the operator learns that the peer wants to negotiate."""
    with net.drops("no-ike"):
        net.wan.send(IP(src=gateways.PEER4, dst=gateways.OUTER4) / UDP(sport=500, dport=500) / Raw(bytes(28)))
    with net.drops("no-ike"):
        net.wan.send(IP(src=gateways.PEER4, dst=gateways.OUTER4) / UDP(sport=4500, dport=4500) / Raw(bytes(4) + bytes(28)))


def case_spoofed_own_address(net):
    """A packet that claims to come from the gateway is a martian."""
    with net.drops("martian"):
        net.lan.send(IP(src=gateways.GATEWAY4, dst="10.2.1.9") / UDP(sport=1, dport=2) / Raw(net.payload()))
