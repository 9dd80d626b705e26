"""What Prometheus sees of a gateway: Debian's own scrapes it, and is asked."""

import contextlib
import json
import pathlib
import subprocess
import time
import urllib.parse

import gateways
from kinds import SOFTWARE, KINDS
from net import check

GATEWAY = gateways.METRICS
ROOT = pathlib.Path(__file__).resolve().parents[3]
DASHBOARD = ROOT / "config" / "grafana-dashboard.json"
SOCKET = "metrics.sock"


def _text(net):
    gateway = net.gateway
    return gateway.ns.run("curl", "--silent", "--show-error", "--fail", "--max-time", "5", f"http://127.0.0.1:{gateways.METRICS_PORT}/metrics").stdout


def _value(text, series):
    """The value of one series, written as it stands in the text; None: it is not there."""
    for line in text.splitlines():
        if line.startswith(series + " "):
            return float(line.rpartition(" ")[2])
    return None


def _traffic(net, count=5):
    for _ in range(count):
        net.lan.send(net.out4("site"))
        net.esp_arrives()
    end = net.to_gateway("site")
    for _ in range(count):
        net.wan.send(end.seal(net.in4("site")))
        net.arrives(net.lan)


def case_text_is_what_promtool_takes(net):
    """promtool finds nothing wrong, and counters are those of gwctl, by names and never by SPI."""
    _traffic(net)
    text = _text(net)
    checked = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, timeout=20, check=False)
    check(checked.returncode == 0 and not checked.stderr.strip(), f"promtool: {checked.stdout}{checked.stderr}")
    for direction in ("in", "out"):
        value = _value(text, f'ipsec_gw_tunnel_packets_total{{tunnel="to-site",direction="{direction}"}}')
        rows = [r for r in net.gateway.json("sa", "show") if r["direction"] == direction]
        check(value == sum(r["packets"] for r in rows) and value >= 5, f"{direction}: {value}, the SAs say {rows}")
    check(_value(text, 'ipsec_gw_port_up{port="wan",role="unprotected"}') == 1, "the port is not up")
    check("0x1001" not in text and "4097" not in text, "an SPI is in it")


def case_the_unix_socket_answers_too(net):
    """The same text on the socket; other paths and methods are refused."""
    socket = str(net.gateway.lab.directory / SOCKET)
    ask = ["curl", "--silent", "--max-time", "5", "--unix-socket", socket, "-o", "/dev/null", "-w", "%{http_code}"]
    check(net.gateway.ns.run(*ask, "http://x/metrics").stdout == "200", "no metrics on the socket")
    check(net.gateway.ns.run(*ask, "http://x/other").stdout == "404", "another path")
    check(net.gateway.ns.run(*ask, "-X", "POST", "http://x/metrics").stdout == "405", "another method")


class Prometheus:
    """Debian's prometheus in the gateway's namespace, scraping twice a second."""

    def __init__(self, net):
        self.ns = net.gateway.ns
        self.directory = net.gateway.lab.directory / "prometheus"
        self.process = None

    def __enter__(self):
        self.directory.mkdir(exist_ok=True)
        config = self.directory / "prometheus.yml"
        config.write_text(json.dumps({"global": {"scrape_interval": "500ms", "scrape_timeout": "500ms"},
                                      "scrape_configs": [{"job_name": "ipsec-gw", "static_configs": [{"targets": [f"127.0.0.1:{gateways.METRICS_PORT}"]}]}]}))
        with (self.directory / "log").open("w") as log:
            self.process = self.ns.start("prometheus", f"--config.file={config}", f"--storage.tsdb.path={self.directory / 'data'}",
                                         "--web.listen-address=127.0.0.1:9090", log=log)
        return self

    def __exit__(self, *_):
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ask(self, expression):
        """The result of an instant query: [(labels, value)]."""
        url = "http://127.0.0.1:9090/api/v1/query?" + urllib.parse.urlencode({"query": expression})
        done = self.ns.run("curl", "--silent", "--max-time", "5", url, check=False)
        if done.returncode != 0 or not done.stdout:
            return []
        answer = json.loads(done.stdout)
        check(answer["status"] == "success", f"{expression}: {answer.get('error')}")
        return [(row["metric"], float(row["value"][1])) for row in answer["data"]["result"]]

    def wait(self, expression, wanted, seconds=20):
        until = time.monotonic() + seconds
        while True:
            rows = self.ask(expression)
            if wanted(rows):
                return rows
            check(time.monotonic() < until, f"{expression}: {rows}\n{(self.directory / 'log').read_text()[-2000:]}")
            time.sleep(0.2)


def case_prometheus_scrapes_it(net):
    """Debian's Prometheus scrapes the gateway, its query API has the values, and every expression of the dashboard finds data."""
    net.skip_in([k for k in KINDS if k != SOFTWARE], "a scrape is the same in each kind")
    with Prometheus(net) as prometheus:
        prometheus.wait("up", lambda rows: rows and rows[0][1] == 1)
        before = net.sa(net.pair("site").spi_out)["packets"]
        for _ in range(4):
            _traffic(net, 3)
            net.wan.send(net.in4("site"))       # in clear: a drop
            time.sleep(0.5)
        after = net.sa(net.pair("site").spi_out)["packets"]
        check(after > before, "nothing was carried")
        rows = prometheus.wait('ipsec_gw_tunnel_packets_total{tunnel="to-site",direction="out"}', lambda r: r and r[0][1] == after)
        check(rows[0][0]["job"] == "ipsec-gw", f"{rows}")
        lost = {r["reason"]: r["packets"] for r in net.gateway.json("drops")}
        prometheus.wait('sum by (reason) (ipsec_gw_dropped_packets_total{reason="clear-text"})', lambda r: r and r[0][1] == lost["clear-text"])
        _check_dashboard(prometheus)


def _check_dashboard(prometheus):
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    expressions = [t["expr"] for p in panels for t in p.get("targets", [])]
    check(len(expressions) > 15, f"{len(expressions)} expressions")
    for expression in expressions:
        text = expression.replace("$__rate_interval", "4s")
        if "ipsec_gw_ike" in text:      # nothing of IKE is configured here; tests/interop has it
            prometheus.ask(text)
            continue
        prometheus.wait(text, bool)
