"""What tools/bench-peers says: a table, JSON, the Markdown of bench/README.md, and whether the project's targets hold."""

import dataclasses
import statistics

# What a gateway on an idle machine with 4 cores has to reach: kind of figure, case, bound. A bound is a least value for ratios of speed, a greatest one for
# ratios of cost.
TARGETS = (
    ("peer", "out 60", ">=", 1.5), ("peer", "in 60", ">=", 1.5),
    ("peer", "out imix", ">=", 1.35), ("peer", "in imix", ">=", 1.35),
    ("peer", "out 1420", ">=", 1.2), ("peer", "in 1420", ">=", 1.2),
    ("over cipher", "out 1420", "<=", 1.25), ("over cipher", "in 1420", "<=", 1.25),
    ("over cipher", "out 60", "<=", 2.0), ("over cipher", "in 60", "<=", 2.0),
    ("over cipher", "out 1420 openssl", "<=", 1.1), ("over cipher", "in 1420 openssl", "<=", 1.1),
    ("100000 SAs against 1", "out imix", ">=", 0.75), ("100000 SAs against 1", "in imix", ">=", 0.75),
    ("1000000 SAs against 1", "out imix", ">=", 0.6), ("1000000 SAs against 1", "in imix", ">=", 0.6),
    ("bursts of 8 against 32", "out 60", "<=", 1.3), ("bursts of 8 against 32", "in 60", "<=", 1.3),
    ("2 workers against 1", "out imix", ">=", 1.9), ("2 workers against 1", "in imix", ">=", 1.9),
    ("3 workers against 1", "out imix", ">=", 2.8), ("3 workers against 1", "in imix", ">=", 2.8),
    ("25000 SA replacements a second", "out imix", ">=", 0.97), ("25000 SA replacements a second", "in imix", ">=", 0.97),
    ("bytes of an SA", "1000000 SAs out imix", "<=", 3072), ("bytes of an SA", "1000000 SAs in imix", "<=", 3072),
    ("100000 policies against 2000", "out imix", ">=", 0.95), ("1000 policy changes a second", "out imix", ">=", 0.9),
    ("full protocol, cycles", "out 60", "<=", 60), ("full protocol, cycles", "in 60", "<=", 60),
    ("inline crypto, cycles", "out 60", "<=", 90), ("inline crypto, cycles", "in 60", "<=", 90),
)
PEER_SUITE = "aes128gcm16"      # the suite the targets are about


def spread(values):
    """Distance of the quartiles over the median."""
    if len(values) < 4:
        return (max(values) - min(values)) / statistics.median(values) if values else 0.0
    low, _, high = statistics.quantiles(values, n=4)
    return (high - low) / statistics.median(values)


def summarize(case, ports, ours, peers):
    """One case: lists of cycles per packet, round by round; `peers` by mode. Ratios are of the rounds, then the median."""
    best = min(peers, key=lambda mode: statistics.median(peers[mode]))
    with_ports = [p / o for p, o in zip(peers[best], ours)]
    without = [(p - g) / (o - g) for p, o, g in zip(peers[best], ours, ports)]
    row = {"case": f"{case.direction} {case.size}", "suite": case.suite, "direction": case.direction, "size": case.size,
           "ports_cycles": statistics.median(ports), "ipsec_gw_cycles": statistics.median(ours), "ipsec_secgw_mode": best,
           "ipsec_secgw_cycles": statistics.median(peers[best]), "ipsec_secgw_modes": {m: statistics.median(v) for m, v in peers.items()},
           "ratio": statistics.median(with_ports), "ratios": [round(v, 4) for v in with_ports], "ratio_spread": spread(with_ports), "ratio_without_ports": statistics.median(without)}
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}


def table(rows):
    out = [f"{'CASE':<10} {'SUITE':<17} {'PORTS':>6} {'IPSEC-GW':>9} {'IPSEC-SECGW':>12}  {'MODE':<28} {'RATIO':>6} {'SPREAD':>7} {'NO PORTS':>9}"]
    for r in rows:
        out.append(f"{r['case']:<10} {r['suite']:<17} {r['ports_cycles']:>6.0f} {r['ipsec_gw_cycles']:>9.0f} {r['ipsec_secgw_cycles']:>12.0f}  "
                   f"{r['ipsec_secgw_mode']:<28} {r['ratio']:>6.2f} {r['ratio_spread']:>6.1%} {r['ratio_without_ports']:>9.2f}")
    return "\n".join(out)


@dataclasses.dataclass
class Found:
    """A figure: what each round came to, and where the cycles are, for when it is not enough."""

    values: list
    reason: str

    @property
    def value(self):
        return statistics.median(self.values)

    @property
    def spread(self):
        return spread(self.values)


