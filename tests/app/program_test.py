#!/usr/bin/python3
"""The built ipsec-gw as its operator meets it: start lines, signals, exit status, messages.

  program_test.py IPSEC_GW... -- [unittest arguments]

IPSEC_GW may be several words: an emulator and its arguments stand before the program.

Needs no privileges: no huge pages, no kernel devices.
"""

import json
import os
import pathlib
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = []     # the words that run it
SAMPLES = pathlib.Path(__file__).resolve().parents[2] / "config"
KEYS = ("5f1c9a0be27d4438b6f30d91c85a7e2614d3f06b", "c20e8b57319fa46dd80572be4f9613ac7be1480d")

CONFIG = """\
gateway = {{ control_socket = "{socket}"; max_sas = 64; idle_sleep_us = 1000; engine = "openssl"; }};
ports = (
  {{ name = "lan"; device = "{lan}"; role = "protected"; addresses = [ "10.1.0.1/24" ]; rx_descriptors = 64; tx_descriptors = 64; }},
  {{ name = "wan"; device = "net_null1"; role = "unprotected"; addresses = [ "198.51.100.1/24" ]; rx_descriptors = 64; tx_descriptors = 64; }}
);
routes = ( {{ prefix = "0.0.0.0/0"; via = "198.51.100.254"; port = "wan"; }} );
sas = (
  {{ name = "a-out"; direction = "out"; spi = 0x1001; local = "198.51.100.1"; remote = "198.51.100.2"; proposal = "{proposal}"; keymat = "0x{keys[0]}"; }},
  {{ name = "a-in"; direction = "in"; spi = 0x1002; local = "198.51.100.1"; remote = "198.51.100.2"; proposal = "aes128gcm16"; keymat = "0x{keys[1]}"; }}
);
policies = (
  {{ name = "a"; action = "protect"; local_ts = [ "10.1.0.0/24" ]; remote_ts = [ "10.2.0.0/24" ]; sa = "{sa}"; sa_in = "a-in"; }}
);
"""


