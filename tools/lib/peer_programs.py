"""The programs tools/bench-peers runs side by side: ipsec-gw, DPDK's ipsec-secgw, and testpmd for what the ports cost without a gateway.

All of them poll the same two ports with one core: net_pcap, which repeats a file without end (infinite_rx), and net_null, which drops what it is given and
receives nothing. EAL gets no huge pages unless asked, for all alike.
"""

import glob
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import peer_traffic as traffic

EXAMPLES = pathlib.Path("/usr/share/dpdk/examples")
# ipsec-secgw asks every port for it, and vdevs have none; nothing else of it is changed.
HARD_CODED_OFFLOAD = (re.compile(r"\.offloads = RTE_ETH_RX_OFFLOAD_CHECKSUM,"), ".offloads = 0,")


class PeerError(Exception):
    pass


def build_secgw(folder, log):
    """ipsec-secgw from Debian's packaged example, built in `folder`. Returns the program."""
    source = EXAMPLES / "ipsec-secgw"
    if not source.is_dir():
        raise PeerError(f"{source} is missing: install the Debian package dpdk-doc")
    version = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, check=True).stdout.strip()
    target = folder / f"ipsec-secgw-{version}"
    program = target / "build" / "ipsec-secgw"
    if program.exists():
        return program
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    main = target / "ipsec-secgw.c"
    text, edits = HARD_CODED_OFFLOAD[0].subn(HARD_CODED_OFFLOAD[1], main.read_text(encoding="utf-8"))
    if edits != 1:
        raise PeerError(f"ipsec-secgw of DPDK {version} has another form: {edits} places with the hard-coded receive offload, expected 1")
    main.write_text(text, encoding="utf-8")
    with open(log, "a", encoding="utf-8") as out:
        if subprocess.run(["make", "-C", str(target), "shared"], stdout=out, stderr=out, timeout=400, check=False).returncode != 0:
            raise PeerError(f"ipsec-secgw does not build: see {log}")
    return program


