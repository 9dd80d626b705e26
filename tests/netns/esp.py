"""The other end of the gateway's SAs, made of scapy and python3-cryptography: nothing of the gateway's code."""

import struct

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.ipsec import ESP, SecurityAssociation, _ESPPlain, IPSecIntegrityError, split_for_transport

# proposal word -> scapy's encryption, key and salt bytes, scapy's integrity, integrity key bytes
SUITES = {
    "aes128gcm16": ("AES-GCM", 20, None, 0),
    "aes192gcm16": ("AES-GCM", 28, None, 0),
    "aes256gcm16": ("AES-GCM", 36, None, 0),
    "chacha20poly1305": ("CHACHA20-POLY1305", 36, None, 0),
    "aes128-sha256": ("AES-CBC", 16, "SHA2-256-128", 32),
    "aes256-sha384": ("AES-CBC", 32, "SHA2-384-192", 48),
    "aes256-sha512": ("AES-CBC", 32, "SHA2-512-256", 64),
    "aes128ctr-sha256": ("AES-CTR", 20, "SHA2-256-128", 32),
    "null-sha256": ("NULL", 0, "SHA2-256-128", 32),
    "aes128gmac": ("GMAC", 20, None, 0),
}


def keymat_bytes(suite):
    _, cipher, _, integrity = SUITES[suite]
    return cipher + integrity


class Gmac:
    """ENCR_NULL_AUTH_AES_GMAC (RFC 4543 section 3), which scapy has not: the payload is clear and authenticated with the header."""

    def __init__(self, key):
        self.aead, self.salt = AESGCM(key[:-4]), key[-4:]

    def _tag(self, spi, seq, iv, data):
        return self.aead.encrypt(self.salt + iv, b"", struct.pack("!LL", spi, seq) + iv + data)

    def seal(self, spi, seq, iv, data):
        return iv + data + self._tag(spi, seq, iv, data)

    def open(self, spi, seq, body):
        iv, data, tag = body[:8], body[8:-16], body[-16:]
        if self._tag(spi, seq, iv, data) != tag:
            raise IPSecIntegrityError("GMAC tag")
        return data


class Endpoint:
    """One direction of one SA. `outer` is the tunnel header or None for transport mode; `nat_t` a (source, destination) port pair."""

    def __init__(self, spi, suite, keymat, *, outer=None, nat_t=None, esn=False, sequence=1):
        crypt, cipher_bytes, auth, _ = SUITES[suite]
        self.spi = spi
        self.suite = suite
        self.outer = outer
        self.esn = esn
        self.sequence = sequence      # next to send, 64 bits
        self.nat_t = nat_t
        self.gmac = Gmac(keymat) if crypt == "GMAC" else None
        self.sa = SecurityAssociation(ESP, spi=spi, crypt_algo="NULL" if self.gmac else crypt, crypt_key=keymat[:cipher_bytes] or None,
                                      auth_algo=auth, auth_key=keymat[cipher_bytes:] or None, tunnel_header=outer, esn_en=esn)

    def seal(self, packet, seq=None):
        """An IP packet to an IP packet with ESP."""
        seq = self._next() if seq is None else seq
        if self.gmac:
            return self._seal_plain(packet, seq, None, None)
        return self._in_udp(self.sa.encrypt(packet, seq_num=seq & 0xFFFFFFFF, esn=seq >> 32))

    def seal_odd(self, packet, *, padding=None, pad_length=None, next_header=None, seq=None):
        """Authentic, but with a trailer of the caller's choice (RFC 4303 section 2.4)."""
        seq = self._next() if seq is None else seq
        return self._seal_plain(packet, seq, (padding, pad_length), next_header)

    def _next(self):
        self.sequence += 1
        return self.sequence - 1

    def _seal_plain(self, packet, seq, trailer, next_header):
        if self.outer is not None:
            outer = self.outer.copy()
            packet = outer.__class__(bytes(outer / packet))
        header, nh, payload = split_for_transport(packet, 50)
        esp = _ESPPlain(spi=self.spi, seq=seq & 0xFFFFFFFF, iv=self._iv(seq), data=payload, nh=nh if next_header is None else next_header)
        esp = self.sa.crypt_algo.pad(esp)
        if trailer and trailer[0] is not None:
            esp.padding = trailer[0]
            esp.padlen = len(trailer[0])
        if trailer and trailer[1] is not None:
            esp.padlen = trailer[1]
        if self.gmac:
            body = bytes(esp.data) + bytes(esp.padding) + bytes([esp.padlen, esp.nh])
            esp = ESP(spi=self.spi, seq=esp.seq, data=self.gmac.seal(self.spi, esp.seq, esp.iv, body))
        else:
            esp = self.sa.crypt_algo.encrypt(self.sa, esp, self.sa.crypt_key, None, esn_en=self.esn, esn=seq >> 32)
            self.sa.auth_algo.sign(esp, self.sa.auth_key)
        return self._in_udp(_rebuilt(header, esp))

    def _in_udp(self, packet):
        """RFC 3948 section 2.1. scapy can do it too, but writes a wrong UDP length over IPv4."""
        if self.nat_t is None:
            return packet
        return _rebuilt(packet, UDP(sport=self.nat_t[0], dport=self.nat_t[1], chksum=0) / bytes(packet[ESP]))

    def _iv(self, seq):
        return struct.pack("!Q", seq) if self.gmac else self.sa.crypt_algo.generate_iv()

    def open(self, packet, high=0):
        """An IP packet with ESP (already out of UDP) to the inner one; IPSecIntegrityError when it is not authentic."""
        if self.gmac:
            esp = packet[ESP]
            plain = self.gmac.open(esp.spi, esp.seq, bytes(esp.data))
            data = plain[:len(plain) - plain[-2] - 2]
            return {4: IP, 41: IPv6}[plain[-1]](data)
        return self.sa.decrypt(packet.copy(), esn=high)


def _rebuilt(header, payload):
    header = header.copy()
    header.remove_payload()
    if header.version == 4:
        header.proto = 17 if isinstance(payload, UDP) else 50
        del header.len, header.chksum
    else:
        header.nh = 17 if isinstance(payload, UDP) else 50
        del header.plen
    return header.__class__(bytes(header / bytes(payload)))



__all__ = ["Endpoint", "IPSecIntegrityError", "SUITES", "keymat_bytes"]
