#!/usr/bin/python3
"""The measurements behind tools/bench-ike."""

import argparse
import json
import os
import pathlib
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import builds
import lab
import libconfig_text
import strongswan
import vici

ROOT = pathlib.Path(__file__).resolve().parents[2]
OUTER = ("198.51.100.1", "198.51.100.2")
IKE, ESP = "aes128-sha256-x25519", "aes128gcm128"
SECRET = "a secret of this benchmark"


class Failed(Exception):
    """A measurement could not be made; the message is the reason."""


def host(number, first=64):
    """The address behind tunnel `number`, a /32 of 10.64.0.0/10; 192: of 10.192.0.0/10."""
    return f"10.{first + (number >> 16)}.{number >> 8 & 255}.{number & 255}"


def in_parallel(clients, count, ask):
    """`ask(client, number)` for 0 .. count-1 by all clients; seconds it took. The first error ends it."""
    numbers, lock, errors = iter(range(count)), threading.Lock(), []

    def work(client):
        while not errors:
            with lock:
                number = next(numbers, None)
            if number is None:
                return
            try:
                ask(client, number)
            except (OSError, ValueError, Failed) as error:
                errors.append(error)

    begin = time.monotonic()
    threads = [threading.Thread(target=work, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise Failed(str(errors[0]))
    return time.monotonic() - begin


def resident_kb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise Failed(f"process {pid} has gone")


def cpu_ms(pid, thread=None):
    """What a process, or its threads of one name, has computed so far: unlike the rate, no matter of what else the machine does."""
    ticks = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        if thread in (None, (task / "comm").read_text(encoding="utf-8").strip()):
            fields = (task / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


class ControlSocket:
    """A connection to the gateway that stays open, as gwctl makes one for each command."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(str(path))
        self.file = self.socket.makefile("r", encoding="utf-8")

    def ask(self, command, **args):
        self.socket.sendall((json.dumps({"command": command, "args": args}) + "\n").encode())
        rows = []
        for line in self.file:
            answer = json.loads(line)
            if "row" in answer:
                rows.append(answer["row"])
            elif "error" in answer:
                raise Failed(answer["error"]["what"])
            else:
                return rows
        raise Failed("the gateway closed its control socket")

    def close(self):
        self.file.close()
        self.socket.close()


class Gateways:
    """Two ipsec-gw: `a` initiates one tunnel for each connection, `b` answers all of them by one connection that narrows."""

    name = "ipsec-gw"
    clients = 24

    def __init__(self, the_lab, directory, tunnels):
        self.lab, self.tunnels = the_lab, tunnels
        ns = [the_lab.gateway_namespace(f"gw-{side}") for side in "ab"]
        hosts = [the_lab.namespace(f"host-{side}") for side in "ab"]
        the_lab.wire((ns[0], "wan"), (ns[1], "wan"))
        for side in (0, 1):
            the_lab.wire((hosts[side], "eth0"), (ns[side], "lan"))
        self.hosts = hosts
        hosts[0].ip("address", "add", "10.1.0.2/24", "dev", "eth0")
        hosts[0].ip("route", "add", "default", "via", "10.1.0.1")
        hosts[1].ip("address", "add", "10.2.0.2/24", "dev", "eth0")
        hosts[1].ip("route", "add", "default", "via", "10.2.0.1")
        hosts[1].ip("address", "add", "10.64.0.0/10", "dev", "lo")
        cpus = sorted(os.sched_getaffinity(0))
        self.ends = []
        for side in (0, 1):
            gateway = lab.Gateway(the_lab, f"gw-{'ab'[side]}", directory / "app" / "ipsec-gw", directory / "tools" / "gwctl" / "gwctl", libconfig_text.dump(self.config(side)),
                                  ("lan", "wan"), cpus=[cpus[side % len(cpus)], cpus[(side + 2) % len(cpus)]])
            words = gateway.command()
            # Control on one core, its worker on another.
            words[words.index("--lcores") + 1] = f"0@{gateway.cpus[0]},1@{gateway.cpus[1]}"
            gateway.command = lambda words=words: [*words, "--log-level", "warning"]
            self.ends.append(gateway)

    def config(self, side):
        mine, other = OUTER[side], OUTER[1 - side]
        lan = f"10.{side + 1}.0"
        one = {"local_addrs": [mine], "remote_addrs": [other], "proposals": IKE}
        child = {"name": "net", "esp_proposals": ESP}
        if side == 0:
            connections = [{"name": f"t{n}", **one, "local": {"auth": "psk", "id": f"t{n}@bench.example"}, "remote": {"auth": "psk", "id": "b.bench.example"},
                            "children": [{**child, "local_ts": [f"{lan}.0/24"], "remote_ts": [f"{host(n)}/32"]}]} for n in range(self.tunnels)]
        else:
            connections = [{"name": "all", **one, "local": {"auth": "psk", "id": "b.bench.example"}, "remote": {"auth": "psk", "id": "*@bench.example"},
                            "children": [{**child, "local_ts": ["10.64.0.0/10"], "remote_ts": ["10.1.0.0/24"]}]}]
        return {"gateway": {"control_socket": str(self.lab.directory / f"gw-{'ab'[side]}.sock"), "idle_sleep_us": 20, "max_sas": max(4096, 3 * self.tunnels)},
                "ports": [{"name": "lan", "device": "net_af_packet0", "role": "protected", "addresses": [f"{lan}.1/24"]},
                          {"name": "wan", "device": "net_af_packet1", "role": "unprotected", "addresses": [f"{mine}/24"]}],
                "routes": [{"prefix": "10.1.0.0/24", "via": other, "port": "wan"}] * side + [{"prefix": "10.64.0.0/10", "via": other if side == 0 else "10.2.0.2", "port": "wan" if side == 0 else "lan"}],
                "connections": connections, "secrets": [{"type": "ike", "secret": SECRET}]}

    def start(self):
        for gateway in reversed(self.ends):
            gateway.start(timeout=60 + self.tunnels // 500)

    def resident_kb(self):
        return [resident_kb(gateway.process.pid) for gateway in self.ends]

    def cpu_ms(self):
        return [cpu_ms(gateway.process.pid, "gw-control") for gateway in self.ends]

    def set_up(self, first, count):
        clients = [ControlSocket(self.ends[0].socket) for _ in range(self.clients)]
        try:
            return in_parallel(clients, count, lambda client, n: client.ask("ike initiate", name=f"t{first + n}"))
        finally:
            for client in clients:
                client.close()

    def count(self):
        return [len(gateway.json("ike", "show")) for gateway in self.ends]

    def rekey(self, count, seconds, rate):
        """Traffic over tunnel 0 for so long, children of all tunnels rekeyed meanwhile. (rekeyings a second, lost, sent)"""
        self.hosts[0].run("ping", "-n", "-c", "5", "-i", "0.1", host(0), check=False)      # neighbours are known
        traffic = ROOT / "tests" / "interop" / "traffic.py"
        receiver = self.hosts[1].start("/usr/bin/python3", traffic, "receive", host(0), 20000, log=(self.lab.directory / "receiver").open("w", encoding="utf-8"))
        time.sleep(0.5)
        sender = self.hosts[0].start("/usr/bin/python3", traffic, "send", host(0), 20000, rate, seconds, log=(self.lab.directory / "sender").open("w", encoding="utf-8"))
        before = self.child_ids()
        clients = [ControlSocket(self.ends[0].socket) for _ in range(self.clients)]
        done = in_parallel(clients, count, lambda client, n: client.ask("ike rekey", name=f"t{n % self.tunnels}/net"))
        for client in clients:
            client.close()
        begin = time.monotonic() - done
        while time.monotonic() - begin < seconds and sum(a != b for a, b in zip(before, self.child_ids())) < min(count, self.tunnels):
            time.sleep(0.2)
        took = time.monotonic() - begin
        sender.wait(seconds + 30)
        time.sleep(0.5)
        for pid in self.hosts[1].pids():
            os.kill(pid, signal.SIGTERM)
        receiver.wait(20)
        sent = int((self.lab.directory / "sender").read_text(encoding="utf-8"))
        distinct = int((self.lab.directory / "receiver").read_text(encoding="utf-8").split()[2])
        # What the kernel lost before a port of ours saw it is no drop of the gateway's: a busy machine does that.
        self.dropped = [{row["reason"]: row["packets"] for row in gateway.json("drops")} | {"missed by " + row["name"]: row["rx_missed"] for row in gateway.json("port", "show")}
                        for gateway in self.ends]
        return min(count, self.tunnels) / took, sent - distinct, sent

    def child_ids(self):
        return [max((c["id"] for c in row["children"]), default=0) for row in self.ends[0].json("ike", "show")]

    def stop(self):
        for gateway in self.ends:
            gateway.stop(timeout=30)


class StrongSwans:
    """The same with two charons. Each tunnel has its own network on both sides: kernel-libipsec makes a route of each, which takes it most of the
    time, so this is the rate of strongSwan as it can be tried without ESP in the kernel, not the most its IKE can do."""

    name = "strongSwan"
    clients = 3     # each takes one of its threads while it waits

    def __init__(self, the_lab, tunnels):
        self.lab, self.tunnels, self.peers = the_lab, tunnels, []
        ns = [the_lab.namespace(f"ss-{side}") for side in "ab"]
        the_lab.wire((ns[0], "wan"), (ns[1], "wan"))
        for side in (0, 1):
            ns[side].ip("address", "add", f"{OUTER[side]}/24", "dev", "wan")
            batch = the_lab.directory / f"addresses-{side}"      # kernel-libipsec wants an address of ours in each selector
            batch.write_text("".join(f"address add {host(n, 64 if side else 192)}/32 dev lo\n" for n in range(tunnels)), encoding="utf-8")
            ns[side].run("ip", "-batch", batch)
            settings = ("install_routes = no", "half_open_timeout = 30", "block_threshold = 0", "cookie_threshold = 0", "cookie_threshold_ip = 0", "init_limit_half_open = 0", "threads = 48", "ikesa_table_size = 1024",
                        "ikesa_table_segments = 16")
            self.peers.append(strongswan.Peer(the_lab, f"ss-{'ab'[side]}", self.config(side), settings))

    def config(self, side):
        common = f"version = 2\n mobike = no\n local_addrs = {OUTER[side]}\n remote_addrs = {OUTER[1 - side]}\n proposals = {IKE}\n"
        if side == 0:
            connections = "".join(f"t{n} {{\n {common} local {{ auth = psk\n id = t{n}@bench.example }}\n remote {{ auth = psk\n id = b.bench.example }}\n"
                                  f" children {{ net{n} {{ local_ts = {host(n, 192)}/32\n remote_ts = {host(n)}/32\n esp_proposals = {ESP} }} }} }}\n" for n in range(self.tunnels))
        else:
            connections = (f"all {{\n {common} unique = never\n local {{ auth = psk\n id = b.bench.example }}\n remote {{ auth = psk\n id = *@bench.example }}\n"
                           f" children {{ net {{ local_ts = 10.64.0.0/10\n remote_ts = 10.192.0.0/10\n esp_proposals = {ESP} }} }} }}\n")
        return f"connections {{\n{connections}}}\nsecrets {{ ike-1 {{ secret = \"{SECRET}\" }} }}\n"

    def start(self):
        for peer in reversed(self.peers):
            peer.start(timeout=60)

    def resident_kb(self):
        return [resident_kb(peer.process.pid) for peer in self.peers]

    def cpu_ms(self):
        return [cpu_ms(peer.process.pid) for peer in self.peers]

    def set_up(self, first, count):
        clients = [vici.Client(self.peers[0].directory / "vici") for _ in range(self.clients)]

        def initiate(client, number):
            answer = client.call("initiate", {"child": f"net{first + number}", "timeout": 20000, "loglevel": -1})
            if answer.get("success") != "yes":
                raise Failed(f"strongSwan: tunnel {first + number}: {answer.get('errmsg')}\n{self.peers[0].text()[-1500:]}\n{self.peers[1].text()[-1500:]}")

        try:
            return in_parallel(clients, count, initiate)
        finally:
            for client in clients:
                client.close()

    def count(self):
        return [len(peer.sas()) for peer in self.peers]

    def stop(self):
        for peer in self.peers:
            peer.kill()


def measure(pair, tunnels):
    """{rate, kb_each} of so many tunnels, after some that warm up."""
    warm = min(20, tunnels // 4)
    pair.set_up(0, warm)
    before, cpu_before = pair.resident_kb(), pair.cpu_ms()
    seconds = pair.set_up(warm, tunnels - warm)
    after, cpu_after = pair.resident_kb(), pair.cpu_ms()
    time.sleep(0.5)
    up = pair.count()
    if up != [tunnels, tunnels]:
        raise Failed(f"{pair.name}: {up} IKE SAs are up, not {tunnels} on each side")
    return {"tunnels": tunnels, "per_second": round((tunnels - warm) / seconds, 1),
            "cpu_ms_each": [round((b - a) / (tunnels - warm), 3) for a, b in zip(cpu_before, cpu_after)],
            "kb_each": [round((b - a) / (tunnels - warm), 1) for a, b in zip(before, after)], "resident_mb": [round(b / 1024) for b in after]}


def line(name, row):
    return (f"{name:<11} {row['tunnels']:>7} tunnels  {row['per_second']:>8.1f} a second  {row['cpu_ms_each'][0]:.2f} and {row['cpu_ms_each'][1]:.2f} ms of CPU each  {row['kb_each'][0]:>6.1f} and {row['kb_each'][1]:.1f} KB each "
            f"(initiator, responder)  {row['resident_mb'][0]} and {row['resident_mb'][1]} MB in all")


def run(args):
    builder = builds.Builder(ROOT, ROOT / "build" / "logs", len(os.sched_getaffinity(0)))
    builder.configure("gcc")
    builder.compile("gcc", builder.targets_under("gcc", "app") + builder.targets_under("gcc", "tools"))
    the_lab = lab.Lab(f"benchike{os.getpid()}")
    the_lab.open()
    results = {}
    try:
        ours = Gateways(the_lab, builder.directory("gcc"), args.tunnels)
        ours.start()
        results["ipsec-gw"] = measure(ours, args.tunnels)
        print(line(ours.name, results["ipsec-gw"]), flush=True)
        if args.rekeys:
            rate, lost, sent = ours.rekey(args.rekeys, args.seconds, args.rate)
            results["rekeys"] = {"per_second": round(rate, 1), "lost": lost, "sent": sent}
            print(f"{'':<11} {rate:.1f} child rekeyings a second under {args.rate} packets a second: {lost} of {sent} lost"
                  + (f"; dropped: {ours.dropped}" if lost else ""), flush=True)
        ours.stop()
        if args.strongswan:
            theirs = StrongSwans(the_lab, args.strongswan)
            theirs.start()
            results["strongswan"] = measure(theirs, args.strongswan)
            theirs.stop()
            print(line(theirs.name, results["strongswan"]), flush=True)
            results["ratio"] = round(results["ipsec-gw"]["per_second"] / results["strongswan"]["per_second"], 2)
            print(f"{'':<11} {results['ratio']} times strongSwan's rate in the same run", flush=True)
    finally:
        the_lab.close()
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    return 0


def main():
    parser = argparse.ArgumentParser(prog="tools/bench-ike", description="Tunnels per second by IKE, memory of each, rekeyings under traffic; PSK, x25519, AES-128-GCM.")
    parser.add_argument("--tunnels", type=int, default=1000, help="of ipsec-gw (default: 1000)")
    parser.add_argument("--strongswan", type=int, default=500, help="tunnels of the strongSwan pair, 0 for none (default: 500)")
    parser.add_argument("--rekeys", type=int, default=1000, help="child rekeyings under traffic, 0 for none (default: 1000)")
    parser.add_argument("--seconds", type=float, default=5, help="of traffic (default: 5)")
    parser.add_argument("--rate", type=int, default=20000, help="packets of traffic a second (default: 20000)")
    parser.add_argument("--json", type=pathlib.Path, help="write the results here")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        return run(args)
    except (Failed, lab.LabError, builds.BuildError, OSError) as error:
        print(f"bench-ike: failed: {error}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