def by_stage(row, other=None):
    """Where a packet's cycles go; with `other`, how many more than there."""
    stages = {name: cycles - (other["stages"][name] if other else 0) for name, cycles in row["stages"].items()}
    signed = "{:+.0f}" if other else "{:.0f}"
    return ", ".join(f"{name} {signed.format(cycles)}" for name, cycles in stages.items() if abs(cycles) >= 1)


AXES = ("suite", "engine_choice", "kind", "sas", "burst", "workers", "churn", "policies", "policy_changes")
PLAIN = {"suite": PEER_SUITE, "engine_choice": "auto", "kind": "software", "burst": 32, "workers": 1, "churn": 0, "policy_changes": 0}


def figures_of_run(e2e):
    """(kind, case) -> value and reason, of one run of bench_e2e: what is set against each other was measured in turn."""
    out = {}
    case_of = {id(r): f"{r['direction']} {r['size']}" for r in e2e}
    alone = {(case_of[id(r)], *(r[axis] for axis in AXES)): r for r in e2e}

    def against(row, **other):
        return alone.get((case_of[id(row)], *({axis: row[axis] for axis in AXES} | other).values()))

    def is_plain(row, *but):
        return all(row[axis] == value for axis, value in PLAIN.items() if axis not in but)

    def put(kind, case, value, row, other=None):
        what = "more cycles by stage" if other else "cycles by stage"
        out[(kind, case)] = (value, f"{what}: {by_stage(row, other)}")

    for r in e2e:
        case, cost = case_of[id(r)], r["cycles_per_packet"]["best"]
        cipher = r["cipher_cycles_per_packet"]["best"]
        if is_plain(r, "engine_choice") and r["sas"] == 1 and cipher > 0:
            name = case if r["engine_choice"] == "auto" else f"{case} {r['engine_choice']}"
            put("over cipher", name, r["net_cycles_per_packet"] / cipher, r)
        if is_plain(r) and r["sas"] > 1 and r["policies"] == r["sas"] and (one := against(r, sas=1, policies=1)):
            put(f"{r['sas']} SAs against 1", case, one["cycles_per_packet"]["best"] / cost, r, one)
            put("bytes of an SA", f"{r['sas']} SAs {case}", r["bytes_per_sa"], r)
        if is_plain(r, "burst") and r["burst"] == 8 and (long := against(r, burst=32)):
            put("bursts of 8 against 32", case, cost / long["cycles_per_packet"]["best"], r, long)
        if is_plain(r, "workers") and r["workers"] > 1 and (one := against(r, workers=1)):
            put(f"{r['workers']} workers against 1", case, r["mpps"] / one["mpps"], r, one)
        # A rate that was not reached says nothing of one that is.
        if is_plain(r, "churn") and r["churn"] and r["churn_rate"] >= 0.9 * r["churn"] and (still := against(r, churn=0)):
            put(f"{r['churn']} SA replacements a second", case, still["cycles_per_packet"]["best"] / cost, r, still)
        if is_plain(r, "policy_changes") and r["policy_changes"] and r["policy_change_rate"] >= 0.9 * r["policy_changes"]:
            if still := against(r, policy_changes=0):
                put(f"{r['policy_changes']} policy changes a second", case, still["cycles_per_packet"]["best"] / cost, r, still)
            # With changes, because without them workers remember what the look-up said.
            if few := against(r, policies=2 * r["sas"]):
                put(f"{r['policies']} policies against {few['policies']}", case, few["cycles_per_packet"]["best"] / cost, r, few)
        if r["suite"] == PEER_SUITE and r["kind"] != "software":
            kind = {"full-protocol": "full protocol, cycles", "inline-crypto": "inline crypto, cycles"}[r["kind"]]
            put(kind, case, r["own_cycles_per_packet"]["best"], r)
    return out


def figures(rows, e2e):
    """(kind, case) -> Found, of everything TARGETS may ask for and this run has measured. Ratios are of what one run measured."""
    runs = {}
    for r in e2e:
        runs.setdefault((r.get("round"), r.get("run")), []).append(r)
    out = {}
    for one in runs.values():
        for key, (value, reason) in figures_of_run(one).items():
            out.setdefault(key, Found([], reason)).values.append(value)
    alone = {f"{r['direction']} {r['size']}": r for r in e2e if is_peer_case(r)}
    for r in rows:
        if r["suite"] == PEER_SUITE:
            where = f"; ipsec-gw by stage: {by_stage(alone[r['case']])}" if r["case"] in alone else ""
            reason = f"{r['ipsec_gw_cycles']:.0f} cycles against {r['ipsec_secgw_cycles']:.0f}, ports {r['ports_cycles']:.0f} of both{where}"
            out[("peer", r["case"])] = Found(r.get("ratios", [r["ratio"]]), reason)
    return out


def is_peer_case(row):
    return row["sas"] == 1 and all(row[axis] == value for axis, value in PLAIN.items())


