#!/usr/bin/python3
"""Runs ipsec-gw and its peers side by side; called by tools/bench-peers, which installs first."""

import argparse
import dataclasses
import itertools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import peer_programs
import peer_report
import peer_traffic

ROOT = pathlib.Path(__file__).resolve().parents[2]


@dataclasses.dataclass(frozen=True)
class Case:
    direction: str
    size: str
    suite: str


@dataclasses.dataclass
class Settings:
    folder: pathlib.Path            # of this run
    runtime: pathlib.Path           # DPDK's sockets: a short path
    core: int                       # polls
    control_core: int               # everything else
    huge_pages: bool
    memory_mb: int = 512
    pcap: pathlib.Path = None


# bench_e2e, by what is asked: each list of options is one run of it. 1,000,000 SAs take minutes and several GB: only when asked for.
E2E_QUICK = (["--size", "60,imix,1420"],)
E2E_ALL = (
    ["--size", "60,imix,1420", "--suite", "aes128gcm16,aes256gcm16,chacha20poly1305,aes128-sha256"],
    ["--size", "60,1420", "--engine", "openssl"],
    ["--size", "60", "--burst", "8,32"],
    ["--size", "imix", "--sas", "1000", "--workers", "1,2,3"],
    ["--size", "imix", "--sas", "1000", "--churn", "0,25000"],
    ["--size", "imix", "--sas", "1,100000"],
    ["--size", "imix", "--sas", "1000", "--policies", "2000,100000", "--policy-changes", "0,1000", "--direction", "out"],
    ["--size", "60", "--kind", "inline-crypto,full-protocol"],
)
# The large case comes first: what its SAs take shows in the growth of the process.
E2E_LARGE = tuple(["--size", "imix", "--sas", "1000000,1", "--direction", direction] for direction in ("out", "in"))


def cases(args):
    return [Case(direction, size, suite) for suite in args.suite for size in args.size for direction in args.direction]


def compare(case, settings, programs, args):
    """Starts all, then measures them in turn, round by round: what the machine does otherwise hits all alike."""
    settings.pcap = settings.folder / f"{case.direction}-{case.size}-{case.suite}.pcap"
    if not settings.pcap.exists():
        peer_traffic.write(settings.pcap, case.direction, case.size, case.suite)
    running = []
    try:
        running.append(peer_programs.testpmd(settings))
        running.append(peer_programs.ipsec_gw(settings, programs["ipsec-gw"], case))
        modes = peer_programs.secgw_modes(case.suite)
        running += [peer_programs.secgw(settings, programs["secgw"], case, mode) for mode in modes]
        for program in running:
            program.start()
        rounds = [[program.measure(args.seconds, args.tsc_hz) for program in running] for _ in range(args.rounds)]
    finally:
        for program in running:
            program.stop()
    ports, ours, *peers = (list(column) for column in zip(*rounds))
    return peer_report.summarize(case, ports, ours, dict(zip(modes, peers)))


def run_e2e(args, settings, runs):
    """Rows of bench_e2e, and what it says of machine and build. What is set against each other is in one run of it, and all is run
    round by round: a ratio is one round's."""
    out, rows, head = settings.folder / "e2e.json", [], {}
    for number, (run, words) in itertools.product(range(args.e2e_rounds), enumerate(runs)):
        command = [args.build / "bench/e2e/bench_e2e", "--window-ms", "10", "--windows", "7", *words, "--json", out]
        if settings.huge_pages:
            command.append("--huge")
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=900, check=False)
        if done.returncode != 0:
            print(f"bench-peers: bench_e2e {' '.join(words)}: {done.stderr.strip()}", file=sys.stderr)
            continue
        result = json.loads(out.read_text(encoding="utf-8"))
        head = {"machine": result["machine"], "build": result["build"]}
        rows += [row | {"round": number, "run": run} for row in result["results"]]
        print("\n".join(done.stdout.splitlines()[1:] if len(rows) > len(result["results"]) else done.stdout.splitlines()), flush=True)
    if not rows:
        raise peer_programs.PeerError("bench_e2e measured nothing")
    return rows, head


