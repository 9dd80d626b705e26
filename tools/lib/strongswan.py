"""strongSwan in a namespace of a lab: charon with ESP in user space (kernel-libipsec), so that no kernel ESP is needed.

kernel-libipsec forces UDP encapsulation, knows neither ESN nor transport mode, and takes the packets of its policies by routes to a TUN
device.
"""

import json
import os
import pathlib
import re
import shutil
import time

import lab

CHARON = "/usr/sbin/charon-systemd"
SWANCTL = "/usr/sbin/swanctl"

_CONF = """\
charon-systemd {{
  load = random nonce openssl aes sha1 sha2 hmac kdf gcm ctr chapoly curve25519 pem pkcs1 pkcs8 x509 pubkey constraints revocation kernel-libipsec kernel-netlink socket-default vici updown counters
  install_virtual_ip = no
  keep_alive = 20s
{settings}
  plugins {{
    vici {{ socket = unix://{directory}/vici }}
    kernel-libipsec {{ allow_peer_ts = yes }}
  }}
  syslog {{ daemon {{ default = -1 }} auth {{ default = -1 }} }}
  filelog {{ log {{ path = {directory}/charon.log
    default = 1
    ike = 1
    flush_line = yes }} }}
}}
swanctl {{ load = pem pkcs1 pkcs8 x509 pubkey openssl }}
"""


class Peer:
    """One charon. `config` is swanctl.conf's text."""

    def __init__(self, the_lab, role, config, settings=()):
        # settings: lines for strongswan.conf's charon-systemd section
        self.ns = the_lab.namespaces[role]
        self.role = role
        self.directory = the_lab.directory / f"{role}-strongswan"
        self.directory.mkdir(mode=0o700)
        self.log = self.directory / "charon.log"
        self.config = self.directory / "swanctl.conf"
        self.write(config)
        (self.directory / "strongswan.conf").write_text(_CONF.format(directory=self.directory, settings="".join(f"  {s}\n" for s in settings)), encoding="utf-8")
        self.process = None

    def write(self, config):
        self.config.touch(mode=0o600)
        self.config.write_text(config, encoding="utf-8")

    def start(self, timeout=20):
        environment = {**os.environ, "STRONGSWAN_CONF": str(self.directory / "strongswan.conf")}
        with (self.directory / "stderr").open("w", encoding="utf-8") as log:
            self.process = self.ns.start(CHARON, log=log, env=environment)
        until = time.monotonic() + timeout
        while self.swanctl("--stats", check=False).returncode != 0:
            if self.process.poll() is not None or time.monotonic() > until:
                raise lab.LabError(f"{self.role}: charon did not start:\n{self.text()}")
            time.sleep(0.1)
        self.load()

    def text(self):
        """What it has said, for messages."""
        return "".join(p.read_text(errors="replace")[-4000:] for p in (self.directory / "stderr", self.log) if p.exists())

    def load(self):
        done = self.swanctl("--load-all", "--file", self.config, check=False)
        if done.returncode != 0:
            raise lab.LabError(f"{self.role}: swanctl --load-all: {done.stdout}{done.stderr}")

    def swanctl(self, verb, *words, check=True, timeout=60):
        environment = {**os.environ, "STRONGSWAN_CONF": str(self.directory / "strongswan.conf"), "SWANCTL_DIR": str(self.directory)}
        return self.ns.run(SWANCTL, verb, "--uri", f"unix://{self.directory}/vici", *words, check=check, timeout=timeout, env=environment)

    def sas(self):
        """[(connection, state, [(child, state)])], as --list-sas has them."""
        found = []
        for line in self.swanctl("--list-sas").stdout.splitlines():
            if match := re.match(r"^(\S+): #(\d+), (\w+), IKEv2", line):
                found.append((match[1], match[3], []))
            elif match := re.match(r"^  (\S+): #(\d+), reqid \d+, (\w+)", line):
                found[-1][2].append((match[1], match[3]))
        return found

    def kill(self):
        """As a crash: no word to anybody."""
        self.process.kill()
        self.process.wait()
        for pid in self.ns.pids():
            if pathlib.Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").startswith("charon"):
                os.kill(pid, 9)

    def stop(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(10)


def missing():
    """Why strongSwan cannot run here, or None."""
    for program in (CHARON, SWANCTL):
        if not shutil.which(program):
            return f"not installed: {program}"
    if not pathlib.Path("/dev/net/tun").exists():
        return "no /dev/net/tun"
    return None