class Program:
    """A running DPDK process on one polling core. Stopped (SIGSTOP) but while it is measured, so that several share the core in turn."""

    IN, OUT = 0, 1      # port ids: net_pcap0 first

    def __init__(self, name, command, settings):
        self.name = name
        self.prefix = f"peer{os.getpid()}{re.sub('[^a-z0-9]', '', name)}"
        self.log = settings.folder / f"{name}.log"
        eal = ["--no-pci", f"--file-prefix={self.prefix}", "-m", str(settings.memory_mb),
               f"--vdev=net_pcap0,rx_pcap={settings.pcap},infinite_rx=1", "--vdev=net_null0,no-rx=1", "--log-level=lib.*:error"]
        if not settings.huge_pages:
            eal.append("--no-huge")
        with open(self.log, "w", encoding="utf-8") as out:
            out.write(" ".join(map(str, command(eal))) + "\n")
            out.flush()
            # testpmd ends with its standard input.
            self.process = subprocess.Popen([str(c) for c in command(eal)], stdin=subprocess.PIPE, stdout=out, stderr=out, start_new_session=True,
                                            env={**os.environ, "RUNTIME_DIRECTORY": str(settings.runtime)})
        self.runtime = settings.runtime
        self.telemetry = None

    def start(self):
        """Waits until packets pass, then halts it."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise PeerError(f"{self.name} ended with status {self.process.returncode}: {self._last_lines()}")
            try:
                if self.packets(self.OUT) > 0:
                    self.halt()
                    return
            except (OSError, ValueError, KeyError):
                self.telemetry = None
            time.sleep(0.1)
        raise PeerError(f"{self.name} passes no packets: {self._last_lines()}")

    def halt(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def packets(self, port):
        """Out of a port, or into the first."""
        if self.telemetry is None:
            paths = glob.glob(f"{self.runtime}/**/{self.prefix}/dpdk_telemetry.v2*", recursive=True)
            if not paths:
                raise OSError("no telemetry yet")
            self.telemetry = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self.telemetry.settimeout(20)
            self.telemetry.connect(paths[0])
            self.telemetry.recv(4096)
        self.telemetry.send(f"/ethdev/stats,{port}".encode())
        return json.loads(self.telemetry.recv(65536))["/ethdev/stats"]["ipackets" if port == self.IN else "opackets"]

    def cpu_ns(self):
        """Processor time of the process: what preemption by others does not count towards. Its other threads sleep."""
        return time.clock_gettime_ns((~self.process.pid << 3) | 2)

    def measure(self, seconds, tsc_hz):
        """TSC cycles per packet of the polling core, over packets that came out; fails when many do not."""
        self.go_on()
        try:
            time.sleep(0.03)        # caches
            # Out before in here, and in before out below: packets that pass between two questions are never taken for lost ones.
            under_way = -self.packets(self.OUT) + self.packets(self.IN)
            sent, cpu = self._snapshot()
            time.sleep(seconds)
            sent_after, cpu_after = self._snapshot()
            lost = self.packets(self.IN) - self.packets(self.OUT) - under_way
        finally:
            self.halt()
        if sent_after <= sent:
            raise PeerError(f"{self.name} came to a stop: {self._last_lines()}")
        if lost > max(1024, (sent_after - sent) // 100):
            raise PeerError(f"{self.name} loses packets: {lost} in a window of {sent_after - sent}")
        return (cpu_after - cpu) * tsc_hz / 1e9 / (sent_after - sent)

    def _snapshot(self):
        before = self.cpu_ns()
        sent = self.packets(self.OUT)
        return sent, (before + self.cpu_ns()) / 2

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()     # nothing of it is kept, and one that is halted takes no other signal
        self.process.wait()
        if self.telemetry is not None:
            self.telemetry.close()

    def _last_lines(self):
        return " / ".join(self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])


def testpmd(settings):
    """What the two ports cost without a gateway between."""
    return Program("ports", lambda eal: ["dpdk-testpmd", "-l", f"{settings.control_core},{settings.core}", *eal, "--", "--forward-mode=io", "--auto-start",
                                         "--burst=32", "--total-num-mbufs=16384"], settings)


def ipsec_gw(settings, program, case):
    config = settings.folder / "ipsec-gw.cfg"
    config.write_text(_gateway_config(settings, case), encoding="utf-8")
    return Program("ipsec-gw", lambda eal: [program, "-l", f"{settings.control_core},{settings.core}", *eal, "--", "--config", config], settings)


def _gateway_config(settings, case):
    inside, outside = ("net_pcap0", "net_null0") if case.direction == "out" else ("net_null0", "net_pcap0")
    spi = traffic.SPI_OUT if case.direction == "out" else traffic.SPI_IN
    return f"""gateway = {{ control_socket = "{settings.runtime}/gw.sock"; }};
ports = (
    {{ name = "inside"; device = "{inside}"; role = "protected"; addresses = [ "10.1.0.1/16" ]; }},
    {{ name = "outside"; device = "{outside}"; role = "unprotected"; addresses = [ "{traffic.OUR_GATEWAY}/24" ]; }}
);
routes = ( {{ prefix = "10.128.0.0/9"; via = "{traffic.PEER_GATEWAY}"; }} );
neighbours = (
    {{ port = "inside"; address = "{traffic.OUR_HOST}"; mac = "02:00:00:00:01:05"; }},
    {{ port = "outside"; address = "{traffic.PEER_GATEWAY}"; mac = "02:00:00:00:01:02"; }}
);
sas = ( {{ name = "sa"; direction = "{case.direction}"; spi = {spi}; local = "{traffic.OUR_GATEWAY}"; remote = "{traffic.PEER_GATEWAY}";
    proposal = "{case.suite}"; keymat = "0x{traffic.keymat(case.suite).hex()}"; {'replay_window = 0;' if case.direction == 'in' else ''} }} );
