"""The gateways the cases run against: their configurations and the keys of the other end.

Addresses: the gateway is 10.1.0.1 and 2001:db8:1::1 on the protected wire, 192.0.2.1 and 2001:db8:f::1 on the unprotected one. The
case's host on the protected wire is 10.1.0.2 and 2001:db8:1::2; its IPsec peer on the other is 192.0.2.2 and 2001:db8:f::2. Behind
the peer, SA pair number n protects 10.2.n.0/24 and 2001:db8:2:n::/64.
"""

import dataclasses
import os

from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6

import esp
import libconfig_text

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
    extra_out: dict = dataclasses.field(default_factory=dict)
    extra_in: dict = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        # A fixed pattern, different for each SA, so that a mix-up of keys cannot go unnoticed.
        length = esp.keymat_bytes(self.suite)
        self.key_in = bytes((self.number * 16 + i) & 0xFF for i in range(length))
        self.key_out = bytes((self.number * 16 + 128 + 3 * i) & 0xFF for i in range(length))

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
