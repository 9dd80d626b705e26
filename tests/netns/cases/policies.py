"""What the SPD decides (RFC 4301 sections 5.1 and 5.2), and the router around it."""

import gateways
from net import ICMP, IP, UDP, IPv6, Raw, check, layer3, is_forwarded
from scapy.layers.inet6 import ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig, ICMPv6TimeExceeded

GATEWAY = gateways.POLICIES


def _to(net, address, **fields):
    return IP(src=gateways.HOST4, dst=address, **fields) / UDP(sport=1, dport=2) / Raw(net.payload())


def case_bypass(net):
    """A bypassed packet crosses in clear both ways, one hop older."""
    sent = _to(net, "10.3.0.9", ttl=9)
    net.lan.send(sent)
    packet = net.arrives(net.wan)[0]
    check(packet.ttl == 8 and bytes(packet.payload) == bytes(sent.payload), "changed on its way")
    net.wan.send(IP(src="10.3.0.9", dst=gateways.HOST4) / UDP(sport=2, dport=1) / Raw(net.payload()))
    net.arrives(net.lan)


def case_bypass_ipv6(net):
    """The same for IPv6."""
    net.lan.send(IPv6(src=gateways.HOST6, dst="2001:db8:4:3::9", hlim=9) / UDP(sport=1, dport=2) / Raw(net.payload()))
    check(net.arrives(net.wan)[0].hlim == 8, "hop limit")


def case_discard(net):
    """A discard policy discards."""
    with net.drops("policy-discard"):
        net.lan.send(_to(net, "10.4.0.9"))


def case_no_policy(net):
    """What no policy is about is discarded (RFC 4301 section 5.1), in both directions."""
    with net.drops("no-policy"):
        net.lan.send(_to(net, "10.5.0.9"))
    with net.drops("no-policy"):
        net.wan.send(IP(src="10.5.0.9", dst=gateways.HOST4) / UDP(sport=2, dport=1) / Raw(net.payload()))


def case_protect_without_an_sa(net):
    """A protect policy that has no SA drops; it never sends in clear."""
    with net.drops("no-sa"):
        net.lan.send(_to(net, "10.6.0.9"))


def case_no_route(net):
    """Allowed by policy, but there is no way."""
    with net.drops("no-route"):
        net.lan.send(_to(net, "203.0.113.9"))


def case_hop_limit(net):
    """At the last hop the sender is told (RFC 1812 section 5.3.1)."""
    sent = _to(net, "10.3.0.9", ttl=1)
    with net.drops("hop-limit", answer=net.lan):
        net.lan.send(sent)
        answer = net.arrives(net.lan)[0]
    check(answer.haslayer(ICMP) and (answer[ICMP].type, answer[ICMP].code) == (11, 0), answer.summary())
    check((answer.src, answer.dst) == (gateways.GATEWAY4, gateways.HOST4), f"from {answer.src} to {answer.dst}")
    check(bytes(answer[ICMP].payload)[12:20] == bytes(sent)[12:20], "it quotes another packet")


def case_hop_limit_ipv6(net):
    """At the last hop the sender is told (RFC 4443 section 3.3)."""
    with net.drops("hop-limit", answer=net.lan):
        net.lan.send(IPv6(src=gateways.HOST6, dst="2001:db8:4:3::9", hlim=1) / UDP(sport=1, dport=2) / Raw(net.payload()))
        answer = net.arrives(net.lan)[0]
    check(answer.haslayer(ICMPv6TimeExceeded) and answer.src == gateways.GATEWAY6, answer.summary())


def case_too_big_for_the_tunnel(net):
    """A full packet with DF does not fit with ESP around it: the sender learns the size that does, and that size passes."""
    with net.drops("too-big", answer=net.lan):
        net.lan.send(net.out4("site", 1472, flags="DF"))
        answer = net.arrives(net.lan)[0]
    check(answer.haslayer(ICMP) and (answer[ICMP].type, answer[ICMP].code) == (3, 4), answer.summary())
    mtu = answer[ICMP].nexthopmtu
    check(1400 <= mtu < 1500, f"next-hop MTU {mtu}")
    net.lan.send(net.out4("site", mtu - 28, flags="DF"))
    check(net.esp_arrives()[0].len <= 1500, "longer than the link allows")


