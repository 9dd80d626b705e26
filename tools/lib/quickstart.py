#!/usr/bin/python3
"""The demonstration behind tools/quickstart: two hosts, two gateways, and a look at the wire between them."""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import builds
import lab
import strongswan
import tunnel_pair

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "logs"
PINGS = 20
TCP_SECONDS = 3

# What may be on the wire beside ESP: address resolution. Everything else that is IP would be a leak.
NOT_IP = "arp or (icmp6 and ip6[40] >= 133 and ip6[40] <= 137)"
ESP = "ip proto 50 or ip6 proto 50"
# IKE, and ESP in UDP that is told from IKE by the first four bytes (RFC 3948 section 2.2).
IKE = "udp port 500 or (udp port 4500 and (udp[4:2] = 9 or udp[8:4] = 0))"
ESP_IN_UDP = "udp port 4500 and udp[4:2] > 9 and udp[8:4] != 0"

PICTURE = """
  host-a                 gw-a                            gw-b                host-b
  10.1.0.2 ---- 10.1.0.1  198.51.100.1 ==ESP== 198.51.100.2  10.2.0.1 ---- 10.2.0.2
  fd00:1::2 --- fd00:1::1                                    fd00:2::1 --- fd00:2::2
"""


class Failed(Exception):
    """The demonstration did not show what it should; the message is the reason."""


def step(text):
    print(f"== {text}", flush=True)


def needs_model_nic(offload):
    return offload not in (None, "lookaside")


def build(offload):
    """ipsec-gw and gwctl, in the folder tools/test uses too; for an offload the model NIC's driver as well."""
    if needs_model_nic(offload) and lab.sh(ROOT / "tools" / "driver-headers", check=False, timeout=180).returncode != 0:
        raise Failed("no DPDK driver headers: tools/driver-headers says why")
    builder = builds.Builder(ROOT, LOGS, len(os.sched_getaffinity(0)))
    builder.configure("gcc")
    builder.compile("gcc", ["build.ninja"])
    builder.compile("gcc", builder.targets_under("gcc", "app") + builder.targets_under("gcc", "tools") + builder.targets_under("gcc", "drivers"))
    return builder.directory("gcc")


def driver_file(the_lab, directory):
    """The model NIC's driver, where EAL loads it from: never below a folder that everybody may write to, as a clone may be."""
    built = directory / "drivers" / "net" / "inline_ipsec" / "librte_net_inline_ipsec.so"
    if not built.exists():
        raise Failed("the model NIC's driver was not built: run tools/driver-headers, then again")
    return shutil.copy2(built, the_lab.directory / built.name)


def make_lab(the_lab, directory, args):
    """Namespaces, wires, both gateways running. Returns (host_a, host_b, [gateway, ...], peer or None)."""
    host_a, host_b = the_lab.namespace("host-a"), the_lab.namespace("host-b")
    gw_a, gw_b = the_lab.gateway_namespace("gw-a"), the_lab.gateway_namespace("gw-b")
    the_lab.wire((host_a, "eth0"), (gw_a, "lan"))
    the_lab.wire((gw_a, "wan"), (gw_b, "wan"))
    the_lab.wire((gw_b, "lan"), (host_b, "eth0"))
    for host, addresses, routers in ((host_a, tunnel_pair.HOST_A, tunnel_pair.GATEWAY_A), (host_b, tunnel_pair.HOST_B, tunnel_pair.GATEWAY_B)):
        for address, router in zip(addresses, routers):
            host.ip("address", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))
            host.ip("route", "add", "default", "via", router)
    cpus = sorted(os.sched_getaffinity(0))
    pair = []
    driver = driver_file(the_lab, directory) if needs_model_nic(args.offload) else None
    devices = [tunnel_pair.CRYPTO_DEVICE] if args.offload == "lookaside" else []
    make_configs = tunnel_pair.ike_configs(the_lab.directory) if args.ike else tunnel_pair.configs(the_lab.directory, args.offload)
    for role, config, cpu in zip(("gw-a",) if args.peer else ("gw-a", "gw-b"), make_configs, (cpus[0], cpus[-1])):
        if args.peer:
            config = tunnel_pair.without_esn(config)
        gateway = lab.Gateway(the_lab, role, directory / "app" / "ipsec-gw", directory / "tools" / "gwctl" / "gwctl", config, ("lan", "wan"), cpus=[cpu],
                              inline_ipsec=driver, devices=devices)
        gateway.start()
        print(f"{role}: " + " ".join(str(w) for w in gateway.command()))
        pair.append(gateway)
    return host_a, host_b, pair, make_strongswan(the_lab, gw_b) if args.peer else None


