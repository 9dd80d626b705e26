#!/usr/bin/python3
"""The manual pages: complete, readable, and their examples do what they say.

  manual_test.py PAGES IPSEC_GW GWCTL -- [unittest arguments]

PAGES is the folder the build puts them in. The gateway runs without privileges: no huge pages, no kernel devices.
"""

import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGES = IPSEC_GW = GWCTL = None
NAMES = ("ipsec-gw.8", "gwctl.8", "ipsec-gw.cfg.5")
# Written about elsewhere, and wanting packets or root: tests/netns runs these.
NOT_HERE = ("gwctl trace", "gwctl capture", "ipsec-gw -l")

CONFIG = """
gateway = {{ control_socket = "{socket}"; max_sas = 64; idle_sleep_us = 1000; engine = "openssl"; }};
ports = (
  {{ name = "lan"; device = "net_null0"; role = "protected"; addresses = [ "10.1.0.1/24" ]; rx_descriptors = 64; tx_descriptors = 64; }},
  {{ name = "wan"; device = "net_null1"; role = "unprotected"; addresses = [ "192.0.2.1/24" ]; rx_descriptors = 64; tx_descriptors = 64; }}
);
"""


def examples(name):
    """The commands of a page's literal blocks under EXAMPLES."""
    text = (PAGES / f"{name}.scd").read_text(encoding="utf-8").partition("# EXAMPLES")[2]
    return [line for block in re.findall(r"```\n(.*?)```", text, re.S) for line in block.splitlines() if line]


class Pages(unittest.TestCase):
    @unittest.skipUnless(shutil.which("man"), "man is not installed")
    def test_man_reads_each_without_a_warning(self):
        for name in NAMES:
            done = subprocess.run(["man", "--warnings", "-l", str(PAGES / name)], capture_output=True, text=True, timeout=30, check=False,
                                  env={**os.environ, "MANWIDTH": "80", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)
            self.assertIn("NAME", done.stdout)
            self.assertNotIn("@", done.stdout.partition("SYNOPSIS")[2][:200] if name != "ipsec-gw.cfg.5" else "")

    def test_every_command_is_in_gwctls_page_and_every_setting_in_the_files(self):
        text = subprocess.run([GWCTL, "help"], capture_output=True, text=True, timeout=10, check=True).stdout
        commands = [re.sub(r"  .*| [\[(A-Z-].*", "", line.strip()) for line in re.search(r"commands:\n(.*?)\n\n", text, re.S).group(1).splitlines()]
        page = (PAGES / "gwctl.8.scd").read_text(encoding="utf-8")
        for command in commands:
            if command != "help":
                self.assertIn(f"*gwctl {command.split(' out|')[0].split(' clear|')[0]}*", page)
        reference = (ROOT / "config" / "README.md").read_text(encoding="utf-8").partition("## Reference")[2]
        page = (PAGES / "ipsec-gw.cfg.5.scd").read_text(encoding="utf-8")
        settings = re.findall(r"(?m)^\| `([a-z0-9_]+)` \|", reference)
        self.assertGreater(len(settings), 100)
        for setting in settings:
            self.assertIn("*" + setting.replace("_", "\\_") + "* (", page)

    def test_every_option_of_the_gateway_is_in_its_page(self):
        text = subprocess.run([IPSEC_GW, "--help"], capture_output=True, text=True, timeout=10, check=True).stdout
        page = (PAGES / "ipsec-gw.8.scd").read_text(encoding="utf-8")
        for option in set(re.findall(r"(?m)^  (--[a-z-]+)", text)) - {"--vdev", "--no-huge"}:
            self.assertIn(f"*{option}*", page)


class Examples(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory(prefix="gw-manual-")
        folder = pathlib.Path(cls.directory.name)
        cls.socket = folder / "gw.sock"
        config = folder / "gw.cfg"
        config.write_text(CONFIG.format(socket=cls.socket), encoding="utf-8")
        cls.log = (folder / "log").open("w")
        cls.gateway = subprocess.Popen([IPSEC_GW, "--no-huge", "-m", "256", "--no-pci", "--no-telemetry", f"--file-prefix=gwmanual{os.getpid()}",
                                        "--lcores=0@0,1@0", "--vdev=net_null0,no-rx=1", "--vdev=net_null1,no-rx=1", "--", "--config", config],
                                       stdin=subprocess.DEVNULL, stdout=cls.log, stderr=cls.log)
        until = time.monotonic() + 30
        while subprocess.run([GWCTL, "--socket", cls.socket, "stats"], capture_output=True, check=False).returncode != 0:
            if time.monotonic() > until or cls.gateway.poll() is not None:
                raise AssertionError((folder / "log").read_text())
            time.sleep(0.1)

    @classmethod
    def tearDownClass(cls):
        cls.gateway.send_signal(signal.SIGTERM)
        cls.gateway.wait(20)
        cls.log.close()
        cls.directory.cleanup()

    def test_examples_run(self):
        ran = 0
        for name in ("ipsec-gw.8", "gwctl.8"):
            for line in examples(name):
                self.assertFalse(line.startswith(NOT_HERE), f"{line}: belongs into an indented line")
                words = shlex.split(line)
                words[0] = {"ipsec-gw": IPSEC_GW, "gwctl": GWCTL}[words[0]]
                words = [str(ROOT / "config" / pathlib.Path(w).name) if w.endswith(".cfg") else w for w in words]
                done = subprocess.run(words, capture_output=True, text=True, timeout=30, check=False, env={**os.environ, "IPSEC_GW_SOCKET": str(self.socket)})
                self.assertIn(done.returncode, (0, 1) if "doctor" in line else (0,), f"{line}: {done.stderr}")
                self.assertNotEqual(done.stdout, "", line)
                ran += 1
        self.assertGreater(ran, 7)

    def complete(self, line):
        """What bash offers for a line that ends at the cursor."""
        script = f"""
            source {ROOT / 'tools/gwctl/gwctl.bash'}
            gwctl() {{ {shlex.quote(str(GWCTL))} "$@"; }}
            COMP_WORDS=({line}{' ""' if line.endswith(' ') else ''}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _gwctl; printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30, check=False,
                              env={**os.environ, "IPSEC_GW_SOCKET": str(self.socket)})
        self.assertEqual(done.stderr, "", line)
        return sorted(set(done.stdout.split()))

    def test_bash_completes_commands_options_and_names(self):
        self.assertIn("explain", self.complete("gwctl "))
        self.assertEqual(self.complete("gwctl tr"), ["trace"])
        self.assertEqual(self.complete("gwctl trace "), ["start"])
        self.assertEqual(self.complete("gwctl port show "), ["lan", "wan"])
        self.assertEqual(self.complete("gwctl port show w"), ["wan"])
        self.assertEqual(self.complete("gwctl stats --st"), ["--stages"])
        self.assertEqual(self.complete("gwctl explain "), ["in", "in-clear", "out"])
        self.assertEqual(self.complete("gwctl trace start on "), ["lan", "wan"])
        self.assertIn("no-policy", self.complete("gwctl trace start drop no-"))


if __name__ == "__main__":
    end = sys.argv.index("--")
    PAGES, IPSEC_GW, GWCTL = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    unittest.main(verbosity=2, argv=[sys.argv[0], *sys.argv[end + 1:]])
