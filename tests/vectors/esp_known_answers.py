#!/usr/bin/env python3
"""Computes the known answers of lib/esp's self test, from the standards' text alone.

AES (FIPS 197), GCM (NIST SP 800-38D), ChaCha20 and Poly1305 (RFC 8439) are written out here in plain Python and HMAC
(RFC 2104) runs over Python's own SHA-2, so nothing is shared with the engines that the answers check.

    esp_known_answers.py > lib/esp/engine_self_test_vectors.h     write the table
    esp_known_answers.py --check FILE                             exit 1 unless FILE is that table
"""
import sys

try:
    from _sha256 import sha256
    from _sha512 import sha384, sha512
except ImportError:  # Python 3.12 joined them
    from _sha2 import sha256, sha384, sha512

SPI = bytes.fromhex("01020304")
HIGH = bytes.fromhex("0a0b0c0d")
LOW = bytes.fromhex("05060708")


def keymat(size):
    return bytes((7 * i + 1) & 0xFF for i in range(size))


def text_of(encryption):
    """Long enough for the widest loops; AES-CBC's stands in the table, so it is short."""
    return bytes((0x20 + i) & 0xFF for i in range(80 if encryption == "kAesCbc" else 1024))


def iv(size):
    return bytes(0xF0 - i for i in range(size))


# FIPS 197

def xtime(a):
    return ((a << 1) ^ (0x11B if a & 0x80 else 0)) & 0xFF


def gf_mul(a, b):
    result = 0
    while b:
        if b & 1:
            result ^= a
        a, b = xtime(a), b >> 1
    return result


def make_sbox():
    box = []
    for value in range(256):
        inverse = next((x for x in range(256) if gf_mul(value, x) == 1), 0)
        result = 0x63
        for shift in range(5):
            result ^= ((inverse << shift) | (inverse >> (8 - shift))) & 0xFF
        box.append(result)
    return box


SBOX = make_sbox()


def expand_key(key):
    words = [list(key[i:i + 4]) for i in range(0, len(key), 4)]
    nk, rcon = len(words), 1
    for i in range(nk, 4 * (nk + 7)):
        word = list(words[-1])
        if i % nk == 0:
            word = [SBOX[b] for b in word[1:] + word[:1]]
            word[0] ^= rcon
            rcon = xtime(rcon)
        elif nk > 6 and i % nk == 4:
            word = [SBOX[b] for b in word]
        words.append([a ^ b for a, b in zip(word, words[-nk])])
    return [sum(words[i:i + 4], []) for i in range(0, len(words), 4)]


def aes_block(round_keys, block):
    state = [a ^ b for a, b in zip(block, round_keys[0])]
    for number, round_key in enumerate(round_keys[1:], 1):
        state = [SBOX[b] for b in state]
        state = [state[(i + 4 * (i % 4)) % 16] for i in range(16)]
        if number != len(round_keys) - 1:
            mixed = []
            for column in range(0, 16, 4):
                c = state[column:column + 4]
                for row in range(4):
                    mixed.append(xtime(c[row]) ^ xtime(c[(row + 1) % 4]) ^ c[(row + 1) % 4] ^ c[(row + 2) % 4] ^ c[(row + 3) % 4])
            state = mixed
        state = [a ^ b for a, b in zip(state, round_key)]
    return bytes(state)


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def aes_cbc(key, vector, text):
    round_keys, out = expand_key(key), b""
    for i in range(0, len(text), 16):
        vector = aes_block(round_keys, xor(text[i:i + 16], vector))
        out += vector
    return out


def aes_ctr(key, counter, text):
    round_keys, out = expand_key(key), b""
    number = int.from_bytes(counter[12:], "big")
    for i in range(0, len(text), 16):
        out += xor(text[i:i + 16], aes_block(round_keys, counter[:12] + number.to_bytes(4, "big")))
        number = (number + 1) & 0xFFFFFFFF
    return out


# NIST SP 800-38D

def ghash_mul(x, y):
    z = 0
    for i in range(128):
        if (x >> (127 - i)) & 1:
            z ^= y
        y = (y >> 1) ^ (0xE1 << 120 if y & 1 else 0)
    return z


def gcm(key, nonce, aad, text):
    h = int.from_bytes(aes_block(expand_key(key), bytes(16)), "big")
    cipher = aes_ctr(key, nonce + (2).to_bytes(4, "big"), text)
    y = 0
    for part in (aad, cipher):
        for i in range(0, len(part), 16):
            y = ghash_mul(y ^ int.from_bytes(part[i:i + 16].ljust(16, b"\0"), "big"), h)
    y = ghash_mul(y ^ (len(aad) * 8 << 64 | len(cipher) * 8), h)
    return cipher, aes_ctr(key, nonce + (1).to_bytes(4, "big"), y.to_bytes(16, "big"))


# RFC 8439

