"""Two sites and the wire between their gateways; on each side ipsec-gw or strongSwan, from one description of the connections.

A connection is a dict in swanctl.conf's words, as side "a" sees it; side "b" gets its mirror.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "tools" / "lib"))

import lab
import libconfig_text
import strongswan

OUTER = {"a": ("198.51.100.1", "2001:db8:ff::1"), "b": ("198.51.100.2", "2001:db8:ff::2")}
HOST = {"a": ("10.1.0.2", "fd00:1::2"), "b": ("10.2.0.2", "fd00:2::2")}
ROUTER = {"a": ("10.1.0.1", "fd00:1::1"), "b": ("10.2.0.1", "fd00:2::1")}
NET = {"a": ("10.1.0.0/24", "fd00:1::/64"), "b": ("10.2.0.0/24", "fd00:2::/64")}
SECRET = "a secret of these tests"


class CaseFailed(Exception):
    """What was expected did not happen."""


class CaseSkipped(Exception):
    """What the case needs is not here."""


def check(condition, why):
    if not condition:
        raise CaseFailed(why)


def wait_for(condition, why, seconds=10):
    """The condition's value as soon as it is true."""
    until = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > until:
            raise CaseFailed(f"not within {seconds} s: {why() if callable(why) else why}")
        time.sleep(0.05)


def connection(name="t", *, ike="aes128-sha256-x25519", esp="aes128gcm128-x25519", family=0, **other):
    """A connection with the child "net" between both LANs; `child` has settings of its own."""
    child = {"name": "net", "local_ts": [NET["a"][0], NET["a"][1]] if family == 2 else [NET["a"][0]],
             "remote_ts": [NET["b"][0], NET["b"][1]] if family == 2 else [NET["b"][0]], "esp_proposals": [esp]}
    child.update(other.pop("child", {}))
    outer = 1 if family else 0
    return {"name": name, "local_addrs": [OUTER["a"][outer]], "remote_addrs": [OUTER["b"][outer]], "proposals": [ike],
            "local": {"auth": "psk", "id": "gw-a.example"}, "remote": {"auth": "psk", "id": "gw-b.example"}, "children": [child]} | other


def mirrored(conn):
    """The same connection from side b."""
    swap = {"local_addrs": "remote_addrs", "remote_addrs": "local_addrs", "local": "remote", "remote": "local", "local_ts": "remote_ts",
            "remote_ts": "local_ts"}
    out = {swap.get(key, key): value for key, value in conn.items()}
    out["children"] = [{swap.get(key, key): value for key, value in child.items()} for child in conn["children"]]
    return out