class Program(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="gw-program-")
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.socket = self.directory / "gw.sock"

    def config(self, text=None, **values):
        path = self.directory / "gw.cfg"
        defaults = {"socket": self.socket, "lan": "net_null0", "proposal": "aes128gcm16", "sa": "a-out", "keys": KEYS}
        path.touch(mode=0o600)
        path.write_text(CONFIG.format(**(defaults | values)) if text is None else text, encoding="utf-8")
        return path

    def eal(self, *, lcores="0@0,1@0"):
        return ["--no-huge", "-m", "256", "--no-pci", "--no-telemetry", f"--file-prefix=gwprogram{os.getpid()}", f"--lcores={lcores}",
                "--vdev=net_null0,no-rx=1", "--vdev=net_null1,no-rx=1"]

    def run_program(self, *words, timeout=30):
        done = subprocess.run([*PROGRAM, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=timeout, check=False)
        self.assert_no_key(done.stdout + done.stderr)
        return done.returncode, done.stdout, done.stderr

    def assert_no_key(self, text):
        for key in KEYS:
            self.assertNotIn(key, text)

    def launch(self, *words, env=None):
        child = subprocess.Popen([*PROGRAM, *map(str, words)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, bufsize=0, env={**os.environ, **(env or {})})

        def finish():
            if child.poll() is None:
                child.kill()
            child.wait()
            child.stderr.close()
        self.addCleanup(finish)
        return child

    def read_until(self, child, line, timeout=30):
        """The program's lines up to and with `line`."""
        text, until = b"", time.monotonic() + timeout
        # Unbuffered: what Python has read ahead, select() does not see.
        while time.monotonic() < until:
            if not select.select([child.stderr], [], [], 0.2)[0]:
                continue
            piece = os.read(child.stderr.fileno(), 4096)
            text += piece
            lines = text.decode(errors="replace").splitlines()
            if text.endswith(b"\n") and line in lines:
                return lines
            if not piece:
                break
        self.fail(f"no line {line!r} in:\n" + text.decode(errors="replace"))

    def assert_in_order(self, patterns, lines):
        rest = iter(lines)
        for pattern in patterns:
            if not any(re.search(pattern, line) for line in rest):
                self.fail(f"no {pattern!r}, in this order, in:\n" + "\n".join(lines))


class Runs(Program):
    def start(self):
        child = self.launch(*self.eal(), "--", "--config", self.config())
        return child, self.read_until(child, "ipsec-gw: ready")

    def test_start_says_one_line_a_step_and_sigterm_stops_in_reverse(self):
        child, lines = self.start()
        self.assert_in_order([
            r"^ipsec-gw: DPDK \S+, 2 lcores, ",
            r"^ipsec-gw: engine openssl: ",
            r"^ipsec-gw: packet buffers: \d+ of \d+ bytes$",
            r"^ipsec-gw: port lan: net_null0, driver net_null, MAC (..:){5}.., MTU 1500, 1 rx and 1 tx queue, protected side$",
            r"^ipsec-gw: port wan: net_null1, .* unprotected side$",
            r"^ipsec-gw: loaded 2 SAs, 1 policy, 3 routes \(2 connected\), 0 static neighbours$",
            r"^ipsec-gw: 2 SAs aes128gcm16 by openssl \(.+\)$",
            r"^ipsec-gw: 1 worker on lcore 1$",
            r"^ipsec-gw: control socket " + re.escape(str(self.socket)) + "$",
            r"^ipsec-gw: ready$",
        ], lines)
        self.assert_no_key("\n".join(lines))
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(self.socket))
        client.close()
        child.send_signal(signal.SIGTERM)
        rest = child.stderr.read().decode(errors="replace").splitlines()
        self.assertEqual(child.wait(20), 0)
        self.assert_in_order([r"^ipsec-gw: Terminated: stopping$", r"^ipsec-gw: control stopped$", r"^ipsec-gw: 1 worker stopped$",
                              r"^ipsec-gw: 2 ports stopped$", r"^ipsec-gw: stopped$"], rest)
        self.assertFalse(self.socket.exists())

    def test_the_log_as_json_is_an_object_a_line(self):
        child = self.launch(*self.eal(), "--", "--config", self.config(), "--log-format", "json")
        until, text = time.monotonic() + 30, b""
        while b'"message":"ready"}\n' not in text and time.monotonic() < until:
            text += os.read(child.stderr.fileno(), 4096)
        child.send_signal(signal.SIGTERM)
        text += child.stderr.read()
        self.assertEqual(child.wait(20), 0)
        lines = [json.loads(line) for line in text.decode().splitlines() if line.startswith("{")]
        self.assertEqual({"time", "level", "message"}, set(lines[0]))
        self.assertIn("ready", [line["message"] for line in lines])
        self.assertRegex(lines[-1]["time"], r"^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")
        self.assertEqual((lines[-1]["level"], lines[-1]["message"]), ("info", "stopped"))

    def test_start_says_who_does_the_work_of_the_sas_and_why(self):
        path = self.config()
        path.write_text(path.read_text(encoding="utf-8").replace('spi = 0x1001;', 'spi = 0x1001; hw_offload = "auto";'), encoding="utf-8")
        child = self.launch(*self.eal(), "--", "--config", path)
        lines = self.read_until(child, "ipsec-gw: ready")
        self.assertIn("ipsec-gw: 1 SA software (as configured)", lines)
        self.assertIn("ipsec-gw: 1 SA software (auto: port 1 has no security context)", lines)

    def test_sigint_stops_it_too_and_it_starts_again_at_once(self):
        for _ in range(2):
            child, _ = self.start()
            child.send_signal(signal.SIGINT)
            self.assertEqual(child.wait(20), 0)

    def test_it_leaves_no_core_file_and_survives_a_closed_log(self):
        child, _ = self.start()
        limits = pathlib.Path(f"/proc/{child.pid}/limits")
        self.assertRegex(limits.read_text(encoding="ascii"), r"Max core file size +0 +0 ")
        child.stderr.close()
        child.send_signal(signal.SIGPIPE)
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(20), 0)

    def test_a_second_gateway_on_the_same_socket_does_not_start(self):
        self.start()
        words = [word.replace("gwprogram", "gwsecond") for word in self.eal()]
        status, _, err = self.run_program(*words, "--", "--config", self.config())
        self.assertEqual(status, 1, err)
        self.assertIn(str(self.socket), err)
        self.assertTrue(self.socket.exists())


