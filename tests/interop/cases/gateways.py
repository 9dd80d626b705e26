"""ipsec-gw on both sides."""

import pathlib
import subprocess
import time

import lab
from sites import HOST, NET, OUTER, CaseFailed, check, connection, wait_for

KINDS = ("gw", "gw")


def up(both, connections, **options):
    ends = both.start_gateway("a", connections, **options), both.start_gateway("b", connections)
    ends[0].ike("initiate", connections[0]["name"])
    wait_for(lambda: all(is_up(end) for end in ends), lambda: f"{[end.sas() for end in ends]}")
    return ends


def is_up(end, children=1):
    rows = [sa for sa in end.sas() if sa[1] == "ESTABLISHED"]
    return len(rows) == 1 and len([c for c in rows[0][2] if c[1] == "INSTALLED"]) == children


def case_esn_and_both_families_inside(both):
    """ESN with PFS; IPv4 and IPv6 in one child."""
    a, b = up(both, [connection(esp="aes128gcm128-x25519-esn", family=2, local_addrs=[OUTER["a"][0]], remote_addrs=[OUTER["b"][0]])])
    check("esn" in a.rows()[0]["children"][0]["suite"], a.rows()[0]["children"][0]["suite"])
    for family in (0, 1):
        check(both.ping("a", family) == 3 and both.ping("b", family) == 3, f"pings are lost, family {family}")
    check(not a.rows()[0]["nat_local"] and not a.rows()[0]["nat_remote"], "a NAT was found where none is")


def case_ipv6_outside(both):
    """IKE and ESP over IPv6, both families inside."""
    a, b = up(both, [connection(family=2)])
    for family in (0, 1):
        check(both.ping("a", family) == 3 and both.ping("b", family) == 3, f"pings are lost, family {family}")


def case_forced_encapsulation(both):
    """encap = yes: port 4500 and ESP in UDP without a NAT."""
    a, b = up(both, [connection(encap=True)])
    row = a.rows()[0]
    check(row["local"].endswith("[4500]") and row["children"][0]["udp_encapsulation"], f"{row}")
    check(both.ping("a") == 3 and both.ping("b") == 3, "pings are lost")


