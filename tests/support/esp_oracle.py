#!/usr/bin/env python3
"""Seals and opens ESP packets without a line of the code under test.

    esp_oracle.py open CASES          every sealed packet in CASES must open to its plain one
    esp_oracle.py seal CASES OUT      seals every plain packet in CASES; writes one hex line each to OUT

CASES has one packet a line, `name=value` words: enc, icv and auth (the suite), key, salt, auth_key, spi, seq, esn (high half or "-"),
mode (tunnel, transport), udp (0, 1), source, destination, plain, sealed (hex; absent for `seal`).

Two oracles: scapy's IPsec layer wherever it knows the case, and always a composition of RFC 4303 framing, written here, with the
primitives of the `cryptography` package. They must agree. Exit status 0: all did; 1: the first disagreement is printed; 77: scapy or
cryptography is not installed.
"""
import hashlib
import hmac
import ipaddress
import os
import struct
import sys

try:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
    from scapy.layers.inet import IP, UDP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.ipsec import ESP, SecurityAssociation
except ImportError as missing:
    print(missing)
    sys.exit(77)

ESP_PROTOCOL, UDP_PROTOCOL = 50, 17
HASHES = {"sha256": (hashlib.sha256, 16), "sha384": (hashlib.sha384, 24), "sha512": (hashlib.sha512, 32)}  # RFC 4868
SCAPY_AUTH = {"sha256": "SHA2-256-128", "sha384": "SHA2-384-192", "sha512": "SHA2-512-256"}
SCAPY_ENC = {"gcm": "AES-GCM", "chacha": "CHACHA20-POLY1305", "cbc": "AES-CBC", "ctr": "AES-CTR", "null": "NULL"}
IV_BYTES = {"gcm": 8, "gmac": 8, "chacha": 8, "ctr": 8, "cbc": 16, "null": 0}