class DoesNotStart(Program):
    def assert_refused(self, words, *texts, status=1):
        got, _, err = self.run_program(*words)
        self.assertEqual(got, status, err)
        for text in texts:
            self.assertIn(text, err)
        self.assertNotIn("ipsec-gw: ready", err)
        self.assertFalse(self.socket.exists())

    def test_no_port_of_that_name(self):
        self.assert_refused([*self.eal(), "--", "--config", self.config(lan="net_nul0")],
                            'ipsec-gw: error: port lan: no port is called "net_nul0"\n', "  hint: DPDK has these ports: net_null0, net_null1\n")

    def test_no_lcore_for_a_worker(self):
        self.assert_refused([*self.eal(lcores="0@0"), "--", "--config", self.config()], "ipsec-gw: error: ", "give at least two lcores: -l 0-1")

    def test_dpdk_does_not_know_an_option(self):
        self.assert_refused(["--no-such-option", *self.eal(), "--", "--config", self.config()], "ipsec-gw: error: DPDK did not start: ")

    def test_no_huge_pages(self):
        meminfo = pathlib.Path("/proc/meminfo").read_text(encoding="ascii")
        if re.search(r"^HugePages_Free: +[1-9]", meminfo, re.MULTILINE):
            self.skipTest("this machine has free huge pages")
        words = [word for word in self.eal() if word not in ("--no-huge", "-m", "256")]
        self.assert_refused([*words, "--", "--config", self.config()], "huge pages", "--no-huge")

    def test_no_place_for_the_control_socket(self):
        blocker = self.directory / "file"
        blocker.touch()
        self.assert_refused([*self.eal(), "--", "--config", self.config(socket=blocker / "gw.sock")],
                            "ipsec-gw: error: ", str(blocker))

    def test_an_owner_that_only_the_running_gateway_knows_not_to_exist(self):
        text = CONFIG.format(socket=self.socket, lan="net_null0", proposal="aes128gcm16", sa="a-out", keys=KEYS).replace(
            'name = "a-in";', 'name = "a-in"; worker = 9;')
        self.assert_refused([*self.eal(), "--", "--config", self.config(text)], 'SA "a-in": worker: there is no worker 9')


class Service(Program):
    """What systemd hears of it."""

    def test_it_says_ready_alive_and_stopping(self):
        heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(heard.close)
        heard.bind(str(self.directory / "notify"))
        heard.settimeout(30)
        child = self.launch(*self.eal(), "--", "--config", self.config(), env={"NOTIFY_SOCKET": str(self.directory / "notify"), "WATCHDOG_USEC": "300000"})
        self.assertIn("READY=1", heard.recv(4096).decode().splitlines())
        for _ in range(3):
            self.assertEqual(heard.recv(4096).decode(), "WATCHDOG=1")
        child.send_signal(signal.SIGTERM)
        words = ""
        while "STOPPING=1" not in words:
            words = heard.recv(4096).decode()
        self.assertEqual(child.wait(20), 0)

    def test_without_a_manager_it_says_nothing_and_runs(self):
        child = self.launch(*self.eal(), "--", "--config", self.config(), env={"WATCHDOG_USEC": "300000", "WATCHDOG_PID": "1"})
        self.read_until(child, "ipsec-gw: ready")


class Doctor(Program):
    def test_it_says_what_the_machine_has(self):
        status, out, _ = self.run_program("doctor")
        self.assertIn(status, (0, 1))
        for area in ("cpu", "cores", "huge pages", "iommu, vfio", "dpdk", "openssl", "engine openssl"):
            self.assertRegex(out, rf"(?m)^(ok   |note |BAD  ){area}  +\S")
        self.assertRegex(out, r"(?m)^note ports +not looked at\n +hint: give EAL options")

    def test_it_looks_at_the_ports_that_options_name(self):
        status, out, _ = self.run_program("doctor", *self.eal())
        self.assertIn(status, (0, 1))
        self.assertRegex(out, r"(?m)^note dpdk-dumpcap +not for a running gateway: ")
        self.assertRegex(out, r"(?m)^ok   net_null0 +driver net_null, up to \d+ rx and \d+ tx queues")
        self.assertRegex(out, r"(?m)^note net_null0 steering +RSS on the SPI: no; flow rule ESP\(spi\) to a queue: no \(.+\)$")
        self.assertRegex(out, r"(?m)^ok   net_null1 SAs +hw_offload = no: software; crypto: refused; full: refused; auto: software$")


