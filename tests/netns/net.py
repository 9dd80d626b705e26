"""What a case is given: the two wires, the gateway, its SA pairs, and the questions cases ask."""

import contextlib
import time

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Raw

import gateways
from kinds import FULL_PROTOCOL, INLINE_CRYPTO

# Reasons that are no loss: address resolution goes through the control thread.
BENIGN = {"punt-done", "dummy", "nat-keepalive"}


# What the gateway counts where a port has done the work: of a packet it refuses a port only tells that it does. And a packet that it does
# not take for the SA's at all arrives as ESP.
_REASONS_OF_A_PORT = {
    INLINE_CRYPTO: {"esp-runt": "auth"},
    FULL_PROTOCOL: {"encap-mismatch": "missed-offload",
                    **{reason: "port-rejected" for reason in ("auth", "replay", "too-old", "pad", "esp-runt", "inner-header", "ecn", "dummy")}},
}


class CaseFailed(AssertionError):
    """The gateway did not do what the case is about."""


class CaseSkipped(Exception):
    """The case cannot hold in this kind; the message says why."""


def check(claim, what):
    if not claim:
        raise CaseFailed(what)


def is_resolution(frame):
    """ARP and neighbour discovery, which may appear on a wire at any time."""
    return ARP in frame or (IPv6 in frame and frame[IPv6].nh == 58 and 133 <= bytes(frame[IPv6].payload)[0] <= 137)


def is_keepalive(frame):
    """The gateway's own NAT keepalives (RFC 3948 section 2.3), which may appear on the unprotected wire at any time."""
    return UDP in frame and frame[UDP].dport == 4500 and bytes(frame[UDP].payload)[:frame[UDP].len - 8] == b"\xff"


def is_forwarded(frame):
    return (IP in frame or IPv6 in frame) and not is_resolution(frame) and not is_keepalive(frame)


def layer3(frame):
    """The IP packet of a frame, without Ethernet padding."""
    ip = frame[IP] if frame.type == 0x0800 else frame[IPv6]
    length = ip.len if ip.version == 4 else ip.plen + 40
    return ip.__class__(bytes(ip)[:length])


def esp_of(frame):
    """The IP packet with ESP of a frame, taken out of UDP where it is in there."""
    ip = layer3(frame)
    if UDP not in ip:
        return ip
    header = ip.copy()
    header.remove_payload()
    if ip.version == 4:
        header.proto = 50
        del header.len, header.chksum
    else:
        header.nh = 50
        del header.plen
    return header.__class__(bytes(header / bytes(ip[UDP].payload)))


