"""ipsec-gw on both sides and a wire that holds IKE messages: the collisions of lib/ike/COLLISIONS.md, each on an IKE SA of its own.

Who wins is by chance here: nonces are random. What each end makes of it is not.
"""

import re
import signal
import subprocess
import time

import lab
from held_wire import HeldWire
from sites import HOST, check, connection, wait_for

KINDS = ("gw", "gw")
PATIENCE = {"ike_retransmit_timeout_ms": 2000}


class Situation:
    """One connection and what happens to it. Methods are the words of the scripts below."""

    def __init__(self, number, name, script, result):
        self.name, self.script, self.result = name, script, result
        self.id = f"s{number:02}"
        self.local, self.remote = (f"{HOST[side][0].rpartition('.')[0]}.{100 + number}" for side in "ab")

    def connection(self):
        groups = "aes128gcm128-x25519-ecp256" if "group" in self.name else "aes128gcm128"
        return connection(self.id, local={"auth": "psk", "id": f"{self.id}.a.example"}, remote={"auth": "psk", "id": f"{self.id}.b.example"},
                          child={"local_ts": [f"{self.local}/32"], "remote_ts": [f"{self.remote}/32"], "esp_proposals": [groups]})

    def begin(self, wire, gateways, ping):
        self.wire, self.gateways, self.ping = wire, gateways, ping
        wire.hold(bytes.fromhex(self.row("a")["spi_initiator"]))

    def rows(self, side):
        return [row for row in self.gateways[side].rows() if row["connection"] == self.id and row["state"] != "REKEYED"]

    def row(self, side):
        return self.rows(side)[0]

    def rekey(self, side):
        self.gateways[side].ike("rekey", f"{self.id}/net")

    def rekey_ike(self, side):
        self.gateways[side].ike("rekey", self.id)

    def delete(self, side):
        self.gateways[side].ike("terminate", f"{self.id}/net")

    def delete_ike(self, side):
        self.gateways[side].ike("terminate", self.id)

    def take(self, side):
        return self.wire.take(side)

    def pass_on(self, *sides):
        """The oldest message of each side named, one after another."""
        for side in sides:
            self.wire.deliver(self.wire.take(side))

    def settle(self, seconds=0.3):
        """What both have to say without what was taken."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            for side in "ab":
                try:
                    self.wire.deliver(self.wire.take(side, 0.03))
                    until = time.monotonic() + 0.15
                except LookupError:
                    pass

    def late(self, message):
        self.wire.deliver(message)

    def wrong(self):
        """Why the ends do not agree, or are not where they should be; empty: they are."""
        rows = {side: self.rows(side) for side in "ab"}
        counts = [len(rows[side]) for side in "ab"]
        children = {side: [c for row in rows[side] for c in row["children"]] for side in "ab"}
        if self.result == "gone":
            return "" if counts == [0, 0] else f"IKE SAs {counts}"
        if counts != [1, 1]:
            return f"IKE SAs {counts}"
        wanted = 0 if self.result == "child gone" else 1
        if any(len(children[side]) != wanted or any(c["state"] != "INSTALLED" for c in children[side]) for side in "ab"):
            return f"{[[(c['name'], c['state']) for c in children[side]] for side in 'ab']}"
        if wanted and [children["a"][0][k] for k in ("spi_in", "spi_out")] != [children["b"][0][k] for k in ("spi_out", "spi_in")]:
            return "their children are not each other's"
        return ""


# --- what happens

def both(s, rekey):
    rekey("a")
    rekey("b")
    s.pass_on("a", "b", "a", "b")


def delayed_answer(s, rekey):
    """b acts on the outcome before a has b's answer."""
    rekey("a")
    rekey("b")
    s.pass_on("a", "b")
    late = s.take("b")
    s.settle()
    s.late(late)


def delayed_answer_and_delete(s):
    s.rekey("a")
    s.rekey("b")
    s.pass_on("a", "b")
    late = s.take("b")
    s.settle()
    s.delete("b")
    s.settle()
    s.late(late)


