"""Sequence numbers: the replay window, ESN, the end of the number space (RFC 4303 sections 3.3.3 and 3.4.3)."""

import gateways
from net import ESP, check

GATEWAY = gateways.TUNNELS


def _accepted(net, name, *sequences):
    for seq in sequences:
        net.wan.send(net.to_gateway(name).seal(net.in4(name), seq=seq))
        net.arrives(net.lan)


def case_replayed_packet(net):
    """The same packet a second time is dropped, and charged to its SA."""
    pair = net.pair("aes256gcm16")
    packet = net.to_gateway(pair.name).seal(net.in4(pair.name))
    net.wan.send(packet)
    net.arrives(net.lan)
    reason = net.reason("replay")
    before = net.sa(pair.spi_in)["drops"].get(reason, 0)
    with net.drops("replay"):
        net.wan.send(packet)
    check(net.sa(pair.spi_in)["drops"].get(reason, 0) == before + 1, "the SA's own counter")


def case_window_slides(net):
    """Numbers inside the window are taken once in any order; numbers left of it never."""
    _accepted(net, "wide-window", 5000, 4999, 4500, 5001)
    with net.drops("replay"):
        net.wan.send(net.to_gateway("wide-window").seal(net.in4("wide-window"), seq=4500))
    with net.drops("too-old"):
        net.wan.send(net.to_gateway("wide-window").seal(net.in4("wide-window"), seq=5001 - 1024))
    _accepted(net, "wide-window", 5001 - 1023)


def case_forged_number_moves_nothing(net):
    """A forged packet far ahead must not move the window (RFC 4303 section 3.4.3)."""
    name, = net.possible("chacha20poly1305", "null-sha256")[:1]
    end = net.to_gateway(name)
    forged = end.seal(net.in4(name), seq=end.sequence + 100000)
    body = bytearray(bytes(forged))
    body[-1] ^= 1
    with net.drops("auth"):
        net.wan.send(forged.__class__(bytes(body)))
    _accepted(net, name, end.sequence, end.sequence + 1)
    end.sequence += 2


def case_no_window_takes_everything(net):
    """With the window off, the same packet passes twice."""
    packet = net.to_gateway("no-window").seal(net.in4("no-window"))
    net.wan.send(packet, packet)
    net.arrives(net.lan, 2)


def case_esn_crosses_2_32_outbound(net):
    """Packets 0xfffffffe to 0x100000001 verify with the right high word and with no other."""
    end = net.from_gateway("esn-wrap")
    for want in (0xFFFFFFFE, 0xFFFFFFFF, 0x100000000, 0x100000001):
        sent = net.out4("esn-wrap")
        net.lan.send(sent)
        packet = net.esp_arrives()[0]
        check(packet[ESP].seq == want & 0xFFFFFFFF, f"sequence number {packet[ESP].seq:#x}, expected {want & 0xFFFFFFFF:#x}")
        check(bytes(end.open(packet, high=want >> 32).payload) == bytes(sent.payload), "another payload came out")


def case_esn_crosses_2_32_inbound(net):
    """The receiver infers the high word (RFC 4303 appendix A2), also for late packets of the earlier subspace."""
    _accepted(net, "esn", 1, 0x7FFFFFFF, 0xFFFFFFF0, 0x100000001, 0xFFFFFFF1, 0x100000002)
    with net.drops("replay"):
        net.wan.send(net.to_gateway("esn").seal(net.in4("esn"), seq=0xFFFFFFF0))


def case_esn_high_word_is_authenticated(net):
    """A packet of the next subspace but one does not verify."""
    with net.drops("auth"):
        net.wan.send(net.to_gateway("esn-fresh").seal(net.in4("esn-fresh"), seq=0x300000001))


def case_last_sequence_number(net):
    """After 2^32-1 an SA without ESN stops; it never wraps and never sends in clear (RFC 4303 section 3.3.3)."""
    net.lan.send(net.out4("last-number"))
    check(net.esp_arrives()[0][ESP].seq == 0xFFFFFFFF, "the last number is used")
    with net.drops("sequence-exhausted", 3):
        net.lan.send(*(net.out4("last-number") for _ in range(3)))


def case_hard_lifetime(net):
    """After its hard packet limit an SA stops."""
    net.lan.send(net.out4("short-lived"), net.out4("short-lived"))
    net.esp_arrives(2)
    with net.drops("expired"):
        net.lan.send(net.out4("short-lived"))
