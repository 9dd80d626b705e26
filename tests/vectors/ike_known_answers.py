#!/usr/bin/env python3
"""Computes known answers for lib/ike's keys and encrypted payloads, from the standards' text alone.

prf+ and the keys (RFC 7296 sections 2.13 to 2.18, RFC 8784 section 3) run over Python's own SHA-2; the ciphers are the
plain Python ones of esp_known_answers.py, so nothing is shared with the code that the answers check.

    ike_known_answers.py > tests/vectors/ike_known_answers.h     write the table
    ike_known_answers.py --check FILE                            exit 1 unless FILE is that table
"""
import sys

sys.dont_write_bytecode = True
from esp_known_answers import INTEGRITY, aes_cbc, aes_ctr, chacha20_poly1305, gcm, hmac, sha256, sha384, sha512

NONCE_I = bytes(range(0x10, 0x30))
NONCE_R = bytes(range(0x50, 0x78))
G_IR = bytes(range(0x80, 0xA0))
SPI_I = bytes.fromhex("0102030405060708")
SPI_R = bytes.fromhex("1112131415161718")
PPK = bytes(range(0xC0, 0xE0))
NEW_G_IR = bytes(range(0xA0, 0xC2))
NEW_SPI_I = bytes.fromhex("2122232425262728")
NEW_SPI_R = bytes.fromhex("3132333435363738")

PRFS = {"kHmacSha256": sha256, "kHmacSha384": sha384, "kHmacSha512": sha512}
# name, key bytes, salt bytes, IV bytes, ICV bytes of an AEAD
CIPHERS = {
    "kAesGcm8": (4, 8, 8), "kAesGcm12": (4, 8, 12), "kAesGcm16": (4, 8, 16),
    "kChaCha20Poly1305": (4, 8, 16), "kAesCbc": (0, 16, 0), "kAesCtr": (4, 8, 0),
}


def prf_plus(hash_function, key, seed, size):
    out, block, number = b"", b"", 1
    while len(out) < size:
        block = hmac(hash_function, key, block + seed + bytes([number]))
        out += block
        number += 1
    return out[:size]


def long_key_hmac(hash_function, key, message):
    """RFC 2104: a key longer than the block is hashed first."""
    if len(key) > hash_function().block_size:
        key = hash_function(key).digest()
    return hmac(hash_function, key, message)


def sizes(encryption, bits, integrity):
    return bits // 8 + CIPHERS[encryption][0], INTEGRITY[integrity][1] if integrity != "kNone" else 0


def ike_keys(hash_function, skeyseed, seed, encryption, bits, integrity):
    n = hash_function().digest_size
    e, a = sizes(encryption, bits, integrity)
    stream = prf_plus(hash_function, skeyseed, seed, 3 * n + 2 * (e + a))
    keys = []
    for size in (n, a, a, e, e, n, n):
        keys.append(stream[:size])
        stream = stream[size:]
    return keys     # SK_d SK_ai SK_ar SK_ei SK_er SK_pi SK_pr


def key_set(prf, encryption, bits, integrity):
    h = PRFS[prf]
    skeyseed = long_key_hmac(h, NONCE_I + NONCE_R, G_IR)
    keys = ike_keys(h, skeyseed, NONCE_I + NONCE_R + SPI_I + SPI_R, encryption, bits, integrity)
    new_seed = hmac(h, keys[0], NEW_G_IR + NONCE_I + NONCE_R)
    new = ike_keys(h, new_seed, NONCE_I + NONCE_R + NEW_SPI_I + NEW_SPI_R, encryption, bits, integrity)
    child = prf_plus(h, keys[0], NONCE_I + NONCE_R, 2 * 20)             # aes128gcm16: 16 and 4 of salt
    pfs = prf_plus(h, keys[0], NEW_G_IR + NONCE_I + NONCE_R, 2 * 48)    # aes128-sha256: 16 and 32
    n = h().digest_size
    ppk = [prf_plus(h, PPK, keys[i], n) for i in (0, 5, 6)]
    return keys, new, child, pfs, ppk


# IKE_AUTH request 1 of the initiator with N(INITIAL_CONTACT) and a vendor ID of 21 bytes.
INSIDE = bytes.fromhex("2b000008" "00004000") + bytes.fromhex("00000019") + bytes(range(0x60, 0x75))
FIRST = 41