def delayed_request(s, rekey, refused_first):
    """b is done with its own rekeying, but for the delete of the old SA, when a's request comes."""
    rekey("a")
    rekey("b")
    late = s.take("a")
    s.pass_on("b", "a")
    gone = s.take("b")
    s.late(late)
    if refused_first:
        s.pass_on("b")
    s.late(gone)


def very_late_request(s):
    s.rekey("a")
    s.rekey("b")
    late = s.take("a")
    s.settle()
    s.late(late)


def very_late_request_and_delete(s):
    s.rekey("a")
    s.rekey("b")
    late = s.take("a")
    s.settle()
    s.delete("b")
    s.settle()
    s.late(late)


def late_retry(s):
    """a's retry with another group."""
    s.rekey("a")
    s.rekey("b")
    s.pass_on("a")
    own = s.take("b")
    s.pass_on("b")
    late = s.take("a")
    s.late(own)
    s.settle()
    s.late(late)


def cross(s, first, second, lost=""):
    """One does this and the other that, at once; a message of one of them is lost."""
    first("a")
    second("b")
    messages = {side: s.take(side) for side in "ab"}
    for side, message in messages.items():
        if side != lost:
            s.late(message)


def delete_before_answer(s):
    s.rekey("a")
    s.pass_on("a")
    late = s.take("b")
    s.delete("b")
    s.pass_on("b", "a")
    s.late(late)


def lost_request(s, rekey):
    rekey("a")
    rekey("b")
    s.take("a")


SITUATIONS = (
    ("child rekeyings", lambda s: both(s, s.rekey), "up"),
    ("child rekeyings, an answer is late", lambda s: delayed_answer(s, s.rekey), "up"),
    ("child rekeyings, an answer is late, old and new SA deleted", delayed_answer_and_delete, "child gone"),
    ("child rekeyings, a request is late", lambda s: delayed_request(s, s.rekey, False), "up"),
    ("child rekeyings, a request is late, refused before the delete", lambda s: delayed_request(s, s.rekey, True), "up"),
    ("child rekeyings, a request is late until the old SA is gone", very_late_request, "up"),
    ("child rekeyings, a request is late until old and new SA are gone", very_late_request_and_delete, "child gone"),
    ("child rekeyings with another group", lambda s: both(s, s.rekey), "up"),
    ("child rekeyings with another group, a retry is late", late_retry, "up"),
    ("child rekeying and delete", lambda s: cross(s, s.rekey, s.delete), "child gone"),
    ("child rekeying and delete, the delete is lost", lambda s: cross(s, s.rekey, s.delete, "b"), "child gone"),
    ("child rekeying and delete, the rekeying is lost", lambda s: cross(s, s.rekey, s.delete, "a"), "child gone"),
    ("the new SA is deleted before the answer", delete_before_answer, "child gone"),
    ("child rekeying and IKE rekeying", lambda s: cross(s, s.rekey, s.rekey_ike), "up"),
    ("child rekeying and delete of the IKE SA", lambda s: cross(s, s.rekey, s.delete_ike), "gone"),
    ("IKE rekeyings", lambda s: both(s, s.rekey_ike), "up"),
    ("IKE rekeyings, an answer is late", lambda s: delayed_answer(s, s.rekey_ike), "up"),
    ("IKE rekeyings, a request is lost", lambda s: lost_request(s, s.rekey_ike), "up"),
    ("IKE rekeyings, a request is late", lambda s: delayed_request(s, s.rekey_ike, False), "up"),
    ("IKE rekeyings, a request is late, refused before the delete", lambda s: delayed_request(s, s.rekey_ike, True), "up"),
    ("IKE rekeying and delete", lambda s: cross(s, s.rekey_ike, s.delete_ike), "gone"),
    ("IKE rekeying and delete, the delete is lost", lambda s: cross(s, s.rekey_ike, s.delete_ike, "b"), "gone"),
    ("child deletes", lambda s: cross(s, s.delete, s.delete), "child gone"),
    ("child deletes, one is lost", lambda s: cross(s, s.delete, s.delete, "a"), "child gone"),
    ("child delete and IKE rekeying", lambda s: cross(s, s.delete, s.rekey_ike), "child gone"),
    ("child delete and delete of the IKE SA", lambda s: cross(s, s.delete, s.delete_ike), "gone"),
    ("IKE deletes", lambda s: cross(s, s.delete_ike, s.delete_ike), "gone"),
)


