"""ipsec-gw on side a, strongSwan on side b, certificates: by CA, pinned, of every kind of key, and every way to be refused."""

import shutil
import time

import libconfig_text
import strongswan
import test_ca
from sites import NET, OUTER, ROUTER, Ours, Sites, check, connection, mirrored, swanctl_text, wait_for

KINDS = ("gw", "ss")
OURS, THEIRS = "gw-a.example", "gw-b.example"


class Pki:
    """A CA in a folder of the case, and both ends of a connection by it."""

    def __init__(self, both, key="ecdsa256"):
        self.folder = both.lab.directory / f"pki{both.counter}"
        self.folder.mkdir(mode=0o700)
        self.key = key
        self.ca = test_ca.Authority(self.folder, key=key)

    def issue(self, name, **other):
        return self.ca.issue(name, **{"key": self.key} | other)


def connections(ours, theirs, *, name="t", our_id=OURS, their_id=THEIRS, we_accept=None, they_accept=None, child=None):
    """(side a's, side b's) connection. What an end accepts: {"cacerts": [...]} or {"certs": [...]}."""
    def one(own, own_id, peer_id, accept):
        local = {"auth": "pubkey", "id": own_id, "certs": [str(own.certificate)]}
        return local, {"auth": "pubkey", "id": peer_id} | {key: [str(path) for path in paths] for key, paths in accept.items()}
    local_a, remote_a = one(ours, our_id, their_id, we_accept)
    local_b, remote_b = one(theirs, their_id, our_id, they_accept)
    base = connection(name, child=child or {})
    other = mirrored(base)
    return base | {"local": local_a, "remote": remote_a}, other | {"local": local_b, "remote": remote_b}


def start_gateway(both, connections_, keys, authorities):
    """ipsec-gw on side a, with these private keys and CAs."""
    role = both.role("a")
    settings = {
        "gateway": {"control_socket": str(both.lab.directory / f"{role}.sock"), "idle_sleep_us": 50, "max_sas": 1024},
        "ports": [{"name": "lan", "device": "net_af_packet0", "role": "protected", "addresses": [f"{ROUTER['a'][0]}/24"]},
                  {"name": "wan", "device": "net_af_packet1", "role": "unprotected", "addresses": [f"{OUTER['a'][0]}/24"]}],
        "routes": [{"prefix": NET["b"][0], "via": OUTER["b"][0], "port": "wan"}],
        "connections": [Sites.ours(c) for c in connections_],
        "secrets": [{"type": "private", "file": str(key)} for key in keys],
    }
    if authorities:
        settings["authorities"] = list(authorities)
    gateway = both.running["a"] = Ours(both, "a", libconfig_text.dump(settings))
    gateway.start()
    return gateway


def start_strongswan(both, connections_, files):
    """strongSwan on side b, with these files in its swanctl folder."""
    peer = both.running["b"] = strongswan.Peer(both.lab, both.role("b"), swanctl_text(connections_, []))
    for name, source in files.items():
        (peer.directory / name).parent.mkdir(exist_ok=True)
        shutil.copy(source, peer.directory / name)
    peer.start()
    return peer


def start(both, pair, ours, theirs, *, their_files=None, authorities=()):
    """Both daemons with their end of the connection, and their keys."""
    files = {f"private/{theirs.key.name}": theirs.key} | (their_files or {})
    peer = start_strongswan(both, [pair[1]], files)
    return start_gateway(both, [pair[0]], [ours.key], authorities), peer


def established(gateway, peer, method=None):
    wait_for(lambda: [s for s in gateway.sas() if s[1] == "ESTABLISHED"] and [s for s in peer.sas() if s[1] == "ESTABLISHED"],
             lambda: f"{gateway.sas()} {peer.sas()}")
    if method:
        check(f"authentication of '{THEIRS}' with {method} successful" in gateway.text(), f"not by {method}")


def both_ways(both, gateway, peer, name="t"):
    """Up from here and pings, down, up from there and pings, down."""
    for initiate in (lambda: gateway.ike("initiate", name), lambda: peer.swanctl("--initiate", "--ike", name, "--child", "net")):
        initiate()
        established(gateway, peer)
        check(both.ping("a") == 3 and both.ping("b") == 3, "pings are lost")
        gateway.ike("terminate", name)
        wait_for(lambda: not gateway.sas() and not peer.sas(), lambda: f"{gateway.sas()} {peer.sas()}")


