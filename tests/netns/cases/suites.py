"""Every algorithm in both directions, against scapy."""

import gateways
from net import check

GATEWAY = gateways.TUNNELS
LENGTHS = (0, 1, 63, 64, 700, 1340)


def _both_ways(net, name, make_out, make_in):
    for length in LENGTHS:
        sent = make_out(name, length)
        net.lan.send(sent)
        inner = net.from_gateway(name).open(net.esp_arrives()[0])
        check(bytes(inner.payload) == bytes(sent.payload), f"{name}: another payload came out of {length} bytes")
        check((inner.src, inner.dst) == (sent.src, sent.dst), f"{name}: other addresses")
        sent = make_in(name, length)
        net.wan.send(net.to_gateway(name).seal(sent))
        inner = net.arrives(net.lan)[0]
        check(bytes(inner.payload) == bytes(sent.payload), f"{name}: another payload came in of {length} bytes")


def _case(suite):
    def case(net):
        _both_ways(net, suite, net.out4, net.in4)
        _both_ways(net, suite, net.out6, net.in6)
    case.__doc__ = f"{suite} seals and opens both families."
    return case


for _pair in gateways.SUITE_PAIRS:
    globals()["case_" + _pair.name.replace("-", "_")] = _case(_pair.suite)
