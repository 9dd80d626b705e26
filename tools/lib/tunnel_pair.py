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
