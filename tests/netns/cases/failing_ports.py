"""Ports that are reset, removed, lose their link or refuse SAs while packets pass: an SA goes on where that is safe, or drops with a reason."""

import contextlib
import time

import gateways
from kinds import FULL_PROTOCOL, INLINE_CRYPTO, LOOK_ASIDE, SOFTWARE
from net import ESP, Raw, check, esp_of, is_forwarded, layer3

ROUNDS = 20     # of a packet each way on each pair: the fault comes in the middle
PORTLESS = (SOFTWARE, LOOK_ASIDE)


def on(description):
    def mark(function):
        function.gateway = description
        return function
    return mark


class Exchange:
    """Packets both ways, one after another, with somebody who listens on both sides."""

    def __init__(self, net):
        self.net = net
        self.sent = {"out": {}, "in": {}}       # text -> pair
        self.arrived = {"out": [], "in": []}    # texts
        self.sequences = {}                     # SPI -> numbers seen on the wire

    def rounds(self, count):
        net = self.net
        for _ in range(count):
            for name in net.pairs:
                outbound, inbound = net.out4(name), net.in4(name)
                self.sent["out"][bytes(outbound[Raw])] = name
                self.sent["in"][bytes(inbound[Raw])] = name
                net.lan.send(outbound)
                net.wan.send(net.to_gateway(name).seal(inbound))
            self._listen(0.01)
        while self.all_lost() and self._listen(0.2):
            pass
        return self

    def _listen(self, seconds):
        """How many packets came."""
        net, until, before = self.net, time.monotonic() + seconds, self._arrivals()
        while time.monotonic() < until:
            for frame in net.wan.collect(lambda _: True, 1, 0.005):
                check(b"case-" not in bytes(frame), f"clear text on the unprotected wire: {frame.summary()}")
                if is_forwarded(frame):
                    self._open(frame)
            for frame in net.lan.collect(is_forwarded, 1, 0):
                self.arrived["in"].append(bytes(layer3(frame)[Raw]))
        return self._arrivals() - before

    def _arrivals(self):
        return sum(len(texts) for texts in self.arrived.values())

    def _open(self, frame):
        packet = esp_of(frame)
        check(ESP in packet, f"not ESP on the unprotected wire: {packet.summary()}")
        pair = next(p for p in self.net.pairs.values() if p.spi_out == packet[ESP].spi)
        seen = self.sequences.setdefault(packet[ESP].spi, set())
        check(packet[ESP].seq not in seen, f"sequence number {packet[ESP].seq} of {pair.name} twice")
        seen.add(packet[ESP].seq)
        self.arrived["out"].append(bytes(self.net.from_gateway(pair.name).open(packet)[Raw]))

    def lost(self, way, name):
        """How many of a pair's packets did not arrive; none arrives twice, or changed, or on the wrong side."""
        texts = self.arrived[way]
        check(len(set(texts)) == len(texts), f"{way}: a packet arrived twice")
        check(set(texts) <= set(self.sent[way]), f"{way}: something arrived that was not sent")
        mine = {text for text, pair in self.sent[way].items() if pair == name}
        return len(mine - set(texts))

    def all_lost(self):
        return sum(self.lost(way, name) for way in ("out", "in") for name in self.net.pairs)


def _port_losses(net):
    """What the port counts itself: frames it was given and did not send, or had and did not hand over."""
    return sum(row["tx_errors"] + row["rx_missed"] for row in net.gateway.json("port", "show") if row["name"] == "wan")


@contextlib.contextmanager
def _accounted(net):
    """Every packet lost inside has a reason of the gateway, or the port has counted it."""
    exchange = Exchange(net)
    losses, port = sum(net.losses().values()), _port_losses(net)
    yield exchange
    counted = lambda: sum(net.losses().values()) - losses + _port_losses(net) - port
    until = time.monotonic() + 3
    while counted() < exchange.all_lost() and time.monotonic() < until:
        time.sleep(0.05)
    check(counted() == exchange.all_lost(), f"{exchange.all_lost()} packets lost, {counted()} counted: {net.losses()}")


def _states(net, name):
    pair = net.pairs[name]
    return [net.sa(spi)["state"] for spi in (pair.spi_in, pair.spi_out)]


def _offloads(net, name):
    pair = net.pairs[name]
    return {net.sa(spi)["offload"] for spi in (pair.spi_in, pair.spi_out)}