def encrypted(kind, first, fields, content, suite, keys):
    """One datagram. `kind` 46 is SK, 53 SKF with `fields` after its generic header."""
    encryption, bits, integrity, vector = suite
    salt_bytes, iv_bytes, tag_bytes = CIPHERS[encryption]
    block = 16 if encryption == "kAesCbc" else 1
    icv = tag_bytes or INTEGRITY[integrity][1] // 2
    padding = -(len(content) + 1) % block
    text = content + bytes(padding) + bytes([padding])
    length = 4 + len(fields) + iv_bytes + len(text) + icv
    header = (SPI_I + SPI_R + bytes([kind, 0x20, 35, 0x08]) + (1).to_bytes(4, "big") + (28 + length).to_bytes(4, "big")
              + bytes([first, 0]) + length.to_bytes(2, "big") + fields)
    sk_e, sk_a = keys
    key, salt = sk_e[:bits // 8], sk_e[bits // 8:]
    if encryption.startswith("kAesGcm"):
        cipher, tag = gcm(key, salt + vector, header, text)
        return header + vector + cipher + tag[:icv]
    if encryption == "kChaCha20Poly1305":
        cipher, tag = chacha20_poly1305(key, salt + vector, header, text)
        return header + vector + cipher + tag
    if encryption == "kAesCbc":
        cipher = aes_cbc(key, vector, text)
    else:
        cipher = aes_ctr(key, salt + vector + (1).to_bytes(4, "big"), text)
    covered = header + vector + cipher
    return covered + hmac(INTEGRITY[integrity][0], sk_a, covered)[:icv]


def suites():
    for encryption in ("kAesGcm8", "kAesGcm12", "kAesGcm16"):
        yield encryption, 128, "kNone"
    yield "kAesGcm16", 256, "kNone"
    yield "kChaCha20Poly1305", 256, "kNone"
    for integrity in INTEGRITY:
        yield "kAesCbc", 256, integrity
        yield "kAesCtr", 128, integrity


def message_keys(encryption, bits, integrity):
    e, a = sizes(encryption, bits, integrity)
    return bytes((7 * i + 1) & 0xFF for i in range(e)), bytes((5 * i + 3) & 0xFF for i in range(a))


def vector_of(encryption, number):
    return bytes(0xF0 - i for i in range(16)) if encryption == "kAesCbc" else number.to_bytes(8, "big")


def hex_lines(data, indent):
    text = data.hex()
    parts = [text[i:i + 100] for i in range(0, len(text), 100)] or [""]
    return ("\n" + indent).join('"' + p + '"' for p in parts)


def table():
    lines = [
        "// Known answers for lib/ike. Generated by tests/vectors/ike_known_answers.py, which says how; do not edit.",
        "#pragma once",
        "",
        "#include <cstdint>",
        "",
        '#include "model/proposal.h"',
        "",
        "namespace ipsecgw::vectors {",
        "",
        "/// Nonces 10 11 ... 2f and 50 ... 77, g^ir 80 ... 9f, SPIs 0102... and 1112...; PPK c0 ... df. The new IKE SA: g^ir a0 ... c1, the same",
        "/// nonces, SPIs 2122... and 3132.... Children: aes128gcm16 without PFS, aes128-sha256 with that g^ir.",
        "struct IkeKeySet {",
        "    model::Prf prf;",
        "    model::Encryption encryption;",
        "    uint16_t key_bits;",
        "    model::Integrity integrity;",
        "    const char* sk_d;",
        "    const char* sk_ai;",
        "    const char* sk_ar;",
        "    const char* sk_ei;",
        "    const char* sk_er;",
        "    const char* sk_pi;",
        "    const char* sk_pr;",
        "    const char* new_sk_d;",
        "    const char* new_sk_er;",
        "    const char* new_sk_pr;",
        "    const char* child;",
        "    const char* child_with_pfs;",
        "    const char* ppk_sk_d;",
        "    const char* ppk_sk_pi;",
        "    const char* ppk_sk_pr;",
        "};",
        "",
        "inline constexpr IkeKeySet kIkeKeySets[] = {",
    ]
    for prf, encryption, bits, integrity in (("kHmacSha256", "kAesGcm16", 128, "kNone"), ("kHmacSha384", "kAesCbc", 256, "kHmacSha384"),
                                             ("kHmacSha512", "kAesCtr", 192, "kHmacSha256")):
        keys, new, child, pfs, ppk = key_set(prf, encryption, bits, integrity)
        lines.append("    {model::Prf::%s, model::Encryption::%s, %d, model::Integrity::%s," % (prf, encryption, bits, integrity))
        values = keys + [new[0], new[4], new[6], child, pfs] + ppk
        lines.append(",\n".join("     " + hex_lines(v, "     ") for v in values) + "},")
    lines += [
        "};",
        "",
        "/// An IKE_AUTH request, message ID 1, SPIs as above, with N(INITIAL_CONTACT) and a vendor ID 60 ... 74, whole and in two fragments (20 bytes",
        "/// of content in the first). SK_e 1, 8, 15, ... (+7), SK_a 3, 8, 13, ... (+5); IVs 1 (whole), 2 and 3; of CBC f0, ef, ... (-1).",
        "struct IkeSealed {",
        "    model::Encryption encryption;",
        "    uint16_t key_bits;",
        "    model::Integrity integrity;",
        "    const char* whole;",
        "    const char* first_fragment;",
        "    const char* second_fragment;",
        "};",
        "",
        "inline constexpr IkeSealed kIkeSealed[] = {",
    ]
    for encryption, bits, integrity in suites():
        keys = message_keys(encryption, bits, integrity)

        def suite(number):
            return encryption, bits, integrity, vector_of(encryption, number)

        cut = 31 if encryption == "kAesCbc" else 20
        datagrams = [encrypted(46, FIRST, b"", INSIDE, suite(1), keys),
                     encrypted(53, FIRST, bytes.fromhex("00010002"), INSIDE[:cut], suite(2), keys),
                     encrypted(53, 0, bytes.fromhex("00020002"), INSIDE[cut:], suite(3), keys)]
        lines.append("    {model::Encryption::%s, %d, model::Integrity::%s," % (encryption, bits, integrity))
        lines.append(",\n".join("     " + hex_lines(d, "     ") for d in datagrams) + "},")
    lines += ["};", "", "}  // namespace ipsecgw::vectors", ""]
    return "\n".join(lines)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--check":
        with open(sys.argv[2], encoding="ascii") as file:
            if file.read() == table():
                return 0
        print(sys.argv[2] + " is not what ike_known_answers.py computes", file=sys.stderr)
        return 1
    sys.stdout.write(table())
    return 0


if __name__ == "__main__":
    sys.exit(main())
