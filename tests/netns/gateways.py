"""The gateways the cases run against: their configurations and the keys of the other end.

Addresses: the gateway is 10.1.0.1 and 2001:db8:1::1 on the protected wire, 192.0.2.1 and 2001:db8:f::1 on the unprotected one. The
case's host on the protected wire is 10.1.0.2 and 2001:db8:1::2; its IPsec peer on the other is 192.0.2.2 and 2001:db8:f::2. Behind
the peer, SA pair number n protects 10.2.n.0/24 and 2001:db8:2:n::/64.
"""

import dataclasses
import hashlib

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

import esp
import libconfig_text
from kinds import FULL_PROTOCOL, INLINE_CRYPTO, KINDS, LOOK_ASIDE, SOFTWARE

LAN_MAC, WAN_MAC = "02:00:00:00:01:02", "02:00:00:00:02:02"      # the case's interfaces
HOST4, HOST6 = "10.1.0.2", "2001:db8:1::2"
GATEWAY4, GATEWAY6 = "10.1.0.1", "2001:db8:1::1"                  # protected side
OUTER4, OUTER6 = "192.0.2.1", "2001:db8:f::1"                     # unprotected side
PEER4, PEER6 = "192.0.2.2", "2001:db8:f::2"


@dataclasses.dataclass
class Pair:
    """An inbound and an outbound SA with the policy that uses them."""
    name: str
    number: int
    suite: str = "aes128gcm16"
    outer: int = 4                  # IP version of the tunnel header
    transport: bool = False
    udp: bool = False
    esn: bool = False
    replay_window: int = 64
    first_sequence: int = 1         # of what the gateway sends
    auto: bool = False              # where a port can do it, the SAs leave it to the gateway
    extra_out: dict = dataclasses.field(default_factory=dict)
    extra_in: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        # Different for each SA, so that a mix-up cannot go unnoticed, and the same in each run.
        length = esp.keymat_bytes(self.suite)
        self.key_in = hashlib.shake_128(f"{self.name} in".encode()).digest(length)
        self.key_out = hashlib.shake_128(f"{self.name} out".encode()).digest(length)

    @property
    def spi_in(self):               # of packets to the gateway
        return 0x1000 + self.number

    @property
    def spi_out(self):
        return 0x2000 + self.number

    @property
    def local(self):
        return OUTER4 if self.outer == 4 else OUTER6

    @property
    def remote(self):
        return PEER4 if self.outer == 4 else PEER6

    def far4(self, host=9):
        """A host behind the peer."""
        return f"10.2.{self.number}.{host}"

    def far6(self, host=9):
        return f"2001:db8:2:{self.number:x}::{host:x}"

    def peer(self):
        """The other end: what sends to the gateway, and what opens what it sends."""
        header = IP if self.outer == 4 else IPv6
        ports = (4500, 4500) if self.udp else None
        to_gateway = None if self.transport else header(src=self.remote, dst=self.local)
        from_gateway = None if self.transport else header(src=self.local, dst=self.remote)
        return (esp.Endpoint(self.spi_in, self.suite, self.key_in, outer=to_gateway, nat_t=ports, esn=self.esn),
                esp.Endpoint(self.spi_out, self.suite, self.key_out, outer=from_gateway, nat_t=ports, esn=self.esn, sequence=self.first_sequence))


CRYPTO_DEVICE = "crypto_openssl0"
METRICS_PORT = 9717

# What SAs ask for in each kind.
_KIND_SETTINGS = {
    SOFTWARE: {},
    LOOK_ASIDE: {"engine": "lookaside"},
    INLINE_CRYPTO: {"hw_offload": "crypto"},
    FULL_PROTOCOL: {"hw_offload": "full"},
}


def why_not(pair, kind):
    """Why SAs like the pair's cannot be of a kind, or None."""
    if kind == LOOK_ASIDE and pair.suite == "chacha20poly1305":
        return "DPDK's openssl driver does no ChaCha20-Poly1305"
    if kind == INLINE_CRYPTO and pair.esn:
        return "the high half of the sequence number is not in the packet, so a port that only ciphers cannot have it"
    if kind == INLINE_CRYPTO and pair.udp and pair.outer == 6:
        return "the UDP checksum over IPv6 covers the ciphertext, which a port that only ciphers makes too late"
    if kind == FULL_PROTOCOL and "tfc_padding" in pair.extra_out:
        return "a port that frames does not send TFC padding"
    return None


def has_inline_port(kind):
    return kind in (INLINE_CRYPTO, FULL_PROTOCOL)