def measure(args, folder):
    cpus = sorted(os.sched_getaffinity(0))
    core = args.core if args.core is not None else cpus[-1]
    settings = Settings(folder=folder, runtime=folder, core=core, control_core=cpus[0], huge_pages=args.huge)
    programs = {"ipsec-gw": args.build / "app/ipsec-gw", "secgw": peer_programs.build_secgw(ROOT / "build" / "peers", folder / "build.log")}
    result = {"huge_pages": args.huge, "load": os.getloadavg()[0], "rounds": args.rounds, "seconds": args.seconds}

    runs = E2E_QUICK if args.quick else E2E_ALL + (E2E_LARGE if args.large or args.check else ())
    result["e2e"], head = run_e2e(args, settings, runs)
    result |= head
    args.tsc_hz = head["machine"]["tsc_hz"]
    print()
    result["peers"] = []
    for case in cases(args):
        result["peers"].append(compare(case, settings, programs, args))
        lines = peer_report.table(result["peers"][-1:]).splitlines()
        print("\n".join(lines if len(result["peers"]) == 1 else lines[1:]), flush=True)
    return result


def parse(argv):
    parser = argparse.ArgumentParser(prog="tools/bench-peers", description="ipsec-gw and DPDK's ipsec-secgw on the same packets, core and cipher, in turn.")
    parser.add_argument("--quick", action="store_true", help="AES-128-GCM only, fewer rounds: under 3 minutes")
    parser.add_argument("--check", action="store_true", help="judge the ratios by the project's targets; exit status 1 when one is missed")
    parser.add_argument("--large", action="store_true", help="a million SAs, too: minutes and several GB")
    parser.add_argument("--suite", type=lambda t: t.split(","), help=f"of {','.join(peer_traffic.SUITES)}")
    parser.add_argument("--size", type=lambda t: t.split(","), default=list(peer_traffic.MIXES), help=f"of {','.join(peer_traffic.MIXES)}")
    parser.add_argument("--direction", type=lambda t: t.split(","), default=["out", "in"], help="of out,in")
    parser.add_argument("--rounds", type=int, help="windows of each program and case (default 9; quick 5)")
    parser.add_argument("--seconds", type=float, help="of a window (default 0.4; quick 0.2)")
    parser.add_argument("--core", type=int, help="the core that polls (default: the last of this process)")
    parser.add_argument("--huge", action="store_true", help="huge pages for all programs (default: none for any)")
    parser.add_argument("--build", type=pathlib.Path, help="build folder with ipsec-gw and bench_e2e (default: build/gcc, built here)")
    parser.add_argument("--json", type=pathlib.Path, help="write everything to this file")
    parser.add_argument("--markdown", action="store_true", help="end with the tables of bench/README.md")
    parser.add_argument("--update", action="store_true", help="write the tables into README.md and bench/README.md")
    parser.add_argument("--from-json", type=pathlib.Path, help="measure nothing: say it again from this file")
    args = parser.parse_args(argv)
    args.suite = args.suite or (["aes128gcm16"] if args.quick else list(peer_traffic.SUITES))
    for given, known, name in ((args.suite, peer_traffic.SUITES, "suite"), (args.size, peer_traffic.MIXES, "size"), (args.direction, ("out", "in"), "direction")):
        if unknown := [g for g in given if g not in known]:
            parser.error(f"no {name}: {','.join(unknown)}")
    args.rounds = args.rounds or (5 if args.quick else 9)
    args.e2e_rounds = 1 if args.quick else 3
    args.seconds = args.seconds or (0.2 if args.quick else 0.4)
    return args


def build(args):
    if args.build is not None:
        return
    import builds
    logs = ROOT / "build" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    builder = builds.Builder(ROOT, logs, len(os.sched_getaffinity(0)))
    builder.configure("gcc")
    builder.compile("gcc", [t for folder in ("app", "bench/e2e", "drivers") for t in builder.targets_under("gcc", folder)])
    args.build = builder.directory("gcc")


def main(argv):
    args = parse(argv)
    begin = time.monotonic()
    if args.from_json:
        result = json.loads(args.from_json.read_text(encoding="utf-8"))
    else:
        build(args)
        folder = pathlib.Path(tempfile.mkdtemp(prefix="peers-"))
        try:
            result = measure(args, folder)
        except peer_programs.PeerError as error:
            print(f"bench-peers: {error}", file=sys.stderr)
            return 2
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        print(f"\n{time.monotonic() - begin:.0f} s; load before {result['load']:.1f}")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    if args.markdown:
        print("\n" + peer_report.markdown(result))
    if args.update:
        for name, tables in (("README.md", peer_report.headline(result)), ("bench/README.md", peer_report.markdown(result))):
            path = ROOT / name
            path.write_text(peer_report.updated(path.read_text(encoding="utf-8"), tables), encoding="utf-8")
    if not args.check:
        return 0
    lines, good = peer_report.check(peer_report.figures(result["peers"], result["e2e"]))
    print("\n" + "\n".join(lines))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
