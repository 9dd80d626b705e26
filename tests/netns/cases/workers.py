"""Two workers, two queues a port: an inbound SA has one owner, whatever queue its packets come on."""

import gateways
from kinds import FULL_PROTOCOL, INLINE_CRYPTO
from net import ESP, UDP, Raw, check

GATEWAY = gateways.WORKERS
PACKETS = 40


def case_many_flows_out(net):
    """Flows on all SAs leave through both workers; no sequence number is used twice."""
    for number in range(1, 9):
        burst = []
        for port in range(PACKETS):
            packet = net.out4(f"site-{number}")
            packet[UDP].sport = 1000 + 37 * port
            burst.append(packet)
        net.lan.send(*burst)
        packets = net.esp_arrives(PACKETS, timeout=4)
        sequence = {p[ESP].seq for p in packets}
        check(len(sequence) == PACKETS, f"{PACKETS - len(sequence)} sequence numbers appear twice")
        payloads = {bytes(net.from_gateway(f"site-{number}").open(p)[Raw]) for p in packets}
        check(payloads == {bytes(p[Raw]) for p in burst}, "another set of payloads came out")


def case_many_sas_in(net):
    """Packets of all SAs arrive once, in order within each SA."""
    for number in range(1, 9):
        end, sent = net.to_gateway(f"site-{number}"), [net.in4(f"site-{number}") for _ in range(PACKETS)]
        net.wan.send(*(end.seal(p) for p in sent))
        got = [bytes(p[Raw]) for p in net.arrives(net.lan, PACKETS, timeout=4)]
        check(got == [bytes(p[Raw]) for p in sent], "order or content changed")


def case_replays_meet_one_window(net):
    """A replayed packet is found out although the port may put it on another queue."""
    end = net.to_gateway("site-3")
    packets = [end.seal(net.in4("site-3")) for _ in range(10)]
    net.wan.send(*packets)
    net.arrives(net.lan, 10)
    with net.drops("replay", 10):
        net.wan.send(*packets)


def case_owners_are_spread(net):
    """Inbound SAs are shared out between the workers, and each listing names the owner."""
    net.skip_in((INLINE_CRYPTO, FULL_PROTOCOL), "the model port's RSS brings an SPI to its owner, so the file's SPIs decide")
    owners = [net.sa(net.pair(f"site-{n}").spi_in)["worker"] for n in range(1, 9)]
    check(sorted(owners) == [0] * 4 + [1] * 4, f"owners {owners}")