def make_strongswan(the_lab, ns):
    """strongSwan as gateway B, configured for what the sample of gateway A says."""
    ns.ip("address", "add", f"{tunnel_pair.GATEWAY_B[0]}/24", "dev", "lan")
    ns.ip("address", "add", "198.51.100.2/24", "dev", "wan")
    ns.run("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
    peer = strongswan.Peer(the_lab, "gw-b", tunnel_pair.strongswan_config())
    peer.start()
    print(f"gw-b: strongSwan, {peer.config}")
    return peer


def _address(with_length):
    return with_length.split("/")[0]


class Capture:
    """tcpdump on one end of the wire between the gateways. The kernel filters, so a busy wire does not hide a leak.

    Each end shows what arrives there: what a gateway sends passes by the taps of its own end (af_packet's queueing bypass).
    """

    def __init__(self, ns, filter_, path):
        self.path = path
        self.process = subprocess.Popen(ns.command("tcpdump", "-i", "wan", "-n", "-s", "128", "-B", "16384", "-U", "-Z", "root", "-Q", "in", "-w", path, filter_),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
        line = self.process.stderr.readline()     # "tcpdump: listening on wan, ..."
        if "listening" not in line:
            raise Failed(f"tcpdump: {line.strip()}")

    def count(self):
        """Ends the capture: packets that matched, those that did not fit its buffer included."""
        self.process.send_signal(signal.SIGINT)
        _, text = self.process.communicate(timeout=20)
        numbers = {word: int(n) for n, word in re.findall(r"^(\d+) packets? (captured|received by filter|dropped by kernel)", text, re.MULTILINE)}
        if "received by filter" not in numbers:
            raise Failed(f"tcpdump: {text.strip()}")
        return max(numbers["received by filter"], numbers["captured"])


def ping(host, address):
    """(received, sent) of PINGS echo requests."""
    done = host.run("ping", "-n", "-c", PINGS, "-i", "0.05", "-W", "2", address, check=False)
    match = re.search(r"(\d+) packets transmitted, (\d+) received", done.stdout)
    if not match:
        raise Failed(f"ping {address}: {(done.stdout + done.stderr).strip()}")
    print(done.stdout.strip().splitlines()[-2])
    return int(match.group(2)), int(match.group(1))


def tcp(client, server, address):
    """Mbit/s of one TCP connection, as the receiver saw it."""
    listener = server.start("iperf3", "--server", "--one-off", "--bind", address)
    try:
        for _ in range(50):
            if address in server.run("ss", "-Hltn", "sport = :5201").stdout:
                break
            time.sleep(0.1)
        done = client.run("iperf3", "--client", address, "--time", TCP_SECONDS, "--connect-timeout", "5000", "--json", check=False, timeout=TCP_SECONDS + 30)
        result = json.loads(done.stdout)
    except ValueError as error:
        raise Failed(f"iperf3: {done.stdout[:200]} {done.stderr[:200]}") from error
    finally:
        listener.terminate()
        listener.wait()
    if "error" in result:
        raise Failed(f"iperf3: {result['error']}")
    return result["end"]["sum_received"]["bits_per_second"] / 1e6


def bring_up(gateway):
    """The connection of the sample, as an operator would."""
    step(f"gwctl ike initiate {tunnel_pair.CONNECTION} (gateway A)")
    done = gateway.ask("ike", "initiate", tunnel_pair.CONNECTION, check=False)
    print((done.stdout or done.stderr).rstrip())
    if done.returncode != 0:
        raise Failed(f"IKE did not come up: {done.stderr.strip()}\n{gateway.log.read_text(errors='replace')}")


def demonstrate(the_lab, directory, args):
    """Everything with traffic in it. Returns the last line and whether all of it is true."""
    offload = args.offload
    step("two hosts, two gateways" + PICTURE)
    host_a, host_b, gateways, _ = make_lab(the_lab, directory, args)
    gw_a = gateways[0]
    ends = {role: the_lab.namespaces[role] for role in ("gw-a", "gw-b")}
    esp_filter = f"({ESP}) or ({ESP_IN_UDP})" if args.peer else ESP
    other = f"({NOT_IP}) or ({IKE})" if args.ike else NOT_IP
    esp = [Capture(ns, esp_filter, the_lab.directory / f"esp-to-{role}.pcap") for role, ns in ends.items()]
    plain = [Capture(ns, f"not ({esp_filter}) and not ({other})", the_lab.directory / f"plaintext-to-{role}.pcap") for role, ns in ends.items()]
    if args.ike:
        bring_up(gw_a)
    step(f"{PINGS} pings from host-a to host-b" + (", IPv4" if args.ike else ", IPv4 and IPv6"))     # of which the sample with IKE has none
    received, sent = ping(host_a, _address(tunnel_pair.HOST_B[0]))
    received6, sent6 = (PINGS, PINGS) if args.ike else ping(host_a, _address(tunnel_pair.HOST_B[1]))
    step(f"TCP for {TCP_SECONDS} s")
    rate = tcp(host_a, host_b, _address(tunnel_pair.HOST_B[0]))
    print(f"{rate:.0f} Mbit/s")
    esp_packets, plain_packets = sum(c.count() for c in esp), sum(c.count() for c in plain)
    if args.ike:
        step("gwctl ike show (gateway A)")
        print(gw_a.ask("ike", "show").stdout.rstrip())
    step("gwctl sa show (gateway A)")
    print(gw_a.ask("sa", "show").stdout.rstrip())
    step("gwctl drops (gateway A)")
    print(gw_a.ask("drops").stdout.rstrip())
    line = (f"{received}/{sent} pings, {sent - received} lost, ESP packets {esp_packets}, "
            f"plaintext packets {plain_packets} on the wire, tcp {rate:.0f} Mbit/s")
    # Each ping is one ESP packet each way.
    good = received == sent == PINGS and received6 == sent6 == PINGS and esp_packets >= (2 if args.ike else 4) * PINGS and plain_packets == 0 and rate >= 1
    if offload:
        kinds = {row["offload"] for gateway in gateways for row in gateway.json("sa", "show")}
        line += f", offload {' and '.join(sorted(kinds))}"
        good = good and kinds == {tunnel_pair.OFFLOADS[offload]}
    if args.ike:
        line += f", IKE with {'strongSwan' if args.peer else 'ipsec-gw'}"
    if received6 != PINGS:
        line += f"; IPv6 {received6}/{sent6} pings"
    if plain_packets:
        for capture in plain:
            print(f"--- in clear on the wire\n{lab.sh('tcpdump', '-n', '-c', '10', '-r', capture.path, check=False).stdout.rstrip()}")
    if not good:
        for gateway in gateways:
            print(f"--- {gateway.role}: drops\n{gateway.ask('drops', check=False).stdout}--- {gateway.role}: log\n"
                  + "\n".join(gateway.log.read_text(errors="replace").splitlines()[-20:]))
    return line, good


def how_to_look_around(the_lab, directory):
    gwctl = directory / "tools" / "gwctl" / "gwctl"
    host, gateway = the_lab.namespaces["host-a"].name, the_lab.namespaces["gw-b"].name
    print(f"""
It keeps running. Look around:
  {gwctl} --socket {the_lab.directory}/gw-a.sock sa show        # also: policy show, port show, route show, drops, stats; -j for JSON
  ip netns exec {host} ping 10.2.0.2
  ip netns exec {gateway} tcpdump -n -i wan                   # the wire between the gateways
  less {the_lab.directory}/gw-a.cfg                              # its configuration; gw-a.log is what it says
Stop it:
  tools/quickstart --stop{'' if the_lab.name == 'quickstart' else ' --name ' + the_lab.name}
""")


def run(args):
    kept = False
    try:
        the_lab = lab.Lab(args.name)
        the_lab.open()
        try:
            step("build")
            directory = build(args.offload)
            line, good = demonstrate(the_lab, directory, args)
            if args.keep and good:
                the_lab.keep()
                kept = True
                how_to_look_around(the_lab, directory)
        finally:
            if not kept:
                the_lab.close()
    except (lab.LabError, builds.BuildError, Failed) as error:
        first, *details = str(error).splitlines()
        print("\n".join([*details, f"quickstart: failed: {first}"]), flush=True)
        return 1
    print(f"quickstart: {'ok' if good else 'failed'}: {line}", flush=True)
    return 0 if good else 1


def main():
    parser = argparse.ArgumentParser(prog="tools/quickstart", description="Two gateways on this machine, traffic through the tunnel, a look at the wire.")
    parser.add_argument("--keep", action="store_true", help="leave it running and say how to look around")
    parser.add_argument("--stop", action="store_true", help="take down what --keep left")
    parser.add_argument("--offload", choices=sorted(tunnel_pair.OFFLOADS), help="put the SAs into a model NIC on the unprotected side, or their ciphers into a crypto device (lookaside)")
    parser.add_argument("--ike", action="store_true", help="SAs by IKE instead of keys in the files")
    parser.add_argument("--peer", choices=["strongswan"], help="what gateway B is, with --ike (default: ipsec-gw)")
    parser.add_argument("--name", default="quickstart", help="of the lab, when several run side by side")
    args = parser.parse_args()
    if args.peer and not args.ike or args.ike and args.offload:
        parser.error("--peer goes with --ike, and --ike without --offload")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    if args.stop:
        lab.take_down(args.name)
        print(f"quickstart: stopped '{args.name}'")
        return 0
    try:
        return run(args)
    except KeyboardInterrupt:
        print("quickstart: failed: interrupted")
        return 130


if __name__ == "__main__":
    sys.exit(main())