def swanctl_text(connections, secrets):
    """swanctl.conf, with one section for each connection and secret."""
    def section(name, values, depth):
        pad = "  " * depth
        lines = [f"{pad}{name} {{"]
        for key, value in values.items():
            if key == "name":
                continue
            if isinstance(value, dict):
                lines += section(key, value, depth + 1)
            elif key == "children":
                lines.append(f"{pad}  children {{")
                for child in value:
                    lines += section(child["name"], child, depth + 2)
                lines.append(f"{pad}  }}")
            else:
                text = ",".join(value) if isinstance(value, list) else {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value
                lines.append(f"{pad}  {key} = {text}")
        return [*lines, f"{pad}}}"]

    lines = ["connections {"]
    for conn in connections:
        lines += section(conn["name"], {"version": 2, "mobike": False, **conn}, 1)
    lines += ["}", "secrets {"]
    for number, (ids, secret) in enumerate(secrets):
        lines += [f"  ike-{number} {{", *(f"    id-{n} = {i}" for n, i in enumerate(ids)), f"    secret = \"{secret}\"", "  }"]
    return "\n".join([*lines, "}"]) + "\n"


class Sites:
    """The namespaces of both sites. A gateway's side is started anew for each case."""

    def __init__(self, the_lab, programs):
        self.lab = the_lab
        self.program, self.gwctl = programs
        self.running = {}
        self.cpus = sorted(os.sched_getaffinity(0))
        self.counter = 0
        self.host = {side: the_lab.namespace(f"host-{side}") for side in "ab"}

    def open(self, kinds):
        """Gateway namespaces and wires; `kinds` tells for a and b: "gw" or "ss"."""
        self.close()
        self.counter += 1
        self.ns = {}
        for side, kind in zip("ab", kinds):
            role = f"{kind}-{side}{self.counter}"
            self.ns[side] = self.lab.gateway_namespace(role) if kind == "gw" else self.lab.namespace(role)
            self.lab.wire((self.host[side], f"eth{self.counter}"), (self.ns[side], "lan"))
        self.lab.wire((self.ns["a"], "wan"), (self.ns["b"], "wan"))
        for side, kind in zip("ab", kinds):
            for family, length in ((0, 24), (1, 64)):
                nodad = ["nodad"] if family else []
                self.host[side].ip("address", "add", f"{HOST[side][family]}/{length}", "dev", f"eth{self.counter}", *nodad)
                self.host[side].ip("route", "add", "default", "via", ROUTER[side][family], "dev", f"eth{self.counter}")
                if kind == "ss":
                    self.ns[side].ip("address", "add", f"{ROUTER[side][family]}/{length}", "dev", "lan", *nodad)
                    self.ns[side].ip("address", "add", f"{OUTER[side][family]}/{length}", "dev", "wan", *nodad)
            if kind == "ss":
                self.ns[side].run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")

    def close(self):
        for end in self.running.values():
            end.stop()
        self.running = {}
        for ns in getattr(self, "ns", {}).values():
            for interface in ("lan", "wan"):
                lab.sh("ip", "-n", ns.name, "link", "delete", interface, check=False)
            lab.sh("ip", "netns", "delete", ns.name, check=False)
        self.ns = {}

    def start_gateway(self, side, connections, secrets=None, *, outside=None, settings=None, **options):
        """ipsec-gw on this side; `connections` as side a sees them. `outside`: its address there and its router, where the other side is not on the link.
        `model_port`: its wire has a port that does IPsec, with these arguments."""
        wan = "net_inline_ipsec0" if "model_port" in options else "net_af_packet1"
        mine = connections if side == "a" else [mirrored(c) for c in connections]
        if secrets is None:
            secrets = [(("gw-a.example", "gw-b.example"), SECRET)]
        addresses, routers = [f"{OUTER[side][0]}/24", f"{OUTER[side][1]}/64"], OUTER["ba"[side == "b"]]
        if outside:
            addresses, routers = [outside[0]], (outside[1],)
        settings = {
            "gateway": {"control_socket": str(self.lab.directory / f"{self.role(side)}.sock"), "idle_sleep_us": 50, "max_sas": 1024, **(settings or {})},
            "ports": [{"name": "lan", "device": "net_af_packet0", "role": "protected", "addresses": [f"{ROUTER[side][0]}/24", f"{ROUTER[side][1]}/64"]},
                      {"name": "wan", "device": wan, "role": "unprotected", "addresses": addresses}],
            "routes": [{"prefix": NET["ba"[side == "b"]][f], "via": router, "port": "wan"} for f, router in enumerate(routers)] +
                      [{"prefix": "198.51.100.0/24", "via": routers[0], "port": "wan"}] * bool(outside),
            "connections": [self.ours(c) for c in mine],
            "secrets": [{"type": "ike", "id": list(ids), "secret": secret} for ids, secret in secrets],
        }
        gateway = Ours(self, side, libconfig_text.dump(settings), **options)
        self.running[side] = gateway
        gateway.start()
        return gateway

    @staticmethod
    def ours(conn):
        """Single proposals are words in our file, as in swanctl.conf."""
        flat = {key: value[0] if key in ("proposals", "esp_proposals") and len(value) == 1 else value for key, value in conn.items()}
        if "children" in flat:
            flat["children"] = [Sites.ours(child) for child in flat["children"]]
        return flat

    def start_strongswan(self, side, connections, secrets=None, settings=()):
        mine = connections if side == "a" else [mirrored(c) for c in connections]
        if secrets is None:
            secrets = [(("gw-a.example", "gw-b.example"), SECRET)]
        peer = strongswan.Peer(self.lab, self.role(side), swanctl_text(mine, secrets), settings)
        self.running[side] = peer
        peer.start()
        return peer

    def driver(self):
        """The model port's, where EAL loads it from: not below a folder that everybody may write to."""
        built = self.program.parents[1] / "drivers" / "net" / "inline_ipsec" / "librte_net_inline_ipsec.so"
        if not built.exists():
            raise CaseSkipped("the model port's driver is not built: run tools/driver-headers, then configure again")
        place = self.lab.directory / built.name
        return place if place.exists() else shutil.copy2(built, place)

    def role(self, side):
        return self.ns[side].name.rpartition(f"{self.lab.name}-")[2]

    # --- traffic

    def ping(self, source="a", family=0, count=3):
        """How many of `count` echo requests were answered."""
        other = "b" if source == "a" else "a"
        done = self.host[source].run("ping", "-n", "-c", count, "-i", "0.05", "-W", "2", HOST[other][family], check=False)
        match = re.search(r"(\d+) received", done.stdout)
        return int(match[1]) if match else 0

    def flow(self, source="a", family=0, *, rate=2000, seconds=4):
        return Flow(self, source, family, rate, seconds)

    def logs(self, lines=40):
        """The end of both sides' logs, for messages."""
        text = ""
        for side, end in self.running.items():
            text_lines = (end.log.read_text(errors="replace") if end.log.exists() else "").splitlines()
            text += f"\n--- {side}\n" + "\n".join(text_lines[-lines:])
        return text


class Flow:
    """Numbered datagrams from one host to the other for some seconds."""

    port = 20000

    def __init__(self, sites, source, family, rate, seconds):
        destination = "b" if source == "a" else "a"
        address = HOST[destination][family]
        Flow.port += 1
        script = str(HERE / "traffic.py")
        self.receiver = subprocess.Popen(sites.host[destination].command("/usr/bin/python3", script, "receive", address, Flow.port), stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, text=True, start_new_session=True)
        check(self.receiver.stdout.readline() == "ready\n", "the receiver did not start")
        self.sender = subprocess.Popen(sites.host[source].command("/usr/bin/python3", script, "send", address, Flow.port, rate, seconds), stdin=subprocess.DEVNULL,
                                       stdout=subprocess.PIPE, text=True, start_new_session=True)

    def lost(self):
        """(lost, sent), after its end."""
        sent = int(self.sender.communicate(timeout=60)[0])
        time.sleep(0.5)
        self.receiver.terminate()
        _, distinct, _ = (int(n) for n in self.receiver.communicate(timeout=20)[0].split())
        return sent - distinct, sent


class Ours:
    """ipsec-gw as one side, with the same verbs as strongswan.Peer."""

    def __init__(self, sites, side, config, *, words=(), model_port=None):
        self.sites = sites
        cpu = sites.cpus[0 if side == "a" else -1]
        role = sites.role(side)
        self.gateway = lab.Gateway(sites.lab, role, sites.program, sites.gwctl, config, ("lan", "wan"), cpus=[cpu],
                                   inline_ipsec=None if model_port is None else sites.driver(), inline_arguments=model_port or "")
        command = self.gateway.command()
        self.gateway.command = lambda: [*command, "--log-level", "debug", *words]
        self.log = self.gateway.log

    def start(self):
        self.gateway.start()

    def stop(self):
        if self.gateway.process is not None and self.gateway.process.poll() is None:
            self.gateway.stop()

    def text(self):
        return self.log.read_text(errors="replace")

    def ike(self, *words, check=True):
        return self.gateway.ask("ike", *words, check=check)

    def sas(self):
        return [(row["connection"], row["state"], [(c["name"], c["state"]) for c in row["children"]]) for row in self.rows()]

    def offloads(self):
        """Who does the work of the SAs that work."""
        return {row["offload"] for row in json.loads(self.gateway.ask("-j", "sa", "show").stdout) if row["state"] == "up"}

    def rows(self):
        return json.loads(self.gateway.ask("-j", "ike", "show").stdout)

    def drops(self):
        return {row["reason"]: row["packets"] for row in json.loads(self.gateway.ask("-j", "drops").stdout)}