def by_ca(both, key, method):
    pki = Pki(both, key)
    ours, theirs = pki.issue(OURS), pki.issue(THEIRS)
    accept = {"cacerts": [pki.ca.certificate]}
    gateway, peer = start(both, connections(ours, theirs, we_accept=accept, they_accept=accept), ours, theirs)
    both_ways(both, gateway, peer)
    check(f"authentication of '{THEIRS}' with {method}" in gateway.text(), f"not by {method}")


def case_rsa_by_ca(both):
    """RSA certificates of one CA, initiated from either side."""
    by_ca(both, "rsa2048", "RSA PKCS#1 v1.5 with SHA2-")


def case_ecdsa_256_by_ca(both):
    """ECDSA on P-256."""
    by_ca(both, "ecdsa256", "ECDSA with SHA2-256")


def case_ecdsa_384_by_ca(both):
    """ECDSA on P-384."""
    by_ca(both, "ecdsa384", "ECDSA with SHA2-384")


def case_ecdsa_521_by_ca(both):
    """ECDSA on P-521."""
    by_ca(both, "ecdsa521", "ECDSA with SHA2-512")


def case_ed25519_by_ca(both):
    """Ed25519 (RFC 8420)."""
    by_ca(both, "ed25519", "Ed25519")


def case_rsa_pss_from_both(both):
    """strongSwan told to sign by RSA-PSS, as we do."""
    pki = Pki(both, "rsa2048")
    ours, theirs = pki.issue(OURS), pki.issue(THEIRS)
    accept = {"cacerts": [pki.ca.certificate]}
    pair = connections(ours, theirs, we_accept=accept, they_accept=accept)
    pair[1]["local"]["auth"] = pair[1]["remote"]["auth"] = "ike:rsa/pss-sha256"
    gateway, peer = start(both, pair, ours, theirs)
    gateway.ike("initiate", "t")
    established(gateway, peer, "RSA-PSS with SHA2-256")


def case_distinguished_names(both):
    """Identities are the certificates' subjects."""
    pki = Pki(both)
    ours, theirs = pki.issue(OURS, names=[]), pki.issue(THEIRS, names=[])
    accept = {"cacerts": [pki.ca.certificate]}
    names = {"our_id": f"O=Example, CN={OURS}", "their_id": f"O=Example, CN={THEIRS}"}
    gateway, peer = start(both, connections(ours, theirs, we_accept=accept, they_accept=accept, **names), ours, theirs)
    both_ways(both, gateway, peer)


def case_pinned_self_signed(both):
    """Each end knows the other's self-signed certificate."""
    folder = Pki(both).folder
    ours, theirs = test_ca.self_signed(folder, OURS, key="ecdsa256"), test_ca.self_signed(folder, THEIRS, key="ed25519")
    pair = connections(ours, theirs, we_accept={"certs": [theirs.certificate]}, they_accept={"certs": [ours.certificate]})
    both_ways(both, *start(both, pair, ours, theirs))


def refused_by_us(both, make_theirs, why, *, accept=None, authorities=lambda _pki: ()):
    """Their certificate is not good enough: no SA from either side, and the log says exactly why."""
    pki = Pki(both)
    ours, theirs = pki.issue(OURS), make_theirs(pki)
    ca = {"cacerts": [pki.ca.certificate]}
    pair = connections(ours, theirs, we_accept=ca if accept is None else accept(pki), they_accept=ca)
    gateway, peer = start(both, pair, ours, theirs, authorities=authorities(pki))
    done = gateway.ike("initiate", "t", check=False)
    check(done.returncode != 0 and not any(s[1] == "ESTABLISHED" for s in gateway.sas()), "it came up")
    check(why in gateway.text(), f"the log does not say {why!r}")
    before = gateway.text().count(why)
    peer.swanctl("--initiate", "--child", "net", check=False)
    check(gateway.text().count(why) > before, "as responder it says nothing")
    check("AUTHENTICATION_FAILED" in peer.text() or "AUTH_FAILED" in peer.text(), "the peer did not hear of it")
    check(both.ping("a", count=2) == 0, "pings pass without an SA")


def case_they_have_another_ca(both):
    """Their certificate is of a CA we do not trust."""
    def stranger(pki):
        folder = pki.folder / "other"
        folder.mkdir()
        return test_ca.Authority(folder, subject="/O=Other/CN=Other CA").issue(THEIRS)
    refused_by_us(both, stranger, "no trusted CA for")


