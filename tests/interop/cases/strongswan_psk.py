"""ipsec-gw on side a, strongSwan on side b, pre-shared keys."""

import time

from sites import CaseFailed, SECRET, check, connection, wait_for

KINDS = ("gw", "ss")


def up(both, connections=None, **options):
    """Both daemons running; returns (ours, theirs)."""
    connections = connections or [connection()]
    theirs = both.start_strongswan("b", options.get("their_connections", connections), options.get("their_secrets"), options.get("settings", ()))
    ours = both.start_gateway("a", connections, options.get("our_secrets"), settings=options.get("gateway"))
    return ours, theirs


def is_up(end, children=1):
    rows = [sa for sa in end.sas() if sa[1] == "ESTABLISHED"]
    return len(rows) == 1 and len([c for c in rows[0][2] if c[1] == "INSTALLED"]) == children


def is_down(end):
    return not end.sas()


def case_we_initiate(both):
    """gwctl ike initiate brings the tunnel up; packets pass both ways."""
    ours, theirs = up(both)
    ours.ike("initiate", "t")
    check(is_up(ours) and is_up(theirs), f"{ours.sas()} {theirs.sas()}")
    check(both.ping("a") == 3 and both.ping("b") == 3, "pings are lost")


def case_they_initiate(both):
    """swanctl --initiate brings it up."""
    ours, theirs = up(both)
    theirs.swanctl("--initiate", "--child", "net")
    wait_for(lambda: is_up(ours) and is_up(theirs), lambda: f"{ours.sas()} {theirs.sas()}")
    check(both.ping("a") == 3 and both.ping("b") == 3, "pings are lost")


def case_traffic_brings_it_up(both):
    """start_action = trap: the first packet is dropped and asks for the SA, the next ones pass."""
    ours, theirs = up(both, [connection(child={"start_action": "trap"})], their_connections=[connection()])
    check(both.ping("a", count=20) >= 10, "no tunnel came up")
    check(is_up(ours) and is_up(theirs), f"{ours.sas()} {theirs.sas()}")
    check(ours.drops().get("no-sa", 0) >= 1, "the first packet was not dropped")


def case_start_action_start(both):
    """start_action = start: it is up without anybody asking."""
    ours, theirs = up(both, [connection(child={"start_action": "start"})], their_connections=[connection()])
    wait_for(lambda: is_up(ours) and is_up(theirs), lambda: f"{ours.sas()} {theirs.sas()}")
    check(both.ping("a") == 3, "pings are lost")


def case_algorithms(both):
    """Each algorithm for IKE and ESP that both sides have, initiated from here."""
    suites = (("aes128-sha256-x25519", "aes128gcm128-x25519"), ("aes256-sha384-ecp384", "aes256gcm16-ecp384"),
              ("aes192-sha512-ecp521", "aes128-sha256-ecp256"), ("aes256gcm16-prfsha384-ecp256", "aes256-sha256"),
              ("aes128gcm16-prfsha256-modp2048", "aes128ctr-sha256-modp2048"), ("chacha20poly1305-prfsha256-x25519", "chacha20poly1305-x25519"),
              ("aes128ctr-sha256-modp3072", "aes256gcm16-modp3072"), ("aes256-sha256-modp4096", "aes256-sha384"), ("aes128-sha256-x448", "aes128-sha512"))
    ours, theirs = up(both, [connection(f"t{n}", ike=ike, esp=esp) for n, (ike, esp) in enumerate(suites)])
    for number, words in enumerate(suites):
        ours.ike("initiate", f"t{number}/net")
        check(both.ping("a") == 3 and both.ping("b") == 3, f"{words}: pings are lost")
        ours.ike("terminate", f"t{number}")
        wait_for(lambda: is_down(ours) and is_down(theirs), lambda: f"{ours.sas()} {theirs.sas()}")