def case_too_big_for_the_tunnel_ipv6(net):
    """The same with ICMPv6 packet too big (RFC 4443 section 3.2)."""
    with net.drops("too-big", answer=net.lan):
        net.lan.send(net.out6("site", 1452))
        answer = net.arrives(net.lan)[0]
    check(answer.haslayer(ICMPv6PacketTooBig), answer.summary())
    mtu = answer[ICMPv6PacketTooBig].mtu
    check(1280 <= mtu < 1500, f"MTU {mtu}")
    net.lan.send(net.out6("site", mtu - 48))
    net.esp_arrives()


def case_echo_to_the_gateway(net):
    """The gateway answers echo requests to its own address on the protected side, IPv4 and IPv6."""
    net.lan.send(IP(src=gateways.HOST4, dst=gateways.GATEWAY4) / ICMP(id=7, seq=1) / Raw(net.payload()))
    answer = net.arrives(net.lan)[0]
    check(answer[ICMP].type == 0 and answer[ICMP].id == 7 and answer.src == gateways.GATEWAY4, answer.summary())
    net.lan.send(IPv6(src=gateways.HOST6, dst=gateways.GATEWAY6) / ICMPv6EchoRequest(id=7, seq=1, data=net.payload()))
    answer = net.arrives(net.lan)[0]
    check(answer.haslayer(ICMPv6EchoReply) and answer.src == gateways.GATEWAY6, answer.summary())


def case_checksums_of_answers(net):
    """What the gateway makes itself has right checksums."""
    net.lan.send(IP(src=gateways.HOST4, dst=gateways.GATEWAY4) / ICMP(id=8, seq=1) / Raw(net.payload(99)))
    _same_when_rebuilt(net.arrives(net.lan)[0], ICMP)
    net.lan.send(_to(net, "10.3.0.9", ttl=1))
    _same_when_rebuilt(net.arrives(net.lan)[0], ICMP)


def _same_when_rebuilt(packet, layer):
    again = packet.copy()
    del again.chksum, again[layer].chksum
    again = again.__class__(bytes(again))
    check((again.chksum, again[layer].chksum) == (packet.chksum, packet[layer].chksum), "checksum")


def case_wrong_ip_checksum(net):
    """A header that does not add up is dropped."""
    with net.drops("ip-checksum"):
        net.lan.send(_to(net, "10.3.0.9", chksum=0x1234))


def case_frame_for_another_station(net):
    """Unicast frames to another MAC address are not ours."""
    with net.drops("not-for-us"):
        frame = bytearray(bytes.fromhex("020000000099") + bytes.fromhex(net.lan.mac.replace(":", "")) + b"\x08\x00")
        net.lan.send(bytes(frame) + bytes(_to(net, "10.3.0.9")))


def case_jumble_of_both_families(net):
    """A burst of protected, bypassed and discarded packets is told apart, in order within each kind."""
    burst = []
    for _ in range(20):
        burst += [net.out4("site"), net.out6("site"), _to(net, "10.3.0.9"), _to(net, "10.4.0.9")]
    before = net.counts().get("policy-discard", 0)
    net.lan.send(*burst)
    packets = [layer3(f) for f in net.wan.collect(is_forwarded, 60, 3)]
    check(len(packets) == 60, f"{len(packets)} of 60; drops: {net.losses()}")
    sequence = [p.payload.seq for p in packets if p.proto == 50]
    check(len(sequence) == 40 and sequence == sorted(sequence), "ESP sequence numbers are in order")
    check(net.counts().get("policy-discard", 0) - before == 20, "20 are discarded")
