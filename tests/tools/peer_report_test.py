"""Tests of tools/lib/peer_report.py: what is made of measured cycles, and that targets which were not measured do not pass."""

import pathlib
import sys
import types
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lib"))
import peer_report

CASE = types.SimpleNamespace(direction="out", size="60", suite="aes128gcm16")


def row(**given):
    values = {"direction": "out", "size": "60", "suite": "aes128gcm16", "engine_choice": "auto", "engine": "aesni_gcm", "kind": "software", "sas": 1, "burst": 32,
              "workers": 1, "churn": 0, "churn_rate": 0, "policies": given.get("sas", 1), "policy_changes": 0, "policy_change_rate": 0, "bytes_per_sa": 2000,
              "cycles": 200.0, "cipher": 100.0, "own": 190.0, "mpps": 10.0, "stages": {"rx": 5.0, "look-up": 20.0, "cipher": 100.0}, **given}
    values["name"] = "/".join(str(values[axis]) for axis in ("direction", "size", *peer_report.AXES))
    best = {"cycles_per_packet": values.pop("cycles"), "cipher_cycles_per_packet": values.pop("cipher"), "own_cycles_per_packet": values.pop("own")}
    return {**values, **{k: {"best": v, "median": v, "spread": 0} for k, v in best.items()}, "net_cycles_per_packet": best["cycles_per_packet"] - 10,
            "cipher_share": 0.5}


class Summary(unittest.TestCase):
    def test_ratio_is_the_median_of_the_rounds_against_the_best_mode(self):
        found = peer_report.summarize(CASE, [50, 50, 50], [150, 100, 200], {"slow": [400, 400, 400], "fast": [300, 300, 300]})
        self.assertEqual(found["ipsec_secgw_mode"], "fast")
        self.assertEqual(found["ratio"], 2.0)
        self.assertEqual(found["ratio_without_ports"], 2.5)
        self.assertEqual(found["ipsec_secgw_modes"], {"slow": 400, "fast": 300})


class Figures(unittest.TestCase):
    def test_every_kind_of_figure(self):
        e2e = [row(), row(size="imix"), row(size="imix", sas=100000, cycles=250.0), row(burst=8, cycles=240.0), row(size="imix", sas=1000, mpps=10),
               row(size="imix", sas=1000, workers=2, mpps=19.5), row(size="imix", sas=1000, churn=25000, churn_rate=24900, cycles=210.0),
               row(kind="full-protocol", own=55.0), row(engine_choice="openssl", cipher=180.0, cycles=200.0)]
        e2e += [row(size="imix", sas=1000, policies=policies, policy_changes=changes, policy_change_rate=changes, cycles=cycles)
                for policies, changes, cycles in ((2000, 0, 200.0), (2000, 1000, 210.0), (100000, 0, 200.0), (100000, 1000, 220.0))]
        peer = {"case": "out 60", "suite": "aes128gcm16", "ratio": 1.6, "ratios": [1.5, 1.6, 1.7], "ipsec_gw_cycles": 300, "ipsec_secgw_cycles": 480,
                "ports_cycles": 70}
        figures = peer_report.figures([peer], e2e)
        found = {key: figure.value for key, figure in figures.items()}
        self.assertEqual(found[("peer", "out 60")], 1.6)
        self.assertEqual(figures[("peer", "out 60")].values, [1.5, 1.6, 1.7])
        self.assertIn("300 cycles against 480", figures[("peer", "out 60")].reason)
        self.assertAlmostEqual(found[("100000 policies against 2000", "out imix")], 210 / 220)
        self.assertAlmostEqual(found[("1000 policy changes a second", "out imix")], 200 / 220)
        self.assertEqual(found[("bytes of an SA", "100000 SAs out imix")], 2000)
        self.assertEqual(found[("over cipher", "out 60")], 1.9)
        self.assertAlmostEqual(found[("over cipher", "out 60 openssl")], 190 / 180)
        self.assertEqual(found[("100000 SAs against 1", "out imix")], 0.8)
        self.assertEqual(found[("bursts of 8 against 32", "out 60")], 1.2)
        self.assertEqual(found[("2 workers against 1", "out imix")], 1.95)
        self.assertAlmostEqual(found[("25000 SA replacements a second", "out imix")], 200 / 210)
        self.assertEqual(found[("full protocol, cycles", "out 60")], 55.0)

    def test_a_rate_of_replacements_that_was_not_reached_is_no_figure(self):
        e2e = [row(size="imix", sas=1000), row(size="imix", sas=1000, churn=25000, churn_rate=9000)]
        self.assertNotIn(("25000 SA replacements a second", "out imix"), peer_report.figures([], e2e))


    def test_a_ratio_is_of_one_run_and_the_figure_the_median_of_the_rounds(self):
        e2e = [row(size="imix", round=number, run=0, cycles=one) for number, one in enumerate((100.0, 200.0, 400.0))]
        e2e += [row(size="imix", round=number, run=0, sas=100000, cycles=many) for number, many in enumerate((200.0, 250.0, 500.0))]
        figure = peer_report.figures([], e2e)[("100000 SAs against 1", "out imix")]
        self.assertEqual(figure.values, [0.5, 0.8, 0.8])
        self.assertEqual(figure.value, 0.8)
        self.assertEqual(len(peer_report.merged(e2e)), 2)

    def test_the_reason_says_which_stages_cost_more(self):
        e2e = [row(size="imix"), row(size="imix", sas=100000, cycles=400.0, stages={"rx": 5.0, "look-up": 120.0, "cipher": 160.0})]
        self.assertEqual(peer_report.figures([], e2e)[("100000 SAs against 1", "out imix")].reason, "more cycles by stage: look-up +100, cipher +60")


