"""The configurations of the quickstart's two gateways: one tunnel each way, fresh keys for each run."""

import secrets

import libconfig_text

PROPOSAL = "aes128gcm16-esn"
KEYMAT_BYTES = 20       # key and salt (RFC 4106 section 8.1)
SPI_A_TO_B, SPI_B_TO_A = 0x0A0B0001, 0x0B0A0001


def configs(directory):
    """The texts for gateway A and gateway B; their control sockets lie in `directory`."""
    a_to_b, b_to_a = ("0x" + secrets.token_hex(KEYMAT_BYTES) for _ in range(2))
    return (_gateway(directory / "gw-a.sock", 1, 2, (SPI_A_TO_B, a_to_b), (SPI_B_TO_A, b_to_a)),
            _gateway(directory / "gw-b.sock", 2, 1, (SPI_B_TO_A, b_to_a), (SPI_A_TO_B, a_to_b)))


def _gateway(socket, site, far_site, outbound, inbound):
    local, remote = f"192.0.2.{site}", f"192.0.2.{far_site}"
    ends = {"local": local, "remote": remote, "proposal": PROPOSAL}
    return libconfig_text.dump({
        # The sleep lets hosts, gateways and iperf3 share a machine with two cores.
        "gateway": {"control_socket": str(socket), "idle_sleep_us": 50},
        "ports": [
            {"name": "lan", "device": "net_af_packet0", "role": "protected", "addresses": [f"10.{site}.0.1/24", f"2001:db8:{site}::1/64"]},
            {"name": "wan", "device": "net_af_packet1", "role": "unprotected", "addresses": [f"{local}/24"]},
        ],
        "sas": [
            {"name": "out", "direction": "out", "spi": libconfig_text.Hex(outbound[0]), **ends, "keymat": outbound[1]},
            {"name": "in", "direction": "in", "spi": libconfig_text.Hex(inbound[0]), **ends, "keymat": inbound[1], "replay_window": 256},
        ],
        "policies": [{
            "name": "site-to-site", "action": "protect",
            "local_ts": [f"10.{site}.0.0/24", f"2001:db8:{site}::/64"],
            "remote_ts": [f"10.{far_site}.0.0/24", f"2001:db8:{far_site}::/64"],
            "sa": "out", "sa_in": ["in"],
        }],
    })
