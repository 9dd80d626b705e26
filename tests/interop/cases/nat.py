"""ipsec-gw on both sides, a NAT between: a sits behind it and has no other address to the world."""

import lab
from sites import NET, OUTER, check, connection, wait_for

KINDS = ("gw", "gw")
INSIDE, NAT_INSIDE = "192.168.7.2", "192.168.7.1"
SECOND = "198.51.100.3"      # another address of the NAT


class Nat:
    """A router whose kernel rewrites a's IKE and NAT-T packets by fixed rules, so that a test says what a mapping is, and when it is another."""

    def __init__(self, both):
        self.ns = both.lab.namespace(f"nat{both.counter}")
        lab.sh("ip", "-n", both.ns["a"].name, "link", "delete", "wan")
        both.lab.wire((both.ns["a"], "wan"), (self.ns, "in"))
        both.lab.wire((self.ns, "out"), (both.ns["b"], "wan"))
        self.ns.ip("address", "add", f"{NAT_INSIDE}/24", "dev", "in")
        for address in (OUTER["a"][0], SECOND):
            self.ns.ip("address", "add", f"{address}/24", "dev", "out")
        self.ns.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")

    def map(self, address, ike, nat_t):
        """a's ports 500 and 4500 are these from now on, and only these."""
        hooks = (("there", "postrouting"), ("back", "prerouting"))      # not before routing there: the kernel takes nothing that says it is from itself
        rules = ["flush ruleset", *(f"table ip nat {{ chain {name} {{ type filter hook {hook} priority raw; }}; }}" for name, hook in hooks)]
        for inside, outside in ((500, ike), (4500, nat_t)):
            rules += [f"add rule ip nat there ip saddr {INSIDE} udp sport {inside} ip saddr set {address} udp sport set {outside}",
                      f"add rule ip nat back ip daddr {address} udp dport {outside} ip daddr set {INSIDE} udp dport set {inside}"]
        self.ns.run("nft", "\n".join(rules))


def case_a_nat_that_maps_anew_is_followed(both):
    """The NAT forgets: the first ESP packet from another port, then another address, brings the tunnel there (RFC 7296 section 2.23)."""
    nat = Nat(both)
    nat.map(OUTER["a"][0], 60500, 61000)
    pair = connection(local_addrs=[INSIDE], remote_addrs=[OUTER["b"][0]])
    b = both.start_gateway("b", [{**pair, "local_addrs": ["%any"]}])
    a = both.start_gateway("a", [pair], outside=(f"{INSIDE}/24", NAT_INSIDE))
    a.ike("initiate", "t")
    row = wait_for(lambda: b.rows() and b.rows()[0], "b has no IKE SA")
    check(row["remote"] == f"{OUTER['a'][0]}[61000]" and row["nat_remote"] and not row["nat_local"], f"{row}")
    check(a.rows()[0]["nat_local"] and not a.rows()[0]["nat_remote"], f"{a.rows()}")
    check(both.ping("a") == 3 and both.ping("b") == 3, "pings are lost")
    for address, port in ((OUTER["a"][0], 62000), (SECOND, 63000)):
        nat.map(address, 60500, port)
        check(both.ping("b", count=1) == 0, "there is still a way to the old mapping")
        check(both.ping("a", count=5) >= 3, "b did not follow")
        wait_for(lambda to=f"{address}[{port}]": b.rows()[0]["remote"] == to and len(b.rows()[0]["children"]) == 1, lambda: f"{b.rows()}", 15)
        check(both.ping("b") == 3, "b still sends to the old mapping")
    check([r["id"] for r in b.rows()] == [row["id"]] and a.text().count("initiating IKE_SA") == 1, "it was not the same IKE SA")
    check(b.text().count("NAT mappings of peer changed") == 2 and "NAT mappings" not in a.text(), "the logs do not say so")
    check(b.rows()[0]["children"][0]["local_ts"] == [NET["b"][0]], f"{b.rows()}")