def _settings_of(pair, kind):
    if why_not(pair, kind):
        return {}
    return {"hw_offload": "auto"} if pair.auto and has_inline_port(kind) else _KIND_SETTINGS[kind]


@dataclasses.dataclass
class Description:
    """One configuration: what a group of cases runs against."""
    name: str
    pairs: list
    policies: list = dataclasses.field(default_factory=list)
    workers: int = 1
    dynamic_neighbours: bool = False    # nothing but what ARP and neighbour discovery find
    one_armed: bool = False             # hosts and peers on one wire
    model_port: str = ""                # the model port stands on the unprotected wire in every kind, with these arguments
    kinds: tuple = KINDS                # in others there is nothing to try
    settings: dict = dataclasses.field(default_factory=dict)
    metrics: bool = False

    @property
    def interfaces(self):
        return ("wan",) if self.one_armed else ("lan", "wan")

    def has_model_port(self, kind):
        return bool(self.model_port) or has_inline_port(kind)

    def model_arguments(self, kind):
        """Of inline kinds `auto` finds the better first, so a port for inline crypto offers nothing else."""
        crypto_only = kind == INLINE_CRYPTO and any(pair.auto for pair in self.pairs)
        return ",".join(filter(None, [self.model_port, "offer=crypto" if crypto_only else ""]))

    def with_pairs(self, pairs):
        """The same with other pairs."""
        return dataclasses.replace(self, pairs=pairs)

    def _ports(self, kind):
        lan, wan = [f"{GATEWAY4}/24", f"{GATEWAY6}/64"], [f"{OUTER4}/24", f"{OUTER6}/64"]
        outside = "net_inline_ipsec0" if self.has_model_port(kind) else f"net_af_packet{len(self.interfaces) - 1}"
        if self.one_armed:
            return [{"name": "wan", "device": outside, "role": "both", "addresses": lan + wan}]
        return [{"name": "lan", "device": "net_af_packet0", "role": "protected", "addresses": lan},
                {"name": "wan", "device": outside, "role": "unprotected", "addresses": wan}]

    def _neighbours(self):
        lan = ("wan", WAN_MAC) if self.one_armed else ("lan", LAN_MAC)
        return [{"address": address, "port": port, "mac": mac} for address, (port, mac) in
                ((HOST4, lan), (HOST6, lan), (PEER4, ("wan", WAN_MAC)), (PEER6, ("wan", WAN_MAC)))]

    def config(self, socket, kind):
        """Pairs that cannot be of the kind are there in software: the cases on them are left out."""
        return libconfig_text.dump({
            "gateway": {"control_socket": str(socket), "idle_sleep_us": 20, "lookaside": CRYPTO_DEVICE if kind == LOOK_ASIDE else None, **self.settings},
            "metrics": {"listen": f"127.0.0.1:{METRICS_PORT}", "socket": str(socket.parent / "metrics.sock")} if self.metrics else None,
            "ports": self._ports(kind),
            "routes": [{"prefix": prefix, "via": via} for prefix, via in
                       (("10.2.0.0/15", PEER4), ("10.4.0.0/14", PEER4), ("2001:db8:2::/48", PEER6), ("2001:db8:4::/48", PEER6))],
            "neighbours": None if self.dynamic_neighbours else self._neighbours(),
            "sas": [sa for pair in self.pairs for sa in _sas(pair, _settings_of(pair, kind))],
            "policies": [_policy(pair) for pair in self.pairs] + self.policies,
        })


def _sas(pair, kind_settings):
    common = {
        **kind_settings,
        "mode": "transport" if pair.transport else "tunnel",
        "local": pair.local if not pair.transport else HOST4,
        "remote": pair.remote if not pair.transport else pair.far4(),
        "proposal": pair.suite + ("-esn" if pair.esn else ""),
        "udp_encap": True if pair.udp else None,
    }
    yield {"name": f"{pair.name}-in", "direction": "in", "spi": libconfig_text.Hex(pair.spi_in), **common, "keymat": "0x" + pair.key_in.hex(),
           "replay_window": pair.replay_window, **pair.extra_in}
    yield {"name": f"{pair.name}-out", "direction": "out", "spi": libconfig_text.Hex(pair.spi_out), **common, "keymat": "0x" + pair.key_out.hex(),
           "first_sequence": pair.first_sequence if pair.first_sequence != 1 else None, **pair.extra_out}


def sas_of(pair):
    """The groups of its SAs, in software: the inbound one, the outbound one."""
    return tuple(_sas(pair, {}))