@on(gateways.RESET)
def case_reset(net):
    """A reset port has forgotten its SAs: what can goes on in software with its numbers, the rest ends; what the port did not hold never notices."""
    check(_offloads(net, "auto") == {net.kind}, f"auto took {_offloads(net, 'auto')}")
    with _accounted(net) as exchange:
        exchange.rounds(ROUNDS)
    with _accounted(net) as after:
        after.sequences = exchange.sequences
        after.rounds(5)
    goes_on = {"fixed": net.kind in PORTLESS, "auto": net.kind != FULL_PROTOCOL}
    for name, lives in goes_on.items():
        check(_states(net, name) == (["up"] * 2 if lives else ["port-lost"] * 2), f"{name}: {_states(net, name)}")
        for way in ("out", "in"):
            check(after.lost(way, name) == (0 if lives else 5), f"{name}: {after.lost(way, name)} of 5 lost {way} after the reset")
    if net.kind in PORTLESS:
        check(exchange.all_lost() == 0, f"{exchange.all_lost()} packets lost")
    if net.kind == INLINE_CRYPTO:
        check(_offloads(net, "auto") == {"software"}, f"auto is in {_offloads(net, 'auto')}")
        reason = net.sa(net.pairs["auto"].spi_out)["offload_reason"]
        check("was reset" in reason, reason)
        # Nothing but what was on its way into the port when it forgot.
        check(exchange.lost("in", "auto") == 0 and exchange.lost("out", "auto") < ROUNDS / 2, f"auto lost {exchange.lost('out', 'auto')} out, {exchange.lost('in', 'auto')} in")


def _nothing_passes(net):
    with _accounted(net) as exchange:
        exchange.rounds(ROUNDS)
    check(0 < exchange.all_lost() < 4 * ROUNDS, f"{exchange.all_lost()} of {4 * ROUNDS} packets lost")
    with _accounted(net) as after:
        after.sequences = exchange.sequences
        after.rounds(5)
    check(after.all_lost() == 20, f"{20 - after.all_lost()} packets passed")


@on(gateways.REMOVED)
def case_removed(net):
    """Nothing passes a port that was removed; SAs it held end, or wait in software for another way."""
    _nothing_passes(net)
    port_held = {"fixed": net.kind not in PORTLESS, "auto": net.kind == FULL_PROTOCOL}
    for name, ends in port_held.items():
        check(_states(net, name) == (["port-lost"] * 2 if ends else ["up"] * 2), f"{name}: {_states(net, name)}")


@on(gateways.LINK_LOST)
def case_link_lost(net):
    """Nothing passes a port without link; one that keeps its SAs keeps them up."""
    _nothing_passes(net)
    for name in net.pairs:
        check(_states(net, name) == ["up"] * 2, f"{name}: {_states(net, name)}")


@on(gateways.WIRE_CUT)
def case_wire_cut(net):
    """The interface under the port is deleted while packets pass: what was to leave by it is dropped and counted, and the gateway lives."""
    with _accounted(net) as exchange:
        exchange.rounds(5)
    check(exchange.all_lost() == 0, f"{exchange.all_lost()} packets lost before")
    before = sum(net.losses().values()) + _port_losses(net)
    net.lan.send(*(net.out4(name) for name in net.pairs for _ in range(20)))
    net.gateway.ns.ip("link", "delete", "wan")
    net.lan.send(*(net.out4(name) for name in net.pairs for _ in range(20)))
    until = time.monotonic() + 3
    while (lost := sum(net.losses().values()) + _port_losses(net) - before) < 40 and time.monotonic() < until:
        time.sleep(0.05)
    check(40 <= lost <= 80, f"{lost} of 40 to 80 packets counted: {net.losses()}")
    net.silent(net.lan)
    for name in net.pairs:
        check(_states(net, name) == ["up"] * 2, f"{name}: {_states(net, name)}")


@on(gateways.REFUSING)
def case_refused_sessions(net):
    """An SA that the port refuses takes the next kind where it may, says why, and its packets pass as those of the others."""
    with _accounted(net) as exchange:
        exchange.rounds(5)
    check(exchange.all_lost() == 0, f"{exchange.all_lost()} packets lost")
    rows = [net.sa(spi) for pair in net.pairs.values() for spi in (pair.spi_in, pair.spi_out)]
    fallen = [row for row in rows if row["offload"] != net.kind]
    check(0 < len(fallen) < len(rows), f"{len(fallen)} of {len(rows)} SAs were refused")
    for row in fallen:
        check(row["offload"] == ("inline-crypto" if net.kind == FULL_PROTOCOL else "software"), f"fell to {row['offload']}")
        check(row["offload_reason"].startswith("auto: "), row["offload_reason"])
