"""A gateway is changed while it runs: objects by hand and by script, and its configuration read again."""

import re
import signal
import time

import gateways
from kinds import KINDS, SOFTWARE
from net import ESP, check

GATEWAY = gateways.LIVE
SCRIPTED = gateways.Pair("scripted", 9)


def _software_only(net):
    net.skip_in([kind for kind in KINDS if kind != SOFTWARE], "it is the same in every kind")


def _refused(net, *words):
    """What gwctl says when it is refused."""
    result = net.gateway.ask(*words, check=False)
    check(result.returncode != 0, f"gwctl {' '.join(words)} was not refused")
    return result.stderr


def _words(settings):
    """A group of the configuration file as words of gwctl; the key's word last."""
    return [f"{name}={','.join(value) if isinstance(value, list) else str(value).lower() if isinstance(value, bool) else value}"
            for name, value in settings.items() if value is not None]


def _crosses(net, name):
    """Both ways through the tunnel of a pair."""
    net.lan.send(net.out4(name))
    spi = net.esp_arrives()[0][ESP].spi
    check(spi == net.pair(name).spi_out, f"SPI {spi:#x}")
    net.wan.send(net.to_gateway(name).seal(net.in4(name)))
    net.arrives(net.lan)


def case_objects_by_hand(net):
    """SAs, a policy, a route and a neighbour come and go by gwctl, the key from a file; packets follow."""
    _software_only(net)
    gateway = net.gateway
    (sa_in, sa_out), policy = gateways.sas_of(SCRIPTED), gateways.policy_of(SCRIPTED)
    for sa in (sa_in, sa_out):
        key = gateway.lab.directory / "key"
        key.write_text(sa.pop("keymat") + "\n", encoding="utf-8")
        gateway.ask("sa", "add", *_words(sa), f"keymat=@{key}")
        key.unlink()
    gateway.ask("policy", "add", *_words(policy))
    net.add(SCRIPTED)
    _crosses(net, "scripted")
    check({row["name"]: row["owner"] for row in gateway.json("sa", "show")} ==
          {"other-in": "config", "other-out": "config", "scripted-in": "cli", "scripted-out": "cli", "site-in": "config", "site-out": "config"},
          "owners")
    gateway.ask("route", "add", "10.77.0.0/16", f"via={gateways.PEER4}")
    gateway.ask("neigh", "add", "192.0.2.77", "port=wan", "mac=02:00:00:00:00:77")
    shown = gateway.ask("route", "show").stdout
    check(re.search(r"^10\.77\.0\.0/16 +192\.0\.2\.2 +wan +cli$", shown, re.MULTILINE), shown)
    gateway.ask("route", "del", "10.77.0.0/16")
    gateway.ask("neigh", "del", "192.0.2.77", "port=wan")
    gateway.ask("policy", "del", "scripted")
    gateway.ask("sa", "del", "scripted-in")
    gateway.ask("sa", "del", "scripted-out")
    with net.drops("no-policy"):
        net.lan.send(net.out4("scripted"))


def case_nobody_removes_what_the_file_has_made(net):
    """But with force."""
    _software_only(net)
    check(_refused(net, "sa", "del", "other-out") == "gwctl: SA \"other-out\" is not cli's but config's (it comes from the configuration file: "
          "change it there and reload, or force it)\n", "the error")
    net.gateway.ask("sa", "del", "other-out", "--force")
    check(net.gateway.ask("reload").stdout == "CHANGE  OBJECT  NAME       SETTINGS\nadd     sa      other-out  -\n", "the reload brings it back")


def case_a_batch(net):
    """Thousands of objects in one go; a bad line is named and the others are done."""
    _software_only(net)
    gateway = net.gateway
    lines = gateway.lab.directory / "lines"
    (sa_in, _), count = gateways.sas_of(SCRIPTED), 5000
    text = [f"sa add batch-{n} " + " ".join(_words({**sa_in, "name": None, "spi": 0x10000 + n})) for n in range(count)]
    lines.write_text("\n".join(text + ["sa add bad spi=1"]) + "\n", encoding="utf-8")
    begin = time.monotonic()
    said = _refused(net, "batch", str(lines))
    print(f"    {count} SAs in {time.monotonic() - begin:.2f} s")
    check(f"{lines}:{count + 1}: spi: 1 is out of range; direction: it is missing" in said and "1 of 5001 lines refused" in said, said)
    check(gateway.json("stats")["inbound_sas"] == count + 2, "they are not all there")
    lines.write_text("\n".join(f"sa del batch-{n}" for n in range(count)) + "\n", encoding="utf-8")
    gateway.ask("batch", str(lines))
    check(gateway.json("stats")["inbound_sas"] == 2, "they are not all gone")
    lines.unlink()


def case_reload(net):
    """What is new comes, what has gone goes, and what stays counts on; config diff tells before."""
    _software_only(net)
    gateway = net.gateway
    before = gateway.config.read_text(encoding="utf-8")
    _crosses(net, "site")
    count = {row["name"]: row["sequence"] for row in gateway.json("sa", "show")}["site-out"]
    try:
        gateway.config.write_text(GATEWAY.with_pairs([net.pair("site"), SCRIPTED]).config(gateway.socket, net.kind), encoding="utf-8")
        expected = """\
CHANGE  OBJECT  NAME          SETTINGS
add     sa      scripted-in   -
add     sa      scripted-out  -
remove  sa      other-in      -
remove  sa      other-out     -
add     policy  scripted      -
remove  policy  other         -
"""
        check(gateway.ask("config", "diff").stdout == expected, "config diff: " + gateway.ask("config", "diff").stdout)
        check(gateway.ask("reload").stdout == expected, "reload")
        net.add(SCRIPTED)
        _crosses(net, "scripted")
        _crosses(net, "site")
        after = {row["name"]: row["sequence"] for row in gateway.json("sa", "show")}
        check(after["site-out"] == count + 1 and "other-out" not in after, f"{after}, before it was {count}")
    finally:
        gateway.config.write_text(before, encoding="utf-8")
    log = gateway.log.stat().st_size
    gateway.process.send_signal(signal.SIGHUP)
    until = time.monotonic() + 10
    while "reloaded: 6 changes" not in gateway.log.read_text(encoding="utf-8", errors="replace")[log:]:
        check(time.monotonic() < until, "SIGHUP: nothing of it in the log")
        time.sleep(0.05)
    check(gateway.ask("config", "diff").stdout == "CHANGE  OBJECT  NAME  SETTINGS\n", "something is left to do")


def case_a_reload_with_errors_changes_nothing(net):
    """They read like those of --check; what takes a restart is one of them."""
    _software_only(net)
    gateway = net.gateway
    before = gateway.config.read_text(encoding="utf-8")
    try:
        gateway.config.write_text(re.sub(r"proposal = \"[^\"]*\"", 'proposal = "aes128gcm15"', before, count=1), encoding="utf-8")
        said = _refused(net, "reload")
        check(re.match(r"\S+:\d+: sas.\[0\].proposal: ", said) and said.endswith("gwctl: 1 error; nothing was changed\n"), said)
        gateway.config.write_text(before.replace("name = \"lan\";", "name = \"lan\"; mtu = 1400;", 1), encoding="utf-8")
        said = _refused(net, "reload")
        check("port \"lan\": mtu cannot change while the gateway runs\n  hint: restart the gateway for it" in said, said)
    finally:
        gateway.config.write_text(before, encoding="utf-8")
    check(gateway.ask("config", "diff").stdout == "CHANGE  OBJECT  NAME  SETTINGS\n", "something has changed")
    _crosses(net, "site")
