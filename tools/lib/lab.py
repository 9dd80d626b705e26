"""Network namespaces, wires between them and gateways inside them; for tools/quickstart and tests/netns.

A lab has a name; its namespaces are called igw-NAME-ROLE and its files live in /run/ipsec-gw-lab/NAME. Everything that runs in a
lab runs inside one of its namespaces, so taking a lab down needs no bookkeeping: end what is in the namespaces, delete them.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

RUN = pathlib.Path("/run/ipsec-gw-lab")
PREFIX = "igw-"


class LabError(Exception):
    """Something of the lab could not be made or did not come up; the message is for the user."""


def sh(*command, check=True, timeout=60, **options):
    """Runs a command and returns the finished process with its text output."""
    words = [str(c) for c in command]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL, **options)
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(words)}: no end after {timeout} s") from error
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(words)}: {(done.stderr or done.stdout).strip()}")
    return done


class Namespace:
    def __init__(self, name):
        self.name = name

    def command(self, *command):
        return ["ip", "netns", "exec", self.name, *(str(c) for c in command)]

    def run(self, *command, **options):
        return sh(*self.command(*command), **options)

    def start(self, *command, log=subprocess.DEVNULL, **options):
        """Starts a process that outlives the call, in a session of its own, so that a Ctrl-C reaches the lab's owner first."""
        return subprocess.Popen(self.command(*command), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                start_new_session=True, **options)

    def ip(self, *words):
        return sh("ip", "-n", self.name, *words)

    def set_ipv6(self, interface, name, value):
        self.run("sh", "-c", f"echo {value} > /proc/sys/net/ipv6/conf/{interface}/{name}")

    def pids(self):
        return [int(p) for p in sh("ip", "netns", "pids", self.name, check=False).stdout.split()]


class Lab:
    def __init__(self, name):
        if not re.fullmatch(r"[a-z0-9]{1,32}", name):
            raise LabError(f"'{name}' is no name of a lab: lower-case letters and digits")
        self.name = name
        self.directory = RUN / name
        self.namespaces = {}

    # --- making

    def open(self):
        """Takes the name, after sweeping what dead owners left. LabError when a live lab has it."""
        sweep()
        RUN.mkdir(mode=0o755, exist_ok=True)
        # The folder appears with its owner in it, or another lab's sweep would take it for abandoned.
        folder = pathlib.Path(tempfile.mkdtemp(prefix=".", dir=RUN))
        (folder / "owner").write_text(json.dumps({"pid": os.getpid(), "start": _start_time(os.getpid()), "keep": False}))
        try:
            folder.rename(self.directory)
        except OSError as error:
            shutil.rmtree(folder)
            raise LabError(f"lab '{self.name}' is running; tools/quickstart --stop takes it down") from error

    def namespace(self, role):
        """A namespace whose kernel uses an IPv6 address at once, and takes none from routers."""
        ns = Namespace(f"{PREFIX}{self.name}-{role}")
        sh("ip", "netns", "add", ns.name)
        self.namespaces[role] = ns
        ns.ip("link", "set", "lo", "up")
        ns.set_ipv6("default", "accept_dad", 0)
        ns.set_ipv6("default", "accept_ra", 0)
        return ns

    def gateway_namespace(self, role):
        """A namespace whose kernel stays out of the way: no IPv6, so no address it would answer for."""
        ns = self.namespace(role)
        ns.set_ipv6("all", "disable_ipv6", 1)
        ns.set_ipv6("default", "disable_ipv6", 1)
        return ns

    def wire(self, end_a, end_b, mtu=1500):
        """A veth pair between (namespace, interface name) and another, without offloads: af_packet must see whole, checksummed packets."""
        (ns_a, name_a), (ns_b, name_b) = end_a, end_b
        sh("ip", "link", "add", name_a, "mtu", mtu, "netns", ns_a.name, "type", "veth", "peer", "name", name_b, "mtu", mtu, "netns", ns_b.name)
        for ns, name in (end_a, end_b):
            ns.run("ethtool", "-K", name, *(w for o in ("tx", "rx", "sg", "tso", "gso", "gro") for w in (o, "off")), check=False)
        for ns, name in (end_a, end_b):
            ns.ip("link", "set", name, "up")

    # --- taking down

    def keep(self):
        """The lab outlives this process."""
        owner = json.loads((self.directory / "owner").read_text())
        (self.directory / "owner").write_text(json.dumps({**owner, "keep": True}))

    def close(self):
        take_down(self.name)


def names():
    """The labs that exist, by their files."""
    return sorted(p.name for p in RUN.iterdir() if p.is_dir() and not p.name.startswith(".")) if RUN.is_dir() else []