def case_childless(both):
    """childless = force (RFC 6023): the IKE SA first, the child by CREATE_CHILD_SA, initiated from either side."""
    ours, theirs = up(both, [connection(childless="force")])
    ours.ike("initiate", "t")
    check(is_up(ours) and is_up(theirs), f"{ours.sas()} {theirs.sas()}")
    check(both.ping("a") == 3, "pings are lost")
    check("generating IKE_AUTH request 1 [ IDi IDr AUTH" in ours.text() and "generating CREATE_CHILD_SA request 2" in ours.text(), "a child came along")
    ours.ike("terminate", "t")
    wait_for(lambda: is_down(ours) and is_down(theirs), lambda: f"{ours.sas()} {theirs.sas()}")
    theirs.swanctl("--initiate", "--child", "net")
    wait_for(lambda: is_up(ours) and is_up(theirs), lambda: f"{ours.sas()} {theirs.sas()}")
    check(both.ping("b") == 3, "pings are lost")


def rekeyed(both, rekey, lines):
    """Traffic both ways, `rekey` in the middle of it several times; nothing may be lost."""
    ours, theirs = up(both)
    ours.ike("initiate", "t")
    check(both.ping("a") == 3, "pings are lost")
    flows = [both.flow("a", rate=1000, seconds=4), both.flow("b", rate=1000, seconds=4)]
    for _ in range(4):
        time.sleep(0.7)
        rekey(ours, theirs)
    for flow in flows:
        lost, sent = flow.lost()
        check(lost == 0, f"{lost} of {sent} packets lost")
    wait_for(lambda: is_up(ours) and is_up(theirs), lambda: f"{ours.sas()} {theirs.sas()}", 15)
    check(theirs.log.read_text(errors="replace").count(lines) >= 4, f"fewer than 4 rekeyings: {lines!r}")


def case_we_rekey_the_child_under_traffic(both):
    """gwctl ike rekey t/net, four times under traffic: 0 lost."""
    rekeyed(both, lambda ours, theirs: ours.ike("rekey", "t/net"), "inbound CHILD_SA net{")


def case_they_rekey_the_child_under_traffic(both):
    """swanctl --rekey --child, four times under traffic: 0 lost."""
    rekeyed(both, lambda ours, theirs: theirs.swanctl("--rekey", "--child", "net"), "inbound CHILD_SA net{")


def case_we_rekey_ike_under_traffic(both):
    """gwctl ike rekey t, four times: the children move, 0 lost."""
    rekeyed(both, lambda ours, theirs: ours.ike("rekey", "t"), "rekeyed between")


def case_they_rekey_ike_under_traffic(both):
    """swanctl --rekey --ike, four times: the children move, 0 lost."""
    rekeyed(both, lambda ours, theirs: theirs.swanctl("--rekey", "--ike", "t"), "rekeyed between")


def case_we_delete(both):
    """gwctl ike terminate: the child, then all of it, is gone on both sides; nothing passes in clear."""
    ours, theirs = up(both)
    ours.ike("initiate", "t")
    ours.ike("terminate", "t/net")
    wait_for(lambda: not any(sa[2] for sa in theirs.sas()), lambda: f"{theirs.sas()}")
    ours.ike("terminate", "t")
    wait_for(lambda: is_down(ours) and is_down(theirs), lambda: f"{ours.sas()} {theirs.sas()}")
    check(both.ping("a", count=2) == 0, "pings pass without an SA")


def case_they_delete(both):
    """swanctl --terminate: it is gone here too."""
    ours, theirs = up(both)
    ours.ike("initiate", "t")
    theirs.swanctl("--terminate", "--ike", "t")
    wait_for(lambda: is_down(ours), lambda: f"{ours.sas()}")


def case_our_end_tells_the_peer(both):
    """SIGTERM deletes the IKE SA; the peer does not wait for its DPD."""
    ours, theirs = up(both)
    ours.ike("initiate", "t")
    ours.stop()
    wait_for(lambda: is_down(theirs), lambda: f"{theirs.sas()}")
    check("1 IKE SA deleted" in ours.text(), "the log does not say so")