def start_ping(sites, situation):
    return subprocess.Popen(sites.host["a"].command("ping", "-n", "-q", "-i", "0.05", "-I", situation.local, situation.remote), stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True)


def lost_pings(ping):
    """(lost, sent), after its end."""
    ping.send_signal(signal.SIGINT)
    sent, received = map(int, re.search(r"(\d+) packets transmitted, (\d+) received", ping.communicate(timeout=10)[0]).groups())
    return max(0, sent - received - 1), sent       # the last one may be on its way


def case_each_collision_settles(sites):
    """27 situations at once, and in the end both ends agree: one tunnel that lost no packet where both only rekeyed, none where one deleted it."""
    middle = sites.lab.namespace(f"middle{sites.counter}")
    lab.sh("ip", "-n", sites.ns["a"].name, "link", "delete", "wan")
    for side in "ab":
        sites.lab.wire((sites.ns[side], "wan"), (middle, f"to-{side}"))
    wire = HeldWire(middle, {side: f"to-{side}" for side in "ab"})
    pings = []
    try:
        all_of_them = [Situation(number, *words) for number, words in enumerate(SITUATIONS, 1)]
        for s in all_of_them:
            for side, address in (("a", s.local), ("b", s.remote)):
                sites.host[side].ip("address", "add", f"{address}/24", "dev", f"eth{sites.counter}")
        connections = [s.connection() for s in all_of_them]
        theirs = [{**c, "children": [{**c["children"][0], "esp_proposals": ["aes128gcm128-ecp256"]}]} if "group" in s.name else c
                  for s, c in zip(all_of_them, connections)]
        secret = [(("*.a.example", "*.b.example"), "a secret of these tests")]
        gateways = {"a": sites.start_gateway("a", connections, secret, settings=PATIENCE), "b": sites.start_gateway("b", theirs, secret, settings=PATIENCE)}
        for s in all_of_them:
            gateways["a"].ike("initiate", s.id)
        pings = [start_ping(sites, s) for s in all_of_them]
        time.sleep(0.5)
        for s, ping in zip(all_of_them, pings):
            s.begin(wire, gateways, ping)
            try:
                s.script(s)
            except LookupError as error:
                check(False, f"{s.name}: {error}")
            wire.release()
        # Retransmissions after 2 s, what was refused after 10 to 15 s, 5 s until replaced SAs are gone.
        wait_for(lambda: not any(s.wrong() for s in all_of_them), lambda: f"{[(s.name, s.wrong()) for s in all_of_them if s.wrong()]}", 60)
        lost = [(s.name, *lost_pings(ping)) for s, ping in zip(all_of_them, pings)]
        logs = gateways["a"].text() + gateways["b"].text()
        for words in ("detected CHILD_REKEY collision", "detected IKE_REKEY collision", "TEMPORARY_FAILURE", "CHILD_SA_NOT_FOUND", "INVALID_KE_PAYLOAD",
                      "DELETE for unknown ESP CHILD_SA"):
            check(words in logs, f"no {words!r}: nothing crossed")
        check(not any(count for s, (_, count, _) in zip(all_of_them, lost) if s.result == "up"), f"(lost, sent): {lost}")
    finally:
        for ping in pings:
            if ping.poll() is None:
                ping.kill()
        wire.close()