class Net:
    def __init__(self, lan, wan, gateway, pairs, kind):
        self.kind = kind
        self.lan = lan
        self.wan = wan
        self.gateway = gateway
        self.pairs = {p.name: p for p in pairs}
        self._peers = {p.name: p.peer() for p in pairs}
        self._serial = 0

    # --- packets

    def pair(self, name):
        """A pair of SAs; leaves the case out where they cannot be of this kind."""
        reason = gateways.why_not(self.pairs[name], self.kind)
        if reason:
            raise CaseSkipped(f"{name}: {reason}")
        return self.pairs[name]

    def add(self, pair):
        """A pair whose SAs the gateway has now; its peer starts anew."""
        self.pairs[pair.name] = pair
        self._peers[pair.name] = pair.peer()

    def possible(self, *names):
        """Those of the pairs that can be of this kind."""
        return [name for name in names if not gateways.why_not(self.pairs[name], self.kind)]

    def reason(self, word):
        """The drop reason that stands for this one in this kind."""
        return _REASONS_OF_A_PORT.get(self.kind, {}).get(word, word)

    def skip_in(self, kinds, why):
        """Leaves the case out in these kinds."""
        if self.kind in kinds:
            raise CaseSkipped(why)

    def to_gateway(self, name):
        """The peer's sending end of a pair."""
        return self._peers[self.pair(name).name][0]

    def from_gateway(self, name):
        """The peer's receiving end."""
        return self._peers[self.pair(name).name][1]

    def payload(self, length=64):
        """Bytes never sent before in this run, so that a stray packet cannot pass for an answer."""
        self._serial += 1
        head = b"case-%08d-" % self._serial
        return (head + bytes(i & 0xFF for i in range(length)))[:max(length, len(head))]

    def out4(self, name, length=64, **fields):
        """An inner packet of the protected host to a host behind the peer."""
        return IP(src=gateways.HOST4, dst=self.pair(name).far4(), **fields) / UDP(sport=4000, dport=5000) / Raw(self.payload(length))

    def out6(self, name, length=64, **fields):
        return IPv6(src=gateways.HOST6, dst=self.pair(name).far6(), **fields) / UDP(sport=4000, dport=5000) / Raw(self.payload(length))

    def in4(self, name, length=64, **fields):
        """An inner packet of a host behind the peer to the protected host."""
        return IP(src=self.pair(name).far4(), dst=gateways.HOST4, **fields) / UDP(sport=5000, dport=4000) / Raw(self.payload(length))

    def in6(self, name, length=64, **fields):
        return IPv6(src=self.pair(name).far6(), dst=gateways.HOST6, **fields) / UDP(sport=5000, dport=4000) / Raw(self.payload(length))

    # --- what must happen

    def arrives(self, wire, count=1, timeout=2.0):
        """The next forwarded packets on a wire, as IP packets; fails when fewer come."""
        frames = wire.collect(is_forwarded, count, timeout)
        check(len(frames) == count, f"{len(frames)} of {count} packets arrived on {wire.interface}; drops: {self.losses()}")
        return [layer3(f) for f in frames]

    def esp_arrives(self, count=1, timeout=2.0):
        """The next packets on the unprotected wire; fails when one is not ESP."""
        packets = []
        for frame in self.wan.collect(is_forwarded, count, timeout):
            packet = esp_of(frame)
            check(ESP in packet, f"not ESP on the unprotected wire: {packet.summary()}")
            packets.append(packet)
        check(len(packets) == count, f"{len(packets)} of {count} ESP packets arrived; drops: {self.losses()}")
        return packets

    def silent(self, *wires, seconds=0.1):
        """Nothing more is forwarded."""
        for wire in wires:
            stray = wire.collect(is_forwarded, 1, seconds)
            check(not stray, f"forwarded on {wire.interface}: {stray[0].summary() if stray else ''}")

    # --- counters

    def losses(self):
        """Packets lost so far by reason."""
        return {reason: packets for reason, packets in self.counts().items() if reason not in BENIGN}

    def counts(self):
        """Every reason with packets, the benign ones too."""
        return {row["reason"]: row["packets"] for row in self.gateway.json("drops") if row["packets"]}

    def sa(self, spi):
        """The listing's row of an SA."""
        rows = self.gateway.json("sa", "show", f"{spi:#x}")
        check(len(rows) == 1, f"{len(rows)} SAs with SPI {spi:#x}")
        return rows[0]

    @contextlib.contextmanager
    def drops(self, reason, count=1, answer=None):
        """What is sent inside is dropped for this reason and no other, counted, and not forwarded to either side.

        `answer` is the wire on which an ICMP error is expected, which the case takes itself.
        """
        reason = self.reason(reason)
        before = self.counts()
        yield
        until = time.monotonic() + 3
        while True:
            after = self.counts()
            grown = {r: n - before.get(r, 0) for r, n in after.items() if n != before.get(r, 0) and r != "punt-done"}
            if grown.get(reason, 0) >= count or time.monotonic() > until:
                break
            time.sleep(0.02)
        check(grown == {reason: count}, f"drops grew by {grown}, expected {{{reason!r}: {count}}}")
        self.silent(*(w for w in (self.lan, self.wan) if w is not answer))


__all__ = ["ARP", "ESP", "Ether", "ICMP", "IP", "IPv6", "Raw", "UDP", "CaseFailed", "Net", "check", "esp_of", "is_forwarded", "is_resolution", "layer3"]
