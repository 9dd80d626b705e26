"""What gwctl shows of packets: traces, captures, the way a packet would take, a live picture."""

import contextlib
import os
import pty
import re
import select
import subprocess
import termios
import time

import gateways
from kinds import KINDS, SOFTWARE
from net import ESP, IP, UDP, Raw, check

GATEWAY = gateways.METRICS

_serial = iter(range(20000, 60000))


def _fresh(net, **fields):
    """A packet of a flow that was never seen."""
    packet = net.out4("site", **fields)
    packet[UDP].sport = next(_serial)
    return packet


def _watch(net, words, send, seconds=15):
    """Runs a gwctl that waits for packets, and sends until it has what it wants: (its output, what it says)."""
    gateway = net.gateway
    command = [str(gateway.gwctl), "--socket", str(gateway.socket), *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + seconds
        time.sleep(0.2)
        while process.poll() is None and time.monotonic() < until:
            send()
            time.sleep(0.1)
        out, err = process.communicate(timeout=5)
        check(process.returncode == 0, f"{' '.join(command)}: {process.returncode}: {out}{err}")
        return out, err
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _without_what_varies(text):
    text = re.sub(r"(?m)^( *\d+) +\d+\.\d+  ", r"\1  ", text)
    text = re.sub(r"sequence \d+", "sequence N", text)
    return re.sub(r"udp \d+ > 5000", "udp P > 5000", text)


OUT = """\
   1  received    on lan: 10.1.0.2 > 10.2.1.9 udp P > 5000, 106 bytes
   1  policy-out  policy site
   1  to-seal     by SA site-out (0x00002001)
   1  sealed      by SA site-out (0x00002001), sequence N: 192.0.2.1 > 192.0.2.2 esp spi 0x00002001, 148 bytes
   1  sent        on wan: 192.0.2.1 > 192.0.2.2 esp spi 0x00002001, 162 bytes
"""

IN = """\
   1  received    on wan: 192.0.2.2 > 192.0.2.1 esp spi 0x00001001, 162 bytes
   1  to-open     by SA site-in (0x00001001), sequence N
   1  opened      authentic, not seen before, out of SA site-in (0x00001001): 10.2.1.9 > 10.1.0.2 udp P > 4000, 92 bytes
   1  sent        on lan: 10.2.1.9 > 10.1.0.2 udp P > 4000, 106 bytes
"""


def case_trace_follows_a_packet_out(net):
    """Point by point: what came in, which policy, which SA, what left."""
    net.skip_in([k for k in KINDS if k != SOFTWARE], "the words for a port's work differ")
    out, err = _watch(net, ["trace", "start", "--count", 1, "src", gateways.HOST4, "proto", "udp"], lambda: net.lan.send(_fresh(net)))
    check(_without_what_varies(out) == OUT, f"\n{out}{err}")


def case_trace_follows_a_packet_in(net):
    """The same from the other side, by what it is in clear: the ESP it came in is followed from where it is opened; or by the SPI, from the start."""
    net.skip_in([k for k in KINDS if k != SOFTWARE], "the words for a port's work differ")
    end = net.to_gateway("site")

    def send():
        packet = net.in4("site")
        packet[UDP].sport = next(_serial)
        net.wan.send(end.seal(packet))
    out, err = _watch(net, ["trace", "start", "--count", 1, "spi", "0x1001"], send)
    text = re.sub(r"udp \d+ > 4000", "udp P > 4000", _without_what_varies(out))
    check(text == IN, f"\n{out}{err}")
    out, err = _watch(net, ["trace", "start", "--count=1", "dst", gateways.HOST4], send)
    text = re.sub(r"udp \d+ > 4000", "udp P > 4000", _without_what_varies(out))
    check(text == "".join(IN.splitlines(keepends=True)[2:]), f"\n{out}{err}")


def case_trace_says_why_packets_are_dropped(net):
    """The reason and what to do about it: of packets that are followed, and of whatever is dropped for a reason."""
    def send():
        net.lan.send(IP(src=gateways.HOST4, dst="10.5.0.9") / UDP(sport=next(_serial), dport=2) / Raw(net.payload()))
    for words in (["dst", "10.5.0.0/16"], ["drop", "no-policy"], ["drop", "any", "dst", "10.5.0.9"]):
        out, err = _watch(net, ["trace", "start", "--count", 1, *words], send)
        last = out.splitlines()[-1]
        check("dropped     no-policy: No policy matches, so the packet is discarded (RFC 4301 section 5.1)" in last, f"{words}:\n{out}{err}")
    check("received" not in out, f"a trace of drops shows more:\n{out}")


def case_trace_writes_pcapng_that_tshark_reads(net):
    """Each point is a packet of the file, on an interface of its own, with what is said of it as a comment."""
    path = net.gateway.lab.directory / "trace.pcapng"
    out, err = _watch(net, ["trace", "start", "--count", 2, "--write", path, "src", gateways.HOST4, "proto", "udp"], lambda: net.lan.send(_fresh(net)))
    rows = _tshark(path, "frame.interface_name", "ip.src", "frame.comment")
    check(len(rows) == len(out.splitlines()), f"{rows}\n{out}")
    check(rows[0][0] == "received lan" and rows[0][1].startswith(gateways.HOST4), f"{rows[0]}")
    check(rows[0][2].startswith("packet 1: received    on lan: 10.1.0.2"), f"{rows[0]}")
    check({r[0] for r in rows} >= {"received lan", "policy-out", "to-seal", "sent wan"}, f"{rows}")
    for pair in net.pairs.values():
        blob = path.read_bytes()
        check(pair.key_in not in blob and pair.key_out not in blob, "a key is in the file")


def _tshark(path, *fields):
    done = subprocess.run(["tshark", "-r", str(path), "-T", "fields", "-E", "separator=|", *(w for f in fields for w in ("-e", f))],
                          capture_output=True, text=True, timeout=30, check=False)
    check(done.returncode == 0, f"tshark: {done.stderr}")
    return [line.split("|") for line in done.stdout.splitlines()]


def case_capture_both_sides_of_esp(net):
    """Packets before sealing in clear, behind it as ESP that the peer's key opens."""
    net.skip_in([k for k in KINDS if k != SOFTWARE], "where the port seals, there is no ESP in the gateway")
    directory = net.gateway.lab.directory
    for side, names in (("clear", {"to-seal"}), ("cipher", {"sealed"}), ("both", {"to-seal", "sealed"}), ("frames", {"received lan", "sent wan"})):
        path = directory / f"{side}.pcapng"
        _, err = _watch(net, ["capture", side, "--count", 4, "--write", path], lambda: net.lan.send(_fresh(net)))
        check(err == "gwctl: 4 packets captured\n", f"{side}: {err}")
        rows = _tshark(path, "frame.interface_name", "ip.proto", "frame.len")
        check(len(rows) == 4 and {r[0] for r in rows} <= names, f"{side}: {rows}")
        if side == "clear":
            check(all(r[1] == "17" for r in rows), f"{rows}")
        if side == "cipher":
            check(all(r[1] == "50" for r in rows), f"{rows}")
            from scapy.utils import rdpcap
            opened = [net.from_gateway("site").open(p) for p in rdpcap(str(path))]
            check(all(p[IP].src == gateways.HOST4 for p in opened), "the peer cannot open it")


def case_one_session_at_a_time(net):
    """A second session is refused; when the first one's client goes, so does the session."""
    gateway = net.gateway
    first = subprocess.Popen([str(gateway.gwctl), "--socket", str(gateway.socket), "trace", "start", "dst", "203.0.113.1"], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 5
        while True:
            second = gateway.ask("trace", "start", "--count", "1", "nonsense", "1", check=False)
            check(second.returncode == 1 and "no such word" in second.stderr, f"{second}")
            second = subprocess.run([str(gateway.gwctl), "--socket", str(gateway.socket), "capture", "-j", "clear", "--count", "1", "dst", "203.0.113.1"],
                                    capture_output=True, text=True, timeout=3, check=False) if time.monotonic() > until - 4.5 else None
            if second is not None:
                break
            time.sleep(0.1)
        check(second.returncode == 1 and second.stderr == "gwctl: somebody traces or captures already (one session at a time: end the other)\n", f"{second}")
    finally:
        first.kill()
        first.wait()
    time.sleep(0.3)
    out, err = _watch(net, ["trace", "start", "--count", 1, "src", gateways.HOST4], lambda: net.lan.send(_fresh(net)))
    check("received" in out, f"{out}{err}")


EXPLAINED = """\
verdict              sealed
why                  -
in-sas               -
policy               site: protect
sa                   site-out
spi                  0x00002001
peer                 192.0.2.2
algorithm            aes128gcm16
offload              software: as configured
"""


def case_explain_agrees_with_what_happens(net):
    """What explain says of a packet is what becomes of it, in each direction; nothing is sent or counted."""
    gateway = net.gateway
    before = {r["spi"]: r["packets"] for r in gateway.json("sa", "show")}
    told = gateway.json("explain", "out", "src", gateways.HOST4, "dst", net.pair("site").far4(), "proto", "udp", "sport", "4000", "dport", "5000", "length", "92")
    check({r["spi"]: r["packets"] for r in gateway.json("sa", "show")} == before, "something was counted")
    net.lan.send(net.out4("site"))
    packet = net.esp_arrives()[0]
    check((told["verdict"], told["spi"], told["port"], told["neighbour"]) == ("sealed", f"0x{packet[ESP].spi:08x}", "wan", gateways.WAN_MAC), f"{told}")
    check(told["wire_bytes"] == packet.len, f"{told['wire_bytes']} bytes said, {packet.len} sent")
    if net.kind == SOFTWARE:
        text = gateway.ask("explain", "out", "src", gateways.HOST4, "dst", net.pair("site").far4()).stdout
        check(text.startswith(EXPLAINED), f"\n{text}")
    told = gateway.json("explain", "out", "src", gateways.HOST4, "dst", "10.5.0.9")
    check((told["verdict"], told["reason"]) == ("dropped", "no-policy"), f"{told}")
    told = gateway.json("explain", "in", "src", net.pair("site").far4(), "dst", gateways.HOST4)
    check((told["verdict"], told["inbound_sas"], told["port"]) == ("forwarded in clear", ["site-in"], "lan"), f"{told}")
    told = gateway.json("explain", "in-clear", "src", net.pair("site").far4(), "dst", gateways.HOST4)
    check((told["verdict"], told["reason"]) == ("dropped", "clear-text"), f"{told}")
    told = gateway.json("explain", "out", "src", gateways.HOST4, "dst", net.pair("site").far4(), "length", "1500")
    check(told["too_big"] and 1400 < told["inner_mtu"] < 1500, f"{told}")


def case_tunnels_are_listed(net):
    """The SAs of a tunnel under its name, both directions."""
    net.lan.send(net.out4("site"))
    net.esp_arrives()
    rows = {(r["name"], r["direction"]): r for r in net.gateway.json("tunnel", "show")}
    check(set(rows) == {("to-site", "in"), ("to-site", "out"), ("other-in", "in"), ("other-out", "out")}, f"{rows}")
    check(rows["to-site", "out"]["packets"] == net.sa(net.pair("site").spi_out)["packets"], f"{rows}")


def case_top_draws_one_picture(net):
    """gwctl top --once fits a terminal of 80 by 24 and shows tunnels, ports and workers."""
    out = net.gateway.ask("top", "--once", "--interval", "0.2").stdout
    lines = out.splitlines()
    check(len(lines) <= 24 and max(map(len, lines)) <= 80, f"\n{out}")
    for word in ("ipsec-gw ", "PORT ", "lan ", "WORKER ", "TUNNEL ", "to-site "):
        check(any(line.startswith(word) for line in lines), f"no {word}in\n{out}")


def case_top_lives_in_a_terminal(net):
    """On a terminal it draws again and again, and q ends it and gives the terminal back."""
    gateway = net.gateway
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(ours, (24, 80))
    process = subprocess.Popen([str(gateway.gwctl), "--socket", str(gateway.socket), "top", "--interval", "0.2"], stdin=theirs, stdout=theirs, stderr=theirs)
    os.close(theirs)
    text, until = b"", time.monotonic() + 10
    try:
        while text.count(b"TUNNEL") < 3 and time.monotonic() < until:
            text += os.read(ours, 65536)
        os.write(ours, b"q")
        with contextlib.suppress(OSError):      # the other side is closed
            while select.select([ours], [], [], max(0, until - time.monotonic()))[0]:
                text += os.read(ours, 65536)
        process.wait(5)
        check(process.poll() == 0 and b"\x1b[?1049h" in text and text.rstrip().endswith(b"\x1b[?25h\x1b[?1049l"), f"{process.poll()} {text[-200:]}")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(ours)