def case_wrong_secret(both):
    """Another secret there: neither side gets an SA, and gwctl says why."""
    ours, theirs = up(both, our_secrets=[(("gw-a.example", "gw-b.example"), "another secret")])
    done = ours.ike("initiate", "t", check=False)
    check(done.returncode == 1 and "AUTH" in done.stderr, f"{done.returncode} {done.stderr}")
    theirs.swanctl("--initiate", "--child", "net", check=False)
    # What has failed here stays for a while, to say so again where the answer was lost.
    check(not any(sa[1] == "ESTABLISHED" for sa in ours.sas() + theirs.sas()), f"{ours.sas()} {theirs.sas()}")
    for log in (ours.text(), theirs.text()):
        check(SECRET not in log and "another secret" not in log, "a secret is in a log")


def case_no_common_proposal(both):
    """Nothing in common: NO_PROPOSAL_CHOSEN, for the IKE SA and for the child."""
    both.start_strongswan("b", [connection(ike="aes256-sha512-ecp521", esp="aes256gcm16")])
    ours = both.start_gateway("a", [connection(), connection("u", ike="aes256-sha512-ecp521", esp="aes128gcm16")])
    for name in ("t", "u"):
        done = ours.ike("initiate", name, check=False)
        check(done.returncode == 1 and "NO_PROPOSAL_CHOSEN" in done.stderr, f"{name}: {done.returncode} {done.stderr}")
    check(both.ping("a", count=2) == 0, "pings pass")


def case_invalid_ke_is_retried(both):
    """The first group we send is not theirs: INVALID_KE_PAYLOAD names one, and the second try has it."""
    theirs = both.start_strongswan("b", [connection(ike="aes128-sha256-ecp384")])
    ours = both.start_gateway("a", [connection(ike="aes128-sha256-x25519-ecp384")])
    ours.ike("initiate", "t")
    check(is_up(ours) and is_up(theirs), f"{ours.sas()} {theirs.sas()}")
    check("ecp384" in ours.rows()[0]["suite"], ours.rows()[0]["suite"])


def case_narrowing(both):
    """We ask for more than they give: the child has what is common, and the rest does not pass."""
    theirs = both.start_strongswan("b", [connection(child={"remote_ts": ["10.2.0.0/25"]})])
    ours = both.start_gateway("a", [connection(child={"remote_ts": ["10.2.0.0/16"]})])
    ours.ike("initiate", "t")
    row = ours.rows()[0]["children"][0]
    check(row["remote_ts"] == ["10.2.0.0/25"], f"{row['remote_ts']}")
    check(both.ping("a") == 3, "pings are lost")


IMPATIENT = {"ike_retransmit_timeout_ms": 200, "ike_retransmit_tries": 3}      # 0.2 + 0.4 + 0.6 + 1.2 s


def case_a_dead_peer_is_forgotten(both):
    """DPD: charon is killed; its tunnel is gone here after the retransmissions, and what it protected is dropped."""
    ours, theirs = up(both, [connection(dpd_delay=1)], gateway=IMPATIENT)
    ours.ike("initiate", "t")
    check(is_up(ours), f"{ours.sas()}")
    theirs.kill()
    wait_for(lambda: is_down(ours), lambda: f"{ours.sas()}", 15)
    check("sending DPD request" in ours.text() and "giving up after 3 retransmits" in ours.text(), "the log does not say so")
    dropped = ours.drops().get("no-sa", 0)
    check(both.ping("a", count=2) == 0 and ours.drops().get("no-sa", 0) == dropped + 2, f"{ours.drops()}")


def case_a_dead_peer_that_comes_back(both):
    """dpd_action = restart, start_action = start: charon is killed and started again; the tunnel comes up by itself."""
    ours, theirs = up(both, [connection(dpd_delay=1, child={"dpd_action": "restart", "start_action": "start"})], their_connections=[connection()], gateway=IMPATIENT)
    ours.ike("initiate", "t")
    check(both.ping("a") == 3, "pings are lost")
    theirs.kill()
    wait_for(lambda: "giving up after 3 retransmits" in ours.text(), lambda: f"{ours.sas()}", 15)
    theirs.start()
    wait_for(lambda: is_up(ours) and is_up(theirs), lambda: f"{ours.sas()} {theirs.sas()}", 30)
    check(both.ping("a") == 3, "pings are lost")
