"""What an attacker or a broken peer sends: each is dropped for its own reason, none is forwarded."""

import gateways
from esp import Endpoint
from net import ESP, Ether, IP, Raw, check, layer3

GATEWAY = gateways.TUNNELS


def _flip(packet, offset):
    body = bytearray(bytes(packet))
    body[offset] ^= 0x40
    return packet.__class__(bytes(body))


def case_every_part_is_authenticated(net):
    """One flipped bit in sequence number, IV, text or ICV: the packet does not verify."""
    for suite in net.possible("aes128gcm16", "chacha20poly1305", "aes128-sha256", "aes128ctr-sha256", "aes128gmac", "null-sha256"):
        packet = net.to_gateway(suite).seal(net.in4(suite))
        for offset in (27, 28, 45, -17, -1):    # 20 bytes of outer header, then SPI, sequence number, IV
            with net.drops("auth"):
                net.wan.send(_flip(packet, offset))
        net.wan.send(packet)
        net.arrives(net.lan)


def case_wrong_key(net):
    """A packet with an SA's SPI, sealed with another SA's keys, does not verify."""
    right, other = net.pair("aes128gcm16"), net.pair("outer6")
    forger = Endpoint(right.spi_in, right.suite, other.key_in, outer=net.to_gateway(right.name).outer, sequence=100000)
    with net.drops("auth"):
        net.wan.send(forger.seal(net.in4(right.name)))


def case_truncated(net):
    """Packets too short for header, IV, trailer and ICV are runts before any cipher runs."""
    whole = net.to_gateway("aes128gcm16").seal(net.in4("aes128gcm16"))
    body = bytes(whole[ESP])
    for length in (8, 15, 16, 31, 35):
        with net.drops("esp-runt"):
            net.wan.send(IP(src=whole.src, dst=whole.dst, proto=50) / Raw(body[:length]))


def case_not_block_aligned(net):
    """CBC text that is no multiple of the block is a runt."""
    whole = net.to_gateway("aes128-sha256").seal(net.in4("aes128-sha256"))
    with net.drops("esp-runt"):
        net.wan.send(IP(src=whole.src, dst=whole.dst, proto=50) / Raw(bytes(whole[ESP])[:-4]))


def case_bad_padding(net):
    """Authentic packets whose pad bytes are not 1, 2, 3 ... or whose pad length is past the packet (RFC 4303 section 2.4)."""
    for name in net.possible("aes128gcm16", "aes128-sha256"):
        inner = net.in4(name, 60)
        end = net.to_gateway(name)
        with net.drops("pad"):
            net.wan.send(end.seal_odd(inner, pad_length=255))
    inner = net.in4("aes128gcm16", 64)      # 92 bytes, so two of padding
    with net.drops("pad"):
        net.wan.send(net.to_gateway("aes128gcm16").seal_odd(inner, padding=b"\x01\x01"))


def case_nothing_but_noise_inside(net):
    """Authentic, but what is inside is no IP packet."""
    end = net.to_gateway("aes128gcm16")
    noise = IP(bytes(net.in4("aes128gcm16")))
    noise.version = 7
    with net.drops("inner-header"):
        net.wan.send(end.seal_odd(noise, next_header=4))
    with net.drops("inner-header"):
        net.wan.send(end.seal_odd(net.in4("aes128gcm16"), next_header=17))


def case_unknown_spi(net):
    """ESP for an SPI nobody has."""
    with net.drops("unknown-spi"):
        net.wan.send(IP(src=gateways.PEER4, dst=gateways.OUTER4, proto=50) / Raw(bytes(8) + bytes(64)))
    with net.drops("unknown-spi"):
        net.wan.send(IP(src=gateways.PEER4, dst=gateways.OUTER4, proto=50) / Raw((0xDEAD1234).to_bytes(4, "big") + bytes(64)))


def case_inner_addresses_of_another_sa(net):
    """Authentic on one SA, but with addresses that belong to another (RFC 4301 section 5.2)."""
    with net.drops("selector-mismatch"):
        net.wan.send(net.to_gateway("aes128gcm16").seal(net.in4("aes256gcm16")))
    with net.drops("selector-mismatch"):
        net.wan.send(net.to_gateway("aes128gcm16").seal(net.in6("aes256gcm16")))


def case_clear_text_where_esp_is_wanted(net):
    """A packet in clear on the unprotected side that a policy wants protected."""
    with net.drops("clear-text"):
        net.wan.send(net.in4("aes128gcm16"))
    with net.drops("clear-text"):
        net.wan.send(net.in6("aes128gcm16"))


def case_padded_frames(net):
    """Ethernet padding behind a short packet is no part of it, in either direction."""
    sent = net.out4("null-sha256", 0)
    net.lan.send(bytes(_frame(net.lan, sent)).ljust(60, b"\xee"))
    inner = net.from_gateway("null-sha256").open(net.esp_arrives()[0])
    check(bytes(inner.payload) == bytes(sent.payload), "padding came out")
    sent = net.in4("null-sha256", 0)
    net.wan.send(bytes(_frame(net.wan, net.to_gateway("null-sha256").seal(sent))) + b"\xee" * 7)
    check(bytes(net.arrives(net.lan)[0].payload) == bytes(sent.payload), "padding came in")


def _frame(wire, packet):
    return Ether(src=wire.mac, dst=wire.gateway_mac) / packet


def case_survives_garbage(net):
    """Frames of every odd kind on both sides leave a gateway that still forwards."""
    for wire in (net.lan, net.wan):
        for frame in _garbage(wire):
            wire.send(frame)
    net.lan.send(net.out4("aes256gcm16"))
    frame = net.wan.collect(lambda f: f.type == 0x0800 and layer3(f).haslayer(ESP), timeout=3)
    check(frame, "still forwards")


def _garbage(wire):
    macs = bytes.fromhex((wire.gateway_mac + wire.mac).replace(":", ""))
    yield macs + b"\x08\x00"
    yield macs + b"\x08\x00" + b"\x45"
    yield macs + b"\x08\x00" + b"\x4f" + b"\xff" * 40
    yield macs + b"\x08\x00" + b"\x45\x00\xff\xff" + bytes(30)
    yield macs + b"\x86\xdd" + b"\x60" + b"\xff" * 20
    yield macs + b"\x86\xdd" + b"\x60\x00\x00\x00\xff\xff\x00\x40" + bytes(32)
    yield macs + b"\x08\x06" + b"\x00" * 5
    yield macs + b"\x81\x00\x00\x01\x08\x00" + b"\x45" + bytes(30)
    yield macs + b"\x88\xb5" + bytes(46)
    for length in range(14, 120, 5):
        yield macs + b"\x08\x00" + bytes((length * 7 + i * 13) & 0xFF for i in range(length - 14))