class Case:
    def __init__(self, line):
        words = dict(word.split("=", 1) for word in line.split())
        for name in ("key", "salt", "auth_key", "plain", "sealed"):
            setattr(self, name, bytes.fromhex(words.get(name, "")))
        self.enc, self.auth, self.mode = words["enc"], words["auth"], words["mode"]
        self.icv = int(words["icv"])
        self.spi, self.seq = int(words["spi"]), int(words["seq"])
        self.esn = None if words["esn"] == "-" else int(words["esn"])
        self.udp = words["udp"] == "1"
        self.source, self.destination = words["source"], words["destination"]
        self.line = line

    # The pieces of a packet.
    def ip_bytes(self, packet):
        return 20 if packet[0] >> 4 == 4 else 40

    def aad(self):
        if self.esn is None:
            return struct.pack("!LL", self.spi, self.seq)
        return struct.pack("!LLL", self.spi, self.esn, self.seq)

    def tag(self, authenticated):
        """HMAC over ESP header to trailer, the high half of an ESN behind it (RFC 4303 section 2.2.1)."""
        if self.esn is not None:
            authenticated += struct.pack("!L", self.esn)
        function, size = HASHES[self.auth]
        return hmac.new(self.auth_key, authenticated, function).digest()[:size]

    # RFC 4106, 4543, 7634, 3602, 3686: text to ciphertext and ICV.
    def encipher(self, iv, text):
        head = struct.pack("!LL", self.spi, self.seq) + iv
        if self.enc == "gcm":
            return self.gcm(iv, self.aad(), text)
        if self.enc == "gmac":
            return text + self.gcm(iv, self.aad() + iv + text, b"")
        if self.enc == "chacha":
            return ChaCha20Poly1305(self.key).encrypt(self.salt + iv, text, self.aad())
        if self.enc == "cbc":
            text = self.run(Cipher(algorithms.AES(self.key), modes.CBC(iv)).encryptor(), text)
        elif self.enc == "ctr":
            text = self.ctr(iv, text)
        return text + self.tag(head + text)

    def decipher(self, iv, body):
        """Nothing when the ICV is wrong. Stream modes run the same way twice, so the ICV is made again and compared."""
        text, icv = body[:-self.icv], body[-self.icv:]
        if self.enc == "chacha":
            return ChaCha20Poly1305(self.key).decrypt(self.salt + iv, body, self.aad())
        if self.enc == "gcm":
            plain = self.gcm(iv, self.aad(), text)[:len(text)]  # GCTR is its own inverse
            return plain if self.encipher(iv, plain) == body else None
        if self.enc == "gmac":
            return text if self.encipher(iv, text) == body else None
        if self.tag(struct.pack("!LL", self.spi, self.seq) + iv + text) != icv:
            return None
        if self.enc == "cbc":
            return self.run(Cipher(algorithms.AES(self.key), modes.CBC(iv)).decryptor(), text)
        return self.ctr(iv, text) if self.enc == "ctr" else text

    def gcm(self, iv, aad, text):
        encryptor = Cipher(algorithms.AES(self.key), modes.GCM(self.salt + iv)).encryptor()
        encryptor.authenticate_additional_data(aad)
        return encryptor.update(text) + encryptor.finalize() + encryptor.tag[:self.icv]

    def ctr(self, iv, text):
        block = self.salt + iv + b"\0\0\0\1"  # RFC 3686 section 4
        return self.run(Cipher(algorithms.AES(self.key), modes.CTR(block)).encryptor(), text)

    @staticmethod
    def run(transform, text):
        return transform.update(text) + transform.finalize()

    # RFC 4303 framing.
    def seal(self):
        plain, align = self.plain, 16 if self.enc == "cbc" else 4
        if self.mode == "tunnel":
            payload, next_header = plain, 4 if plain[0] >> 4 == 4 else 41
            header = self.outer_header()
        else:
            cut = self.ip_bytes(plain)
            payload, header = plain[cut:], bytearray(plain[:cut])
            next_header = header[9 if cut == 20 else 6]
        pad = -(len(payload) + 2) % align
        text = payload + bytes(range(1, pad + 1)) + bytes([pad, next_header])
        iv = os.urandom(IV_BYTES[self.enc])
        esp = struct.pack("!LL", self.spi, self.seq) + iv + self.encipher(iv, text)
        if self.udp:
            esp = struct.pack("!HHHH", 4500, 4500, 8 + len(esp), 0) + esp
        return self.finish_header(header, len(esp)) + esp

    def outer_header(self):
        source, destination = (ipaddress.ip_address(a).packed for a in (self.source, self.destination))
        if len(source) == 4:
            return bytearray(b"\x45\0\0\0\0\0\0\0\x40\0\0\0" + source + destination)
        return bytearray(b"\x60\0\0\0\0\0\0\x40" + source + destination)

    def finish_header(self, header, behind):
        protocol = UDP_PROTOCOL if self.udp else ESP_PROTOCOL
        if len(header) == 40:
            header[4:7] = struct.pack("!HB", behind, protocol)
            return bytes(header)
        header[2:4], header[9], header[10:12] = struct.pack("!H", 20 + behind), protocol, b"\0\0"
        total = sum(struct.unpack("!10H", header))
        total = (total & 0xffff) + (total >> 16)
        header[10:12] = struct.pack("!H", ~((total & 0xffff) + (total >> 16)) & 0xffff)
        return bytes(header)

    def open(self):
        cut = self.ip_bytes(self.sealed)
        esp = self.sealed[cut + (8 if self.udp else 0):]
        if struct.unpack("!LL", esp[:8]) != (self.spi, self.seq):
            raise ValueError("SPI or sequence number differ")
        iv_end = 8 + IV_BYTES[self.enc]
        text = self.decipher(esp[8:iv_end], esp[iv_end:])
        if text is None:
            raise ValueError("the ICV does not verify")
        pad, next_header = text[-2], text[-1]
        payload, padding = text[:len(text) - 2 - pad], text[len(text) - 2 - pad:-2]
        if padding != bytes(range(1, pad + 1)):
            raise ValueError("the padding is not 1, 2, 3")
        if self.mode == "tunnel":
            if next_header != (4 if payload[0] >> 4 == 4 else 41):
                raise ValueError("next header and payload differ")
            return payload
        header = bytearray(self.plain[:cut])  # protocol, length and checksum are in it
        if next_header != header[9 if cut == 20 else 6]:
            raise ValueError("next header is not the packet's")
        return bytes(header) + payload

    # The other oracle.
    def scapy_knows(self):
        if self.enc == "gmac" or (self.enc == "gcm" and self.icv != 16):
            return False
        if self.esn is not None and self.auth != "-":
            return False  # its ESN is in the AAD of AEADs only
        return not (self.mode == "transport" and self.udp and ":" in self.source)  # looks for IPv6 where UDP is

    def scapy(self):
        layer = IPv6 if ":" in self.source else IP
        return SecurityAssociation(
            ESP, spi=self.spi, crypt_algo=SCAPY_ENC[self.enc], crypt_key=(self.key + self.salt) or None,
            auth_algo=SCAPY_AUTH.get(self.auth), auth_key=self.auth_key or None,
            tunnel_header=layer(src=self.source, dst=self.destination) if self.mode == "tunnel" else None,
            nat_t_header=UDP(sport=4500, dport=4500) if self.udp else None,
            esn_en=self.esn is not None, esn=self.esn or 0)

    @staticmethod
    def dissect(packet):
        return (IP if packet[0] >> 4 == 4 else IPv6)(packet)

    def scapy_open(self):
        return bytes(self.scapy().decrypt(self.dissect(self.sealed)))

    def scapy_seal(self):
        return bytes(self.scapy().encrypt(self.dissect(self.plain), seq_num=self.seq))


class Blame:
    """Says which case an exception is about."""

    def __init__(self, case):
        self.case = case

    def __enter__(self):
        pass

    def __exit__(self, kind, *_):
        if kind is not None:
            print("case:", self.case.line.strip())


def open_all(cases):
    by_scapy = 0
    for case in cases:
        with Blame(case):
            if case.open() != case.plain:
                raise ValueError("opens to another packet")
            if case.scapy_knows():
                by_scapy += 1
                if case.scapy_open() != case.plain:
                    raise ValueError("scapy opens it to another packet")
    return by_scapy


def seal_all(cases, path):
    by_scapy = 0
    with open(path, "w", encoding="ascii") as out:
        for number, case in enumerate(cases):
            # By turns, where both can, so that each is heard about every suite.
            scapy = case.scapy_knows() and number % 3 != 0
            by_scapy += scapy
            with Blame(case):
                out.write((case.scapy_seal() if scapy else case.seal()).hex() + "\n")
    return by_scapy


def main(arguments):
    if len(arguments) < 2 or arguments[0] not in ("open", "seal"):
        print(__doc__)
        return 2
    with open(arguments[1], encoding="ascii") as lines:
        cases = [Case(line) for line in lines]
    by_scapy = open_all(cases) if arguments[0] == "open" else seal_all(cases, arguments[2])
    print(f"{arguments[0]}: {len(cases)} packets, {by_scapy} of them by scapy")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
