"""The throughput search in Python and in Lua, on gateways that are a formula; the Lua scripts on a Pktgen that is one."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

PKTGEN = pathlib.Path(__file__).resolve().parents[2] / "bench" / "pktgen"
sys.path.insert(0, str(PKTGEN))
import rfc2544

LUA = shutil.which("lua5.4") or shutil.which("lua")
# capacity of the gateway, maximum, resolution, allowed loss
CASES = ((40, 100, 0.01, 0), (100, 100, 0.01, 0), (250, 100, 0.01, 0), (0.7, 100, 0.05, 0), (0, 100, 0.01, 0), (40, 100, 0.01, 0.1), (99.99, 100, 0.01, 0))


def gateway(capacity):
    """Passes what it can and drops the rest."""
    return lambda rate: rfc2544.Trial(round(rate * 10000), round(min(rate, capacity) * 10000))


def in_python(capacity, maximum, resolution, loss):
    return rfc2544.throughput(gateway(capacity), maximum=maximum, resolution=resolution, loss=loss)[0]


def run_lua(text):
    return subprocess.run([LUA, "-"], input=f'package.path = "{PKTGEN}/?.lua;" .. package.path\n{text}', capture_output=True, text=True, timeout=20, check=True).stdout


class Search(unittest.TestCase):
    def test_finds_the_capacity(self):
        for capacity, maximum, resolution, loss in CASES:
            rate = in_python(capacity, maximum, resolution, loss)
            if capacity == 0:
                self.assertIsNone(rate)
                continue
            most = min(maximum, capacity / (1 - loss))
            self.assertLessEqual(rate, most + 1e-4)
            self.assertGreaterEqual(rate, most * (1 - 1.01 * resolution))

    def test_nothing_offered_is_no_success(self):
        self.assertEqual(rfc2544.throughput(lambda rate: rfc2544.Trial(0, 0), maximum=1, resolution=0.1, loss=0), (None, None))

    def test_line_rate(self):
        self.assertEqual(rfc2544.line_bits(14_880_952, 60), 14_880_952 * 672)     # 64-byte frames at 10 Gbit/s

    @unittest.skipUnless(LUA, "no Lua interpreter")
    def test_lua_finds_the_same(self):
        for case in CASES:
            capacity, maximum, resolution, loss = case
            text = run_lua(f"""local rfc2544 = require("rfc2544")
                local function trial(rate)
                    return {{offered = math.floor(rate * 10000 + 0.5), delivered = math.floor(math.min(rate, {capacity}) * 10000 + 0.5)}}
                end
                local rate = rfc2544.throughput(trial, {{max = {maximum}, resolution = {resolution}, loss = {loss}}})
                print(rate and string.format("%.9f", rate) or "none")""").strip()
            rate = in_python(*case)
            self.assertEqual(text, "none" if rate is None else f"{rate:.9f}", case)


# Pktgen's functions as far as the scripts use them; a gateway that passes up to 40 per cent of the link.
FAKE_PKTGEN = """
local now = {rate = 0, sent = 0, received = 0, running = false}
local nothing = function() end
local ranges = setmetatable({}, {__index = function() return nothing end})
pktgen = setmetatable({range = ranges}, {__index = function(_, name) error("no such function of Pktgen: " .. name) end})
function pktgen.set(_, what, value) if what == "rate" then now.rate = value end end
function pktgen.start() now.running = true end
function pktgen.stop() now.running = false end
function pktgen.delay(ms)
    if now.running then
        now.sent = now.sent + math.floor(now.rate * ms)
        now.received = now.received + math.floor(math.min(now.rate, 40) * ms)
    end
end
function pktgen.portStats(port) return {[tonumber(port)] = {opackets = now.sent, ipackets = now.received}} end
function pktgen.pktStats(port) return {[tonumber(port)] = {latency = {num_pkts = 10, avg_us = 5.5, max_us = 9}}} end
pktgen.clr, pktgen.set_range, pktgen.latency = nothing, nothing, nothing
"""


@unittest.skipUnless(LUA, "no Lua interpreter")
class Scripts(unittest.TestCase):
    def results(self, script):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "results.csv"
            run_lua(f"{FAKE_PKTGEN}\nrequire('lab').results = '{out}'\nrequire('lab').sizes = {{60, 1420}}\ndofile('{PKTGEN}/{script}')")
            return [line.split(",") for line in out.read_text(encoding="utf-8").splitlines()]

    def test_throughput(self):
        head, *rows = self.results("throughput.lua")
        self.assertEqual([row[0] for row in rows], ["60", "1420"])
        for row in rows:
            self.assertAlmostEqual(float(row[head.index("rate_percent")]), 40, delta=0.5)

    def test_spread(self):
        head, *rows = self.results("spread.lua")
        self.assertEqual({row[head.index("tunnels")] for row in rows}, {"1", "4", "16", "64", "1000", "10000", "100000"})

    def test_latency_of_sizes_that_hold_a_time_stamp(self):
        head, *rows = self.results("latency.lua")
        self.assertEqual([row[0] for row in rows], ["1420"] * 4)
        self.assertEqual(rows[0][head.index("latency_average_us")], "5.5")


if __name__ == "__main__":
    unittest.main()