class Checks(Program):
    def test_a_good_file(self):
        path = self.config()
        self.assertEqual(self.run_program("--check", "--config", path), (0, f"{path}: ok: ports 2, SAs 2, policies 1, routes 1, connections 0\n", ""))

    def test_what_is_installed_and_the_bluefield_sample_are_good_files(self):
        for name in ("packaging/ipsec-gw.cfg", "bluefield2/gateway.cfg"):
            status, out, err = self.run_program("--check", "--config", SAMPLES / name)
            self.assertEqual(status, 0, err)
            self.assertIn("ok: ports 2", out)

    def test_dpdks_words_are_not_looked_at(self):
        self.assertEqual(self.run_program("-l", "900", "--", "--check", "--config", self.config())[0], 0)

    def test_every_sample_passes_the_check(self):
        samples = sorted((pathlib.Path(__file__).resolve().parents[2] / "config").glob("*.cfg"))
        self.assertGreater(len(samples), 10)
        for sample in samples:
            status, out, _ = self.run_program("--check", "--config", sample)
            self.assertEqual((status, out.startswith(f"{sample}: ok: ")), (0, True), sample.name)

    def test_all_errors_in_one_run_and_no_key(self):
        path = self.config(proposal="aes256gcm16", sa="b-out")
        for words in (["--check", "--config", path], [*self.eal(), "--", "--config", path]):
            status, out, err = self.run_program(*words)
            self.assertEqual((status, out), (2, ""))
            self.assertRegex(err, re.escape(str(path)) + r":\d+: sas\.\[0\]\.keymat: aes256gcm16 wants 36 bytes")
            self.assertRegex(err, re.escape(str(path)) + r":\d+: policies\.\[0\]\.sa: no SA is named \"b-out\"\n  hint: ")
            self.assertTrue(err.endswith("2 errors; nothing was started\n"), err)

    def test_what_ike_needs_is_looked_at_too(self):
        text = (SAMPLES / "ike-cert.cfg").read_text(encoding="utf-8").replace('"pki/', f'"{SAMPLES}/pki/')
        good = self.config(text)
        status, out, err = self.run_program("--check", "--config", good)
        self.assertEqual((status, "connections 1" in out), (0, True), err)
        for wrong, why in ((("moon.key.pem", "sun.key.pem"), r"connections\.to-sun\.local\.certs: there is no private key"),
                           (("ca.pem", "moon.pem"), r"moon\.pem: .*CA")):
            status, out, err = self.run_program("--check", "--config", self.config(text.replace(*wrong)))
            self.assertEqual((status, out), (2, ""), wrong)
            self.assertRegex(err, "(?m)^" + re.escape(str(good)) + r": .*" + why)
            self.assertRegex(err, r"\d+ errors?; nothing was started\n$")

    def test_a_file_that_is_not_there(self):
        status, out, err = self.run_program("--check", "--config", self.directory / "none.cfg")
        self.assertEqual((status, out), (2, ""))
        self.assertIn("none.cfg", err)
        self.assertTrue(err.endswith("1 error; nothing was started\n"), err)

    def test_a_file_that_others_may_read_is_worth_a_warning(self):
        path = self.config()
        path.chmod(0o644)
        status, _, err = self.run_program("--check", "--config", path)
        self.assertEqual(status, 0)
        self.assertIn(str(path), err)


class Words(Program):
    def test_help_and_version(self):
        status, out, err = self.run_program("--help")
        self.assertEqual((status, err), (0, ""))
        self.assertIn("usage: ipsec-gw <EAL options> -- --config FILE", out)
        status, out, err = self.run_program("--version")
        self.assertEqual((status, err), (0, ""))
        self.assertRegex(out, r"^ipsec-gw \d+\.\d+\.\d+ \(DPDK \S+\)\n$")

    def test_wrong_words(self):
        self.assertEqual(self.run_program(), (2, "", "ipsec-gw: error: which configuration file?\n  hint: give --config FILE; see ipsec-gw --help\n"))
        self.assertEqual(self.run_program("-l", "0-1", "--config", "x"),
                         (2, "", 'ipsec-gw: error: there is no option "-l"\n'
                                 '  hint: DPDK\'s own options come before "--": ipsec-gw <EAL options> -- --config FILE\n'))


if __name__ == "__main__":
    end = sys.argv.index("--")
    PROGRAM = sys.argv[1:end]
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[end + 1:]])
