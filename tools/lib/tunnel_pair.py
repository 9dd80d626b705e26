"""The configurations of the quickstart's two gateways: config/two-port-a.cfg and -b.cfg with fresh keys."""

import pathlib
import re
import secrets

SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "config"
# Where the samples put the hosts' and gateways' addresses.
HOST_A, HOST_B = ("10.1.0.2/24", "fd00:1::2/64"), ("10.2.0.2/24", "fd00:2::2/64")
GATEWAY_A, GATEWAY_B = ("10.1.0.1", "fd00:1::1"), ("10.2.0.1", "fd00:2::1")

_KEYMAT = re.compile(r'keymat = "(0x)?([0-9a-f]+)"')
_SOCKET = re.compile(r'control_socket = "[^"]*";')

# Of the samples with IKE.
CONNECTION = "to-sun"
_SECRET = re.compile(r'(secret = )"([^"]*)"')

# What --offload asks of each SA, and the word gwctl shows for what it should become: on the model port, or with a crypto device.
OFFLOADS = {"full": "full-protocol", "crypto": "inline-crypto", "auto": "full-protocol", "lookaside": "look-aside"}
CRYPTO_DEVICE = "crypto_openssl0"


def _looked_aside(text):
    """The sample with a look-aside device, and each SA on it."""
    text, gateways = re.subn(r"(control_socket = .*\n)", rf'\1    lookaside = "{CRYPTO_DEVICE}";\n', text)
    text, sas = re.subn(r'( *)(proposal = "[^"]*";)', r'\1\2\n\1engine = "lookaside";', text)
    if gateways != 1 or sas != 2:
        raise ValueError(f"the sample has {gateways} control sockets and {sas} proposals, expected 1 and 2")
    return text


def _offloaded(text, offload):
    """The sample with its unprotected port on the model NIC and hw_offload in each SA."""
    if offload == "lookaside":
        return _looked_aside(text)
    text, ports = re.subn(r'(role = "unprotected";)|(device = )"net_af_packet1"', lambda m: m.group(1) or f'{m.group(2)}"net_inline_ipsec0"', text)
    text, sas = re.subn(r'( *)(proposal = "[^"]*";)', rf'\1\2\n\1hw_offload = "{offload}";', text)
    if ports != 2 or sas != 2:
        raise ValueError(f"the sample has {ports} unprotected port settings and {sas} proposals, expected 2 each")
    # The high half of the sequence number is not in the packet, so a port that only ciphers cannot have it.
    return text.replace("-esn", "") if offload == "crypto" else text


def configs(directory, offload=None):
    """The texts for gateway A and gateway B; their control sockets lie in `directory`. `offload`: a key of OFFLOADS."""
    keys = {}       # the sample's public key -> the key of this run, the same in both files

    def fresh(match):
        key = keys.setdefault(match.group(2), secrets.token_hex(len(match.group(2)) // 2))
        return f'keymat = "0x{key}"'

    for site in "ab":
        text = (SAMPLES / f"two-port-{site}.cfg").read_text(encoding="utf-8")
        text, sockets = _SOCKET.subn(f'control_socket = "{directory}/gw-{site}.sock";\n'
                                     "    idle_sleep_us = 50;           # hosts, gateways and iperf3 share this machine's cores", text)
        text, keymats = _KEYMAT.subn(fresh, text)
        if sockets != 1 or keymats != 2:
            raise ValueError(f"two-port-{site}.cfg: {sockets} control sockets and {keymats} keys, expected 1 and 2")
        if offload:
            text = _offloaded(text, offload)
        yield text.replace("THE KEYS BELOW ARE PUBLIC.", "The keys below are this run's own.").replace(" Replace them on both gateways: openssl rand -hex 20; then chmod 600 this file.", "")


_secrets = {}       # of this run, by the sample's public one


def ike_configs(directory):
    """The same for config/ike-psk.cfg and its peer, with a fresh secret."""
    for site, name in zip("ab", ("ike-psk.cfg", "ike-psk-peer.cfg")):
        text, count = _SECRET.subn(lambda m: f'{m[1]}"{_secrets.setdefault(m[2], "0x" + secrets.token_hex(32))}"',
                                   (SAMPLES / name).read_text(encoding="utf-8"))
        if count != 1 or "gateway = " in text:
            raise ValueError(f"{name}: {count} secrets, expected 1, and no group gateway")
        yield f"""gateway = {{
    control_socket = "{directory}/gw-{site}.sock";
    idle_sleep_us = 50;           # hosts, gateways and iperf3 share this machine's cores
}};

{text.replace("THE SECRET BELOW IS PUBLIC. Replace it on both gateways: openssl rand -base64 32; then chmod 600 this file.",
              "The secret below is this run's own.")}"""


def without_esn(text):
    """A sample for a peer that has none."""
    text, count = re.subn(r'(esp_proposals = "[^"]*)-esn"', r'\1"', text)
    if count != 1:
        raise ValueError(f"the sample has {count} ESP proposals with ESN, expected 1")
    return text


def strongswan_config():
    """swanctl.conf for gateway B; after ike_configs()."""
    return f"""connections {{
  to-moon {{
    version = 2
    mobike = no
    local_addrs = 198.51.100.2
    remote_addrs = 198.51.100.1
    proposals = aes128-sha256-x25519
    local {{ auth = psk
      id = sun.example.org }}
    remote {{ auth = psk
      id = moon.example.org }}
    children {{
      net {{
        local_ts = 10.2.0.0/24
        remote_ts = 10.1.0.0/24
        esp_proposals = aes128gcm128-x25519
      }}
    }}
  }}
}}
secrets {{
  ike-1 {{
    id-moon = moon.example.org
    id-sun = sun.example.org
    secret = {next(iter(_secrets.values()))}
  }}
}}
"""
