"""What tools/bench-peers says: a table, JSON, the Markdown of bench/README.md, and whether issue targets hold."""

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
           "ratio": statistics.median(with_ports), "ratio_spread": spread(with_ports), "ratio_without_ports": statistics.median(without)}
    return {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}


def table(rows):
    out = [f"{'CASE':<10} {'SUITE':<17} {'PORTS':>6} {'IPSEC-GW':>9} {'IPSEC-SECGW':>12}  {'MODE':<28} {'RATIO':>6} {'SPREAD':>7} {'NO PORTS':>9}"]
    for r in rows:
        out.append(f"{r['case']:<10} {r['suite']:<17} {r['ports_cycles']:>6.0f} {r['ipsec_gw_cycles']:>9.0f} {r['ipsec_secgw_cycles']:>12.0f}  "
                   f"{r['ipsec_secgw_mode']:<28} {r['ratio']:>6.2f} {r['ratio_spread']:>6.1%} {r['ratio_without_ports']:>9.2f}")
    return "\n".join(out)


def figures(rows, e2e):
    """(kind, case) -> value, of everything TARGETS may ask for and this run has measured."""
    out = {("peer", r["case"]): r["ratio"] for r in rows if r["suite"] == PEER_SUITE}
    alone = {}
    for r in e2e:
        case = f"{r['direction']} {r['size']}"
        alone[(case, r["suite"], r["engine_choice"], r["kind"], r["sas"], r["burst"], r["workers"], r["churn"])] = r
    for (case, suite, engine, kind, sas, burst, workers, churn), r in alone.items():
        if suite != PEER_SUITE:
            continue
        rate, cost = r["mpps"], r["cycles_per_packet"]["best"]

        def against(**other):
            key = {"engine": engine, "kind": kind, "sas": sas, "burst": burst, "workers": workers, "churn": churn, **other}
            return alone.get((case, suite, *key.values()))

        plain = (kind, burst, churn) == ("software", 32, 0) and workers == 1
        if plain and sas == 1 and r["cipher_cycles_per_packet"]["best"] > 0:
            name = case if engine == "auto" else f"{case} {engine}"
            out[("over cipher", name)] = r["net_cycles_per_packet"] / r["cipher_cycles_per_packet"]["best"]
        if plain and sas > 1 and engine == "auto" and (one := against(sas=1)):
            out[(f"{sas} SAs against 1", case)] = one["cycles_per_packet"]["best"] / cost
        if burst == 8 and (long := against(burst=32)):
            out[("bursts of 8 against 32", case)] = cost / long["cycles_per_packet"]["best"]
        if workers > 1 and (one := against(workers=1)):
            out[(f"{workers} workers against 1", case)] = rate / one["mpps"]
        # A rate that was not reached says nothing of one that is.
        if churn and r["churn_rate"] >= 0.9 * churn and (still := against(churn=0)):
            out[(f"{churn} SA replacements a second", case)] = still["cycles_per_packet"]["best"] / cost
        if kind != "software":
            out[({"full-protocol": "full protocol, cycles", "inline-crypto": "inline crypto, cycles"}[kind], case)] = r["own_cycles_per_packet"]["best"]
    return out


def check(found):
    """Lines for people, and whether each target that was measured holds. What was not measured does not hold."""
    lines, good = [], True
    for kind, case, relation, bound in TARGETS:
        value = found.get((kind, case))
        holds = value is not None and (value >= bound if relation == ">=" else value <= bound)
        good &= holds
        shown = "not measured" if value is None else f"{value:.2f}"
        lines.append(f"{'ok  ' if holds else 'FAIL'}  {kind:<34} {case:<17} {shown:>12}  {relation} {bound}")
    return lines, good


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
    for r in result["e2e"]:
        churn = f", {r['churn']} replaced a second" if r["churn"] else ""
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
