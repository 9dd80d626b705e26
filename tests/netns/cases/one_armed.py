"""One port for both sides, beside a router."""

import gateways
from net import ESP, IP, UDP, Raw, check, is_forwarded, layer3

GATEWAY = gateways.ONE_ARMED


def case_seals_and_sends_back(net):
    """A packet in clear comes back out of the same port as ESP to the peer."""
    sent = net.out4("site")
    net.wan.send(sent)
    inner = net.from_gateway("site").open(net.esp_arrives()[0])
    check(bytes(inner.payload) == bytes(sent.payload), "another payload came out")


def case_opens_and_sends_back(net):
    """ESP comes back out of the same port in clear to the host."""
    for make in (net.in4, net.in6):
        sent = make("site")
        net.wan.send(net.to_gateway("site").seal(sent))
        packet = net.arrives(net.wan)[0]
        check(ESP not in packet and bytes(packet.payload) == bytes(sent.payload), packet.summary())


def case_clear_text_from_outside(net):
    """The port's role does not tell inside from outside, the policy does: what it wants as ESP is not taken in clear."""
    with net.drops("clear-text"):
        net.wan.send(net.in4("site"))


def case_no_policy(net):
    """What no policy names is not routed."""
    with net.drops("no-policy"):
        net.wan.send(IP(src=gateways.HOST4, dst="10.5.0.9") / UDP(sport=1, dport=2) / Raw(net.payload()))
    check(not [layer3(f) for f in net.wan.collect(is_forwarded, 1, 0.1)], "forwarded")