def policy_of(pair):
    return _policy(pair)


def _policy(pair):
    local, remote = ["10.1.0.0/24", "2001:db8:1::/64"], [f"10.2.{pair.number}.0/24", f"2001:db8:2:{pair.number:x}::/64"]
    if pair.transport:
        local, remote = [f"{HOST4}/32"], [f"{pair.far4()}/32"]
    return {"name": pair.name, "action": "protect", "priority": 100, "local_ts": local, "remote_ts": remote,
            "sa": f"{pair.name}-out", "sa_in": [f"{pair.name}-in"]}


SUITE_PAIRS = [Pair(suite, number, suite) for number, suite in enumerate(esp.SUITES, 1)]

# Every algorithm, family, mode and encapsulation, one pair each, in one gateway.
TUNNELS = Description("tunnels", SUITE_PAIRS + [
    Pair("esn", 20, "aes256gcm16", esn=True),
    Pair("esn-wrap", 21, esn=True, first_sequence=0xFFFFFFFE),
    Pair("outer6", 22, outer=6),
    Pair("nat-t", 23, udp=True),
    Pair("nat-t6", 24, outer=6, udp=True),
    Pair("transport", 25, transport=True),
    Pair("last-number", 26, first_sequence=0xFFFFFFFF),
    Pair("tfc", 27, extra_out={"tfc_padding": 256}),
    Pair("short-lived", 28, extra_out={"lifetime": {"hard_packets": 2}}),
    Pair("wide-window", 29, replay_window=1024),
    Pair("no-window", 30, replay_window=0),
    Pair("cbc-transport", 31, "aes128-sha256", transport=True),
    Pair("esn-fresh", 32, esn=True),
    Pair("fixed", 33, extra_out={"dscp": 46, "df": "set", "hop_limit": 33, "ecn": "off"}),
])

# What the policies decide, and the router around them.
POLICIES = Description("policies", [Pair("site", 1)], policies=[
    {"name": "open", "action": "bypass", "priority": 200, "local_ts": ["10.1.0.0/24", "2001:db8:1::/64"], "remote_ts": ["10.3.0.0/24", "2001:db8:4:3::/64"]},
    {"name": "shut", "action": "discard", "priority": 200, "local_ts": ["10.1.0.0/24"], "remote_ts": ["10.4.0.0/24"]},
    {"name": "no-sa-yet", "action": "protect", "priority": 200, "local_ts": ["10.1.0.0/24"], "remote_ts": ["10.6.0.0/24"]},
    {"name": "nowhere", "action": "bypass", "priority": 200, "local_ts": ["10.1.0.0/24"], "remote_ts": ["203.0.113.0/24"]},
])

NEIGHBOURS = Description("neighbours", [Pair("site", 1)], policies=POLICIES.policies, dynamic_neighbours=True)

ONE_ARMED = Description("one-armed", [Pair("site", 1)], one_armed=True)

# UDP-encapsulated SAs that have nothing to say for a second.
KEEPALIVES = Description("keepalives", [Pair("nat-t", 1, udp=True), Pair("nat-t6", 2, outer=6, udp=True), Pair("plain", 3)],
                         settings={"nat_keepalive_seconds": 1})

# Inbound SAs have one owner; packets reach it whatever queue the port puts them on.
WORKERS = Description("workers", [Pair(f"site-{n}", n) for n in range(1, 9)], workers=2)

# Ports that fail while packets pass. "fixed" wants the kind and nothing else, "auto" would take another.
_FAILING = [Pair("fixed", 1), Pair("auto", 2, auto=True)]
RESET = Description("reset", _FAILING, model_port="reset_after=40")
REMOVED = Description("removed", _FAILING, model_port="remove_after=40")
LINK_LOST = Description("link-lost", _FAILING, model_port="drop_link_after=40")
WIRE_CUT = Description("wire-cut", _FAILING)
# Of three sessions it is asked for, the port refuses one.
REFUSING = Description("refusing", [Pair(f"auto-{n}", n, auto=True) for n in range(1, 5)], model_port="fail_every=3",
                       kinds=(INLINE_CRYPTO, FULL_PROTOCOL))

# Changed while it runs.
LIVE = Description("live", [Pair("site", 1), Pair("other", 2)])

# Somebody looks at it: metrics, traces, listings.
METRICS = Description("metrics", [Pair("site", 1, extra_in={"tunnel": "to-site"}, extra_out={"tunnel": "to-site"}), Pair("other", 2)], metrics=True)