def check(found):
    """Lines for people, and whether each target that was measured holds. What was not measured does not hold."""
    lines, good = [f"{'':<7} {'FIGURE':<34} {'CASE':<21} {'MEDIAN':>12} {'SPREAD':>7}  TARGET"], True
    for kind, case, relation, bound in TARGETS:
        figure = found.get((kind, case))
        holds = figure is not None and (figure.value >= bound if relation == ">=" else figure.value <= bound)
        good &= holds
        shown = "not measured" if figure is None else f"{figure.value:.2f}"
        width = "" if figure is None or len(figure.values) < 2 else f"{figure.spread:.1%}"
        lines.append(f"{'ok' if holds else 'MISSED':<7} {kind:<34} {case:<21} {shown:>12} {width:>7}  {relation} {bound}")
        if figure is not None and not holds:
            lines.append(f"        {figure.reason}")
    return lines, good


def merged(e2e):
    """The rounds of each case as one row: the best windows of all."""
    out = {}
    for r in e2e:
        best = out.get(r["name"])
        if best is None or r["cycles_per_packet"]["best"] < best["cycles_per_packet"]["best"]:
            out[r["name"]] = r
    return list(out.values())


def markdown(result):
    """The tables of bench/README.md."""
    machine, build = result["machine"], result["build"]
    out = [f"{machine['cpu']}, {machine['cores']} cores, TSC {machine['tsc_hz'] / 1e9:.1f} GHz, {'huge' if result['huge_pages'] else '4 KiB'} pages; {build['dpdk']}, "
           f"{build['compiler']}, commit {build['commit']}; load before the run {result['load']:.1f}. TSC cycles per packet of one core, medians of {result['rounds']} rounds.",
           "", "| case | suite | ports alone | ipsec-gw | ipsec-secgw | its mode | ratio | spread | without the ports |", "|---|---|---|---|---|---|---|---|---|"]
    for r in result["peers"]:
        out.append(f"| {r['case']} | {r['suite']} | {r['ports_cycles']:.0f} | {r['ipsec_gw_cycles']:.0f} | {r['ipsec_secgw_cycles']:.0f} | {r['ipsec_secgw_mode']} | "
                   f"{r['ratio']:.2f} | {r['ratio_spread']:.1%} | {r['ratio_without_ports']:.2f} |")
    out += ["", "The gateway by itself (`bench_e2e`, replay window on; best windows):", "",
            "| case | suite | engine | kind | SAs | burst | workers | cycles | without the ports | cipher | cipher's share | Mpkt/s |", "|" + "---|" * 12]
    for r in merged(result["e2e"]):
        churn = f", {r['churn']} replaced a second" if r["churn"] else ""
        if r["policies"] > r["sas"]:
            churn += f", {r['policies']} policies"
        if r["policy_changes"]:
            churn += f", {r['policy_changes']} of them change a second"
        inline = r["kind"] != "software"
        out.append(f"| {r['direction']} {r['size']} | {r['suite']} | {r['engine']} | {r['kind']} | {r['sas']}{churn} | {r['burst']} | {r['workers']} | "
                   f"{r['cycles_per_packet']['best']:.0f} | {r['own_cycles_per_packet']['best']:.0f} | " +
                   ("- | - | " if inline else f"{r['cipher_cycles_per_packet']['best']:.0f} | {r['cipher_share']:.0%} | ") + f"{r['mpps']:.2f} |")
    return "\n".join(out)


def headline(result):
    """The README's table: AES-128-GCM, ratio by direction and size."""
    ratios = {r["case"]: r["ratio"] for r in result["peers"] if r["suite"] == PEER_SUITE}
    sizes = [size for size in ("60", "imix", "1420") if any(f"{d} {size}" in ratios for d in ("out", "in"))]
    out = [f"| cycles of ipsec-secgw over ipsec-gw, {PEER_SUITE}, frames of | " + " | ".join("IMIX" if s == "imix" else f"{s} bytes" for s in sizes) + " |",
           "|---|" + "---|" * len(sizes)]
    for direction, word in (("out", "outbound"), ("in", "inbound")):
        out.append(f"| {word} | " + " | ".join(f"{ratios[f'{direction} {s}']:.2f}" if f"{direction} {s}" in ratios else "-" for s in sizes) + " |")
    machine, build = result["machine"], result["build"]
    out += ["", f"{machine['cpu']}, one of {machine['cores']} cores, load {result['load']:.1f}; {build['dpdk']}; commit {build['commit']}; ports included, medians of "
            f"{result['rounds']} rounds."]
    return "\n".join(out)


BEGIN, END = "<!-- tools/bench-peers --update writes this -->", "<!-- until here -->"


def updated(text, tables):
    """`text` with what stands between the marks replaced."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no place for the tables: {BEGIN} and {END} are missing")
    return f"{before}{BEGIN}\n\n{tables}\n\n{END}{after}"