def case_they_are_self_signed(both):
    """Their certificate is self-signed and not pinned."""
    refused_by_us(both, lambda pki: test_ca.self_signed(pki.folder, THEIRS), "no trusted CA for")


def case_they_are_not_the_pinned_one(both):
    """Another certificate of the same name is pinned."""
    def pinned(pki):
        folder = pki.folder / "other"
        folder.mkdir()
        return {"certs": [test_ca.self_signed(folder, THEIRS).certificate]}
    refused_by_us(both, lambda pki: pki.issue(THEIRS), "in remote.certs is not the peer's", accept=pinned)


def case_they_are_revoked(both):
    """Their certificate is on the CA's revocation list."""
    made = []

    def revoked(pki):
        made.append(pki.issue(THEIRS))
        return made[0]

    def with_list(pki):
        return [{"name": "ca", "cacert": str(pki.ca.certificate), "crl_uris": [str(pki.ca.revoke(made[0]))]}]
    refused_by_us(both, revoked, "is revoked by", accept=lambda _pki: {}, authorities=with_list)


def case_they_are_expired(both):
    """Their certificate expired yesterday."""
    now = time.time()
    refused_by_us(both, lambda pki: pki.issue(THEIRS, start=now - 2 * test_ca.DAY, end=now - test_ca.DAY), "expired on")


def case_we_have_another_ca(both):
    """They do not trust our CA: they refuse, and gwctl says so."""
    pki = Pki(both)
    folder = pki.folder / "other"
    folder.mkdir()
    ours, theirs = test_ca.Authority(folder, subject="/O=Other/CN=Other CA").issue(OURS), pki.issue(THEIRS)
    accept = {"cacerts": [pki.ca.certificate]}
    gateway, peer = start(both, connections(ours, theirs, we_accept=accept, they_accept=accept), ours, theirs)
    done = gateway.ike("initiate", "t", check=False)
    check(done.returncode != 0 and "AUTHENTICATION_FAILED" in done.stdout + done.stderr + gateway.text(), f"{done.stdout}{done.stderr}")
    check(not peer.sas(), f"{peer.sas()}")


def case_strict_revocation(both):
    """revocation = strict: refused without the CA's list, up with it."""
    pki = Pki(both)
    ours, theirs = pki.issue(OURS), pki.issue(THEIRS)
    pair = connections(ours, theirs, we_accept={}, they_accept={"cacerts": [pki.ca.certificate]})
    pair[0]["remote"]["revocation"] = "strict"
    authority = {"name": "ca", "cacert": str(pki.ca.certificate)}
    gateway, peer = start(both, pair, ours, theirs, authorities=[authority])
    check(gateway.ike("initiate", "t", check=False).returncode != 0 and "no revocation list of" in gateway.text(), "it came up without a list")
    gateway.stop()
    gateway = start_gateway(both, [pair[0]], [ours.key], [authority | {"crl_uris": [str(pki.ca.revoke())]}])
    gateway.ike("initiate", "t")
    wait_for(lambda: any(s[1] == "ESTABLISHED" for s in gateway.sas()), lambda: f"{gateway.sas()} {peer.sas()}")


def case_large_chain_in_fragments(both):
    """RSA certificates below three CAs on both sides: IKE_AUTH goes in fragments (RFC 7383), each way."""
    pki = Pki(both, "rsa2048")
    upper = test_ca.Authority(pki.folder, "upper", subject="/O=Example/CN=Upper CA", key="rsa2048", issuer=pki.ca)
    lower = test_ca.Authority(pki.folder, "lower", subject="/O=Example/CN=Lower CA", key="rsa2048", issuer=upper)
    ours, theirs = lower.issue(OURS, key="rsa2048"), lower.issue(THEIRS, key="rsa2048")
    with ours.certificate.open("a", encoding="ascii") as chain:
        chain.write(lower.certificate.read_text(encoding="ascii") + upper.certificate.read_text(encoding="ascii"))
    accept = {"cacerts": [pki.ca.certificate]}
    files = {f"x509ca/{ca.certificate.name}": ca.certificate for ca in (upper, lower)}
    gateway, peer = start(both, connections(ours, theirs, we_accept=accept, they_accept=accept), ours, theirs, their_files=files)
    both_ways(both, gateway, peer)
    text = peer.text()
    check("splitting IKE" in text and "reassembled fragmented IKE message" in text, "nothing went in fragments")