def case_rekeyings_under_traffic(both):
    """Children and IKE SAs are rekeyed from both sides, at once too, under traffic: 0 lost."""
    a, b = up(both, [connection()])
    check(both.ping("a") == 3, "pings are lost")
    flows = [both.flow("a", rate=2000, seconds=6), both.flow("b", rate=2000, seconds=6)]
    for _ in range(4):
        for name in ("t/net", "t"):
            words = [[end.gateway.gwctl, "--socket", end.gateway.socket, "ike", "rekey", name] for end in (a, b)]
            for done in [subprocess.Popen(w, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for w in words]:
                done.wait(10)
            time.sleep(0.6)
    lost = [flow.lost() for flow in flows]
    check(not any(count for count, _ in lost), both.logs(120) + f"(lost, sent) is {lost}, dropped {a.drops()} {b.drops()}")
    wait_for(lambda: is_up(a) and is_up(b), lambda: f"{a.sas()} {b.sas()}", 20)


def case_lifetimes_rekey_by_themselves(both):
    """rekey_packets: the data path's counters bring rekeyings about, under traffic: 0 lost."""
    a, b = up(both, [connection(child={"rekey_packets": 1000, "life_packets": 20000, "rand_packets": 0})])
    first = a.rows()[0]["children"][0]["id"]
    flow = both.flow("a", rate=1000, seconds=4)
    lost, sent = flow.lost()
    check(lost == 0, f"{lost} of {sent} packets lost, dropped {a.drops()} {b.drops()}")
    check(max(c["id"] for c in a.rows()[0]["children"]) > first, "it was not rekeyed")


def case_port_reset_under_traffic(both):
    """A port that does the children whole forgets them: IKE makes new ones, auto puts them into software, and traffic goes on."""
    a, b = up(both, [connection(child={"hw_offload": "auto"})], model_port="reset_after=400")
    check(a.offloads() == {"full-protocol"}, f"{a.offloads()}")
    flow = both.flow("a", rate=200, seconds=4)
    lost, sent = flow.lost()
    check(0 < lost < sent / 2, f"{lost} of {sent} packets lost, dropped {a.drops()} {b.drops()}")
    wait_for(lambda: is_up(a) and is_up(b), lambda: f"{a.sas()} {b.sas()}", 20)
    check(a.offloads() == {"software"}, f"{a.offloads()}")
    check(both.ping("a") == 3 and both.ping("b") == 3, "pings are lost")


def case_several_children(both):
    """Two children of one connection: the second uses the IKE SA of the first."""
    children = [{"name": name, "local_ts": [NET["a"][f]], "remote_ts": [NET["b"][f]], "esp_proposals": ["aes128gcm16"]} for f, name in enumerate(("four", "six"))]
    a, b = both.start_gateway("a", [connection(children=children)]), both.start_gateway("b", [connection(children=children)])
    a.ike("initiate", "t/four")
    a.ike("initiate", "t/six")
    check(is_up(a, 2) and is_up(b, 2), f"{a.sas()} {b.sas()}")
    check(both.ping("a", 0) == 3 and both.ping("a", 1) == 3, "pings are lost")
    a.ike("terminate", "t/four")
    wait_for(lambda: is_up(b, 1), lambda: f"{b.sas()}")
    check(both.ping("a", 0, 2) == 0 and both.ping("a", 1) == 3, "the wrong child went")


def case_wireshark_reads_it_with_the_saved_keys(both):
    """--save-keys: tshark decrypts IKE_AUTH and CREATE_CHILD_SA, checks their ICVs, and decrypts ESP."""
    keys = both.lab.directory / f"keys{both.counter}"
    # Each end shows what arrives there: what a gateway sends passes by the taps of its own end.
    captures = [both.lab.directory / f"ike{both.counter}-{side}.pcap" for side in "ab"]
    dumps = [subprocess.Popen(both.ns[side].command("tcpdump", "--immediate-mode", "-i", "wan", "-n", "-U", "-Z", "root", "-Q", "in", "-w", path, "udp or esp"), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True) for side, path in zip("ab", captures)]
    for dump in dumps:
        check("listening" in dump.stderr.readline(), "tcpdump does not listen")
    a, _ = up(both, [connection()], words=["--save-keys", keys])
    a.ike("rekey", "t/net")
    check(both.ping("a") == 3, "pings are lost")
    time.sleep(0.3)
    for dump in dumps:
        dump.terminate()
        dump.communicate(timeout=10)
    capture = both.lab.directory / f"ike{both.counter}.pcap"
    lab.sh("mergecap", "-w", capture, *captures)
    profile = both.lab.directory / f"wireshark{both.counter}"
    profile.mkdir()
    (profile / "ikev2_decryption_table").write_bytes(keys.read_bytes())
    (profile / "esp_sa").write_bytes(pathlib.Path(f"{keys}.esp").read_bytes())
    words = ["env", f"WIRESHARK_CONFIG_DIR={profile}", "tshark", "-r", capture, "-o", "esp.enable_encryption_decode:TRUE", "-V"]
    text = lab.sh(*words, timeout=60).stdout
    for what in ("Payload: Identification - Initiator", "Payload: Authentication", "Exchange type: CREATE_CHILD_SA", "Payload: Traffic Selector - Initiator"):
        check(what in text, f"tshark does not show {what!r}")
    check("[correct]" in text and "incorrect, should be" not in text, "an ICV is not what tshark computes")
    check("Internet Control Message Protocol" in text, "ESP was not decrypted")
    check("KEYS OF ALL" in a.text(), "the log does not shout")


def case_transport_for_vxlan(both):
    """Transport mode with selectors [udp/4789]: the gateways' own host pair on the LAN side is what they protect."""
    child = {"name": "net", "mode": "transport", "local_ts": [f"{OUTER['a'][0]}/32[udp/4789]"], "remote_ts": [f"{OUTER['b'][0]}/32[udp/4789]"],
             "esp_proposals": ["aes128gcm128-x25519-esn"]}
    a, b = up(both, [connection(children=[child])])
    row = a.rows()[0]["children"][0]
    check(row["mode"] == "transport" and row["local_ts"] == [f"{OUTER['a'][0]}/32[udp/4789]"], f"{row}")


def case_ike_over_a_dead_wire_ends(both):
    """Nobody answers: gwctl can be interrupted, and the gateway stops within its patience."""
    a = both.start_gateway("a", [connection()])
    request = subprocess.Popen([a.gateway.gwctl, "--socket", a.gateway.socket, "ike", "initiate", "t"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    wait_for(lambda: a.sas() and a.sas()[0][1] == "CONNECTING", lambda: f"{a.sas()}")
    request.terminate()
    request.wait(10)
    begin = time.monotonic()
    a.stop()
    check(time.monotonic() - begin < 8, "it took too long to stop")