def sweep():
    """Takes down labs whose owner died without doing so."""
    for name in names():
        try:
            owner = json.loads((RUN / name / "owner").read_text())
        except (OSError, ValueError):
            owner = {"pid": 0, "start": "", "keep": False}
        alive = _start_time(owner["pid"]) == owner["start"] and owner["start"]
        if not owner["keep"] and not alive:
            take_down(name)


def take_down(name):
    """Ends what runs in the lab's namespaces and deletes them and the lab's files. Safe to repeat."""
    mine = [Namespace(n) for n in _namespace_names() if n.startswith(f"{PREFIX}{name}-")]
    for number, wait_s in ((signal.SIGTERM, 5), (signal.SIGKILL, 5)):
        if not _signal(mine, number):
            break
        until = time.monotonic() + wait_s
        while any(_living(ns) for ns in mine) and time.monotonic() < until:
            time.sleep(0.05)
    for ns in mine:
        sh("ip", "netns", "delete", ns.name, check=False)
    for left in pathlib.Path("/var/run/dpdk").glob(f"{PREFIX}{name}-*"):
        shutil.rmtree(left, ignore_errors=True)
    shutil.rmtree(RUN / name, ignore_errors=True)


def _namespace_names():
    return [line.split()[0] for line in sh("ip", "netns", "list", check=False).stdout.splitlines() if line.strip()]


def _living(ns):
    return [p for p in ns.pids() if _state(p) not in ("Z", None)]


def _signal(namespaces, number):
    pids = [p for ns in namespaces for p in _living(ns) if p != os.getpid()]
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass
    return pids


def _stat(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None


def _state(pid):
    fields = _stat(pid)
    return fields[0] if fields else None


def _start_time(pid):
    """Tells a process from a later one with the same number."""
    fields = _stat(pid)
    return fields[19] if fields else ""


class Gateway:
    """One ipsec-gw in a namespace, its ports on af_packet over interfaces of that namespace."""

    def __init__(self, lab, role, program, gwctl, config, interfaces, *, cpus, workers=1, queues=1, inline_ipsec=None,
                 inline_arguments="", devices=()):
        # inline_ipsec: the driver's file; then net_inline_ipsec0 stands on the last interface's port, with these arguments more. devices: other
        # vdevs.
        self.lab = lab
        self.role = role
        self.ns = lab.namespaces[role]
        self.program = program
        self.gwctl = gwctl
        self.config = lab.directory / f"{role}.cfg"
        self.socket = lab.directory / f"{role}.sock"
        self.log = lab.directory / f"{role}.log"
        self.interfaces = interfaces
        self.cpus = cpus
        self.workers = workers
        self.queues = queues
        self.inline_ipsec = inline_ipsec
        self.inline_arguments = inline_arguments
        self.devices = devices
        self.process = None
        self.config.touch(mode=0o600)     # keys are in it
        self.config.write_text(config, encoding="utf-8")

    def command(self):
        # Workers on the CPUs given, the main thread beside the first: several gateways share a small machine.
        lcores = [f"0@{self.cpus[0]}"] + [f"{w + 1}@{self.cpus[w % len(self.cpus)]}" for w in range(self.workers)]
        vdevs = [f"--vdev=net_af_packet{i},iface={name},qpairs={self.queues}" for i, name in enumerate(self.interfaces)]
        if self.inline_ipsec:
            model = ",".join(filter(None, [f"backing=net_af_packet{len(self.interfaces) - 1}", f"queues={self.queues}", self.inline_arguments]))
            vdevs = ["-d", self.inline_ipsec, *vdevs, f"--vdev=net_inline_ipsec0,{model}"]
        vdevs += [f"--vdev={device}" for device in self.devices]
        return [self.program, "--no-huge", "-m", "256", "--no-pci", f"--file-prefix={self.ns.name}", "--lcores", ",".join(lcores), *vdevs,
                "--", "--config", self.config]

    def start(self, timeout=20):
        with self.log.open("w", encoding="utf-8") as log:
            self.process = self.ns.start(*self.command(), log=log)
        until = time.monotonic() + timeout
        while True:
            if self.process.poll() is not None:
                raise LabError(f"{self.role} did not start:\n{self.log.read_text(errors='replace')}")
            if self.ask("stats", check=False).returncode == 0:
                return
            if time.monotonic() > until:
                raise LabError(f"{self.role} does not answer on {self.socket}:\n{self.log.read_text(errors='replace')}")
            time.sleep(0.1)

    def ask(self, *words, check=True):
        return sh(self.gwctl, "--socket", self.socket, *words, check=check)

    def json(self, *words):
        return json.loads(self.ask("-j", *words).stdout)

    def stop(self, timeout=10):
        """SIGTERM; the exit status."""
        self.process.terminate()
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            self.process.kill()
            self.process.wait()
            raise LabError(f"{self.role} did not stop within {timeout} s of SIGTERM:\n{self.log.read_text(errors='replace')}") from error