policies = ( {{ name = "tunnel"; action = "protect"; local_ts = [ "10.1.0.0/16" ]; remote_ts = [ "10.128.0.0/9" ];
    {'sa' if case.direction == 'out' else 'sa_in'} = "sa"; }} );
"""


# How ipsec-secgw can be run: name, type of its SAs, crypto device, more options.
_LOOK_ASIDE, _CPU_CRYPTO = "", "type cpu-crypto"
SECGW_MODES = {
    "lookaside aesni_gcm": (_LOOK_ASIDE, "crypto_aesni_gcm0", ()),
    "cpu-crypto aesni_gcm": (_CPU_CRYPTO, "crypto_aesni_gcm0", ("-l",)),
    "lookaside aesni_mb": (_LOOK_ASIDE, "crypto_aesni_mb0", ()),
    "cpu-crypto aesni_mb": (_CPU_CRYPTO, "crypto_aesni_mb0", ("-l",)),
    # Its own ESP does not know ChaCha20-Poly1305: -l takes DPDK's library for it.
    "lookaside librte_ipsec chacha20_poly1305": (_LOOK_ASIDE, "crypto_chacha20_poly13050", ("-l",)),
    "lookaside librte_ipsec aesni_mb": (_LOOK_ASIDE, "crypto_aesni_mb0", ("-l",)),
}


def secgw_modes(suite):
    """What can be its best."""
    if "gcm" in suite:
        return ("lookaside aesni_gcm", "cpu-crypto aesni_gcm")
    if suite == "chacha20poly1305":
        return ("lookaside librte_ipsec chacha20_poly1305", "lookaside librte_ipsec aesni_mb", "cpu-crypto aesni_mb")
    return ("lookaside aesni_mb", "cpu-crypto aesni_mb")


def secgw(settings, program, case, mode):
    sa_type, device, options = SECGW_MODES[mode]
    config = settings.folder / f"secgw-{mode.replace(' ', '-')}.cfg"
    config.write_text(_secgw_config(case, sa_type), encoding="utf-8")
    unprotected = "0x2" if case.direction == "out" else "0x1"
    words = ["--", "-P", "-p", "0x3", "-u", unprotected, f"--config=(0,0,{settings.core}),(1,0,{settings.core})", *options, "-f", config]
    return Program(f"secgw {mode}".replace(" ", "-"), lambda eal: [program, "-l", str(settings.core), *eal, f"--vdev={device}", *words], settings)


def _secgw_config(case, sa_type):
    key = ":".join(f"{b:02x}" for b in traffic.keymat(case.suite))
    if case.suite == "aes128-sha256":
        algorithms = f"cipher_algo aes-128-cbc cipher_key {key[:47]} auth_algo sha256-hmac auth_key {key[48:]}"
    else:
        algorithm = {"aes128gcm16": "aes-128-gcm", "aes256gcm16": "aes-256-gcm", "chacha20poly1305": "chacha20-poly1305"}[case.suite]
        algorithms = f"aead_algo {algorithm} aead_key {key}"
    ours, peer = traffic.OUR_GATEWAY, traffic.PEER_GATEWAY
    # Everything leaves by port 1. It wants SAs and policies of both directions whatever comes.
    return f"""sp ipv4 out esp protect {traffic.SPI_OUT} pri 1 dst 10.128.0.0/9 sport 0:65535 dport 0:65535
sp ipv4 in esp protect {traffic.SPI_IN} pri 1 src 10.128.0.0/9 sport 0:65535 dport 0:65535
sa out {traffic.SPI_OUT} {algorithms} mode ipv4-tunnel src {ours} dst {peer} {sa_type}
sa in {traffic.SPI_IN} {algorithms} mode ipv4-tunnel src {peer} dst {ours} {sa_type}
rt ipv4 dst {peer}/32 port 1
rt ipv4 dst 10.1.0.0/16 port 1
neigh port 1 02:00:00:00:01:02
"""
