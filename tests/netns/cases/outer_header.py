"""How the outer header is made from the inner one, and what comes back in (RFC 4301 section 5.1.2, RFC 6040)."""

import gateways
from net import IP, check

GATEWAY = gateways.TUNNELS
CE, ECT0, ECT1 = 3, 2, 1


def _outer(net, name, make, **fields):
    net.lan.send(make(name, **fields))
    return net.esp_arrives()[0]


def case_dscp_and_ecn_are_copied(net):
    """DSCP and ECN of the inner packet show outside, from either family."""
    check(_outer(net, "aes128gcm16", net.out4, tos=(46 << 2) | ECT0).tos == (46 << 2) | ECT0, "IPv4")
    check(_outer(net, "aes128gcm16", net.out6, tc=(10 << 2) | ECT1).tos == (10 << 2) | ECT1, "IPv6 in IPv4")
    check(_outer(net, "outer6", net.out4, tos=(12 << 2) | CE).tc == (12 << 2) | CE, "IPv4 in IPv6")


def case_df_is_copied(net):
    """The DF bit shows outside; IPv6, which is never fragmented on its way, counts as DF."""
    check(_outer(net, "aes128gcm16", net.out4, flags="DF").flags.DF, "DF")
    check(not _outer(net, "aes128gcm16", net.out4).flags.DF, "no DF")
    check(_outer(net, "aes128gcm16", net.out6).flags.DF, "IPv6")


def case_fixed_fields(net):
    """DSCP, DF, ECN and hop limit as configured, whatever is inside."""
    outer = _outer(net, "fixed", net.out4, tos=(10 << 2) | ECT0, ttl=5)
    check((outer.tos, outer.ttl, bool(outer.flags.DF)) == (46 << 2, 33, True), f"{outer.tos:#x} {outer.ttl} {outer.flags}")


def case_congestion_comes_through(net):
    """CE outside marks an inner packet that can carry it (RFC 6040 section 4.2) and nothing else of the outer TOS comes in."""
    end = net.to_gateway("aes128gcm16")
    for inner_ecn, outer_ecn, want in ((ECT0, CE, CE), (ECT1, CE, CE), (ECT0, ECT0, ECT0), (0, 0, 0), (ECT0, ECT1, ECT1)):
        sealed = end.seal(net.in4("aes128gcm16", tos=(8 << 2) | inner_ecn))
        sealed.tos = (46 << 2) | outer_ecn
        net.wan.send(_again(sealed))
        got = net.arrives(net.lan)[0].tos
        check(got == (8 << 2) | want, f"inner {inner_ecn} outer {outer_ecn}: {got & 3}, DSCP {got >> 2}")


def case_congestion_on_a_packet_that_cannot_say_so(net):
    """CE outside of a packet without ECN means it must be dropped (RFC 6040 section 4.2)."""
    sealed = net.to_gateway("aes128gcm16").seal(net.in4("aes128gcm16", tos=0))
    sealed.tos = CE
    with net.drops("ecn"):
        net.wan.send(_again(sealed))


def _again(packet):
    """With lengths and checksum made new."""
    packet = packet.copy()
    del packet.chksum
    return IP(bytes(packet))