class Tables(unittest.TestCase):
    RESULT = {"machine": {"cpu": "A CPU", "cores": 4, "tsc_hz": 2.6e9}, "build": {"dpdk": "DPDK 22.11", "compiler": "12.2", "commit": "abc"}, "load": 0.5,
              "rounds": 9, "huge_pages": False, "e2e": [row(), row(kind="full-protocol")],
              "peers": [peer_report.summarize(CASE, [50] * 3, [150] * 3, {"fast": [300] * 3})]}

    def test_headline_has_the_ratio_and_its_conditions(self):
        text = peer_report.headline(self.RESULT)
        self.assertIn("| outbound | 2.00 |", text)
        self.assertIn("A CPU, one of 4 cores, load 0.5", text)

    def test_every_row_has_as_many_cells_as_its_head(self):
        blocks = [b for b in peer_report.markdown(self.RESULT).split("\n\n") if b.startswith("|")]
        self.assertEqual(len(blocks), 2)
        for block in blocks:
            self.assertEqual(len({line.count("|") for line in block.splitlines()}), 1, block)

    def test_update_replaces_what_stands_between_the_marks(self):
        text = f"before\n{peer_report.BEGIN}\nold\n{peer_report.END}\nafter\n"
        once = peer_report.updated(text, "new")
        self.assertEqual(once, f"before\n{peer_report.BEGIN}\n\nnew\n\n{peer_report.END}\nafter\n")
        self.assertEqual(peer_report.updated(once, "new"), once)
        with self.assertRaises(ValueError):
            peer_report.updated("no marks", "new")


class Check(unittest.TestCase):
    GOOD = {(kind, case): peer_report.Found([bound], "why") for kind, case, _, bound in peer_report.TARGETS}

    def test_all_bounds_hold(self):
        self.assertTrue(peer_report.check(self.GOOD)[1])

    def test_one_missed_or_not_measured_fails(self):
        for kind, case, relation, bound in peer_report.TARGETS:
            missed = {**self.GOOD, (kind, case): peer_report.Found([bound * (0.99 if relation == ">=" else 1.01)], "the measured reason")}
            lines, good = peer_report.check(missed)
            self.assertFalse(good, (kind, case))
            self.assertEqual(sum(line.startswith("MISSED") for line in lines), 1)
            self.assertEqual(sum("the measured reason" in line for line in lines), 1)
            absent = {k: v for k, v in self.GOOD.items() if k != (kind, case)}
            lines, good = peer_report.check(absent)
            self.assertFalse(good)
            self.assertEqual(sum("not measured" in line for line in lines), 1)


if __name__ == "__main__":
    unittest.main()