def chacha_block(key, counter, nonce):
    def rotate(value, bits):
        return ((value << bits) | (value >> (32 - bits))) & 0xFFFFFFFF

    def quarter(s, a, b, c, d):
        for left, right, other, bits in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[left] = (s[left] + s[right]) & 0xFFFFFFFF
            s[other] = rotate(s[other] ^ s[left], bits)

    whole = b"expand 32-byte k" + key + counter.to_bytes(4, "little") + nonce
    start = [int.from_bytes(whole[i:i + 4], "little") for i in range(0, 64, 4)]
    state = list(start)
    for _ in range(10):
        for i in range(4):
            quarter(state, i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(state, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return b"".join(((a + b) & 0xFFFFFFFF).to_bytes(4, "little") for a, b in zip(state, start))


def chacha20_poly1305(key, nonce, aad, text):
    def pad16(part):
        return part + bytes(-len(part) % 16)

    one_time = chacha_block(key, 0, nonce)
    cipher = b"".join(xor(text[i:i + 64], chacha_block(key, 1 + i // 64, nonce)) for i in range(0, len(text), 64))
    r = int.from_bytes(one_time[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    message = pad16(aad) + pad16(cipher) + len(aad).to_bytes(8, "little") + len(cipher).to_bytes(8, "little")
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\1", "little")) * r % (2**130 - 5)
    return cipher, ((total + int.from_bytes(one_time[16:32], "little")) % 2**128).to_bytes(16, "little")


# RFC 2104

def hmac(hash_function, key, message):
    block = hash_function().block_size
    key = key.ljust(block, b"\0")
    inner = hash_function(xor(key, b"\x36" * block) + message).digest()
    return hash_function(xor(key, b"\x5c" * block) + inner).digest()


# ESP: ciphertext and ICV of one packet (RFC 4303, 4106, 4543, 7634, 3602, 3686, 4868)

INTEGRITY = {"kHmacSha256": (sha256, 32), "kHmacSha384": (sha384, 48), "kHmacSha512": (sha512, 64)}


def seal(encryption, bits, integrity, esn):
    key_bytes = bits // 8
    salt_bytes = 0 if encryption in ("kAesCbc", "kNull") else 4
    material = keymat(key_bytes + salt_bytes + (INTEGRITY[integrity][1] if integrity != "kNone" else 0))
    key, salt = material[:key_bytes], material[key_bytes:key_bytes + salt_bytes]
    vector = iv({"kAesCbc": 16, "kNull": 0}.get(encryption, 8))
    header = SPI + (HIGH if esn else b"") + LOW
    text = text_of(encryption)
    if encryption == "kAesGcm16":
        return gcm(key, salt + vector, header, text)
    if encryption == "kAesGmac":
        return text, gcm(key, salt + vector, header + vector + text, b"")[1]
    if encryption == "kChaCha20Poly1305":
        return chacha20_poly1305(key, salt + vector, header, text)
    if encryption == "kAesCbc":
        cipher = aes_cbc(key, vector, text)
    elif encryption == "kAesCtr":
        cipher = aes_ctr(key, salt + vector + (1).to_bytes(4, "big"), text)
    else:
        cipher = text
    hash_function, size = INTEGRITY[integrity]
    covered = SPI + LOW + vector + cipher + (HIGH if esn else b"")
    return cipher, hmac(hash_function, material[key_bytes + salt_bytes:], covered)[:size // 2]


def suites():
    for encryption in ("kAesGcm16", "kAesGmac"):
        for bits in (128, 192, 256):
            yield encryption, bits, "kNone"
    yield "kChaCha20Poly1305", 256, "kNone"
    for integrity in INTEGRITY:
        for encryption in ("kAesCbc", "kAesCtr"):
            for bits in (128, 192, 256):
                yield encryption, bits, integrity
        yield "kNull", 0, integrity


def literal(data):
    return '"' + "".join("\\x%02x" % b for b in data) + '"'


def table():
    lines = [
        "// Known answers for the engines' self test. Generated by tests/vectors/esp_known_answers.py, which says how; do not edit.",
        "// One packet: SPI 0x01020304, sequence number 0x05060708, high half 0x0a0b0c0d, keying material 1, 8, 15, ... (+7),",
        "// IV 0xf0, 0xef, ... (-1), text 0x20, 0x21, ... of 1024 bytes, 80 for AES-CBC. Shorter GCM ICVs are the first bytes of the 16.",
        "#pragma once",
        "",
        "#include <cstddef>",
        "",
        '#include "model/algorithms.h"',
        "",
        "namespace ipsecgw::esp {",
        "",
        "inline constexpr size_t kKnownTextBytes = 1024;",
        "inline constexpr size_t kKnownCbcTextBytes = 80;",
        "",
        "struct KnownAnswer {",
        "    model::Encryption encryption;",
        "    uint16_t key_bits;",
        "    model::Integrity integrity;",
        "    const char* icv;",
        "    const char* icv_with_esn;",
        "};",
        "",
        "inline constexpr KnownAnswer kKnownAnswers[] = {",
    ]
    for encryption, bits, integrity in suites():
        lines.append("    {model::Encryption::%s, %d, model::Integrity::%s," % (encryption, bits, integrity))
        lines.append("     " + literal(seal(encryption, bits, integrity, False)[1]) + ",")
        lines.append("     " + literal(seal(encryption, bits, integrity, True)[1]) + "},")
    lines += [
        "};",
        "",
        "/// AES-CBC draws its IV when it seals, so its known packet is opened: the ciphertext per key length.",
        "struct KnownCbcText {",
        "    uint16_t key_bits;",
        "    const char* ciphertext;",
        "};",
        "",
        "inline constexpr KnownCbcText kKnownCbcTexts[] = {",
    ]
    for bits in (128, 192, 256):
        cipher = seal("kAesCbc", bits, "kHmacSha256", False)[0]
        lines.append("    {%d," % bits)
        lines.append("\n".join("     " + literal(cipher[i:i + 20]) for i in range(0, len(cipher), 20)) + "},")
    lines += ["};", "", "}  // namespace ipsecgw::esp", ""]
    return "\n".join(lines)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], encoding="ascii") as file:
            if file.read() == table():
                return 0
        print(sys.argv[2] + " is not what esp_known_answers.py computes", file=sys.stderr)
        return 1
    sys.stdout.write(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
