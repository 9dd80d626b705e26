"""The packets of tools/bench-peers, in pcap files that every program under test gets alike. Sealed by python3-cryptography: nothing of the gateway's code."""

import ipaddress
import struct

from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

PORT_MAC = bytes.fromhex("027063617000")        # what net_pcap gives its first port
HOST_MAC = bytes.fromhex("020000000109")
OUR_HOST, PEER_HOST = "10.1.0.5", "10.128.0.5"
OUR_GATEWAY, PEER_GATEWAY = "192.0.2.1", "192.0.2.2"
SPI_OUT, SPI_IN = 0x10005, 0x10006

# Frame bytes without FCS. IMIX is 7:4:1, spread so that no two bursts differ much.
MIXES = {"60": (60,), "imix": (60, 576, 60, 60, 576, 60, 1420, 60, 576, 60, 60, 576), "1420": (1420,)}
FRAMES = 1008       # of a file: a multiple of every mix

# proposal -> AEAD or None, bytes of keying material for the cipher (salt included) and for integrity
SUITES = {
    "aes128gcm16": (AESGCM, 20, 0),
    "aes256gcm16": (AESGCM, 36, 0),
    "chacha20poly1305": (ChaCha20Poly1305, 36, 0),
    "aes128-sha256": (None, 16, 32),
}


def keymat(suite):
    """The same for both directions: this is a benchmark."""
    _, cipher, integrity = SUITES[suite]
    return bytes(range(0x17, 0x17 + cipher + integrity))


def mean_bytes(size):
    return sum(MIXES[size]) / len(MIXES[size])


def _ipv4(source, destination, protocol, payload):
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), 0, 0x4000, 64, protocol, 0, ipaddress.ip_address(source).packed,
                       ipaddress.ip_address(destination).packed)
    total = sum(struct.unpack("!10H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[12:] + payload


def _packets(size, source, destination):
    for i in range(FRAMES):
        frame = MIXES[size][i % len(MIXES[size])]
        yield _ipv4(source, destination, 17, struct.pack("!HHHH", 5000, 6000, frame - 34, 0) + b"x" * (frame - 42))


def _padded(packet, align):
    """With the trailer of RFC 4303 section 2.4; 4 is IPv4."""
    pad = -(len(packet) + 2) % align
    return packet + bytes(range(1, pad + 1)) + bytes((pad, 4))


def _esp_aead(aead, key, sequence, packet):
    """RFC 4106 section 5, RFC 7634 section 2."""
    head, iv = struct.pack("!LL", SPI_IN, sequence), struct.pack("!Q", sequence)
    return head + iv + aead(key[:-4]).encrypt(key[-4:] + iv, _padded(packet, 4), head)


def _esp_cbc_hmac(key, sequence, packet):
    """RFC 3602, RFC 4868: HMAC-SHA-256-128."""
    iv = struct.pack("!QQ", sequence, sequence)
    cipher = Cipher(algorithms.AES(key[:16]), modes.CBC(iv)).encryptor()
    body = struct.pack("!LL", SPI_IN, sequence) + iv + cipher.update(_padded(packet, 16)) + cipher.finalize()
    mac = hmac.HMAC(key[16:], hashes.SHA256())
    mac.update(body)
    return body + mac.finalize()[:16]


def _sealed(size, suite):
    key, aead = keymat(suite), SUITES[suite][0]
    for sequence, packet in enumerate(_packets(size, PEER_HOST, OUR_HOST), 1):
        esp = _esp_aead(aead, key, sequence, packet) if aead else _esp_cbc_hmac(key, sequence, packet)
        yield _ipv4(PEER_GATEWAY, OUR_GATEWAY, 50, esp)


def write(path, direction, size, suite):
    """A pcap of what arrives at the gateway: clear packets for "out", sealed ones for "in"."""
    packets = _packets(size, OUR_HOST, PEER_HOST) if direction == "out" else _sealed(size, suite)
    with open(path, "wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
        for packet in packets:
            frame = PORT_MAC + HOST_MAC + b"\x08\x00" + packet
            file.write(struct.pack("<IIII", 0, 0, len(frame), len(frame)) + frame)
