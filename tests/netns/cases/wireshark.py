"""tshark as a second oracle: it decrypts what the gateway sent and verifies each ICV."""

import pathlib
import subprocess
import tempfile

import gateways
from net import Ether, Raw, check
from scapy.utils import wrpcap

GATEWAY = gateways.TUNNELS

# pair -> tshark's names; the key's parts are cut as its table wants them
NAMES = {
    "aes128gcm16": ("AES-GCM with 16 octet ICV [RFC4106]", "NULL"),
    "aes256gcm16": ("AES-GCM with 16 octet ICV [RFC4106]", "NULL"),
    "aes192gcm16": ("AES-GCM with 16 octet ICV [RFC4106]", "NULL"),
    "aes128-sha256": ("AES-CBC [RFC3602]", "HMAC-SHA-256-128 [RFC4868]"),
    "aes256-sha512": ("AES-CBC [RFC3602]", "HMAC-SHA-512-256 [RFC4868]"),
    "aes128ctr-sha256": ("AES-CTR [RFC3686]", "HMAC-SHA-256-128 [RFC4868]"),
    "null-sha256": ("NULL", "HMAC-SHA-256-128 [RFC4868]"),
}


def _tshark(path, pairs):
    rows = []
    for pair in pairs:
        cipher, integrity = NAMES[pair.name]
        cut = len(pair.key_out) - gateways.esp.SUITES[pair.suite][3]
        rows += ["-o", 'uat:esp_sa:"IPv4","*","*","%#010x","%s","%s","%s","%s"' % (
            pair.spi_out, cipher, "0x" + pair.key_out[:cut].hex() if cut else "", integrity,
            "0x" + pair.key_out[cut:].hex() if cut < len(pair.key_out) else "")]
    return subprocess.run(["tshark", "-n", "-r", path, "-o", "esp.enable_encryption_decode:TRUE", "-o", "esp.enable_authentication_check:TRUE",
                           *rows, "-T", "fields", "-e", "esp.spi", "-e", "esp.icv_good", "-e", "udp.payload", "-e", "_ws.expert.message"],
                          capture_output=True, text=True, timeout=60)


def case_decrypts_and_verifies(net):
    """Every packet of every suite tshark knows: good ICV, and the bytes that were sent."""
    pairs, packets, sent = [net.pair(name) for name in net.possible(*NAMES)], [], []
    for pair in pairs:
        for length in (20, 300, 1300):
            inner = net.out4(pair.name, length)
            net.lan.send(inner)
            packets += net.esp_arrives()
            sent.append((pair, bytes(inner[Raw])))
    with tempfile.TemporaryDirectory() as folder:
        path = str(pathlib.Path(folder) / "esp.pcap")
        wrpcap(path, [Ether() / p for p in packets])
        done = _tshark(path, pairs)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    check(len(rows) == len(sent), f"tshark: {done.stderr.strip()[:300]}")
    for (pair, payload), row in zip(sent, rows):
        check(row[1] in ("1", "True"), f"{pair.name}: ICV {row[1]!r} {row[3:]}")
        check(bytes.fromhex(row[2].replace(":", "")) == payload, f"{pair.name}: tshark reads another payload")
