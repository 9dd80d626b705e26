#!/usr/bin/python3
"""Runs the test suites; called by tools/test, which installs first."""

import argparse
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from typing import Callable

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import arm64
import builds
import lab
import process
import strongswan
import sysroot
import tally

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "logs"

SANITIZER_ENV = {
    "ASAN_OPTIONS": "detect_stack_use_after_return=1:strict_string_checks=1:abort_on_error=0",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}
BENCHMARKS_EACH = 60        # of one program
QUICKSTART_OK = r"quickstart: ok: 20/20 pings, 0 lost, ESP packets [1-9]\d+, plaintext packets 0 on the wire, tcp [1-9]\d* Mbit/s(, offload [a-z-]+|, IKE with [a-zA-Z-]+)?"


@dataclasses.dataclass
class Suite:
    name: str
    what: str
    run: Callable                   # (Context, Suite) -> Tally
    limit_s: int
    quick: bool = False
    on_demand: bool = False         # too long to be part of every run; --all or --suite
    root: bool = False
    tools: tuple = ()               # commands it cannot do without
    build: str = "gcc"
    meson: tuple = ()               # meson suites
    only: tuple = ()                # meson test names; empty: all of the meson suites
    env: dict = dataclasses.field(default_factory=dict)


class Context:
    def __init__(self, jobs):
        self.jobs = jobs
        self.builder = builds.Builder(ROOT, LOGS, jobs)

    def log(self, suite):
        return LOGS / f"{suite.name}.log"


def meson_suite(context, suite):
    """Builds and runs the meson tests of the suite."""
    builder, name = context.builder, suite.build
    builder.configure(name)
    builder.compile(name, ["build.ninja"])     # configures again if a meson.build changed
    tests = [t for t in builder.tests(name, suite.meson) if not suite.only or t["name"] in suite.only]
    missing = set(suite.only) - {t["name"] for t in tests}
    if missing:
        return tally.failure(f"no such test: {' '.join(sorted(missing))}")
    if not tests:
        return tally.failure(f"meson knows no test of suite {' or '.join(suite.meson)}")
    if name == "gcc" and uncovered(context):
        return tally.failure(f"no suite of tools/test runs meson's {' '.join(uncovered(context))}")
    targets = builder.targets_of(name, tests)
    if targets:
        builder.compile(name, targets)
    directory = builder.directory(name)
    prefix = ["setarch", "-R"] if name.endswith("tsan") and _can_fix_addresses() else []
    command = [*prefix, "meson", "test", "-C", directory, "--no-rebuild", "--print-errorlogs", "--num-processes", context.jobs, "--logbase", suite.name,
               "--timeout-multiplier", 1 if name == "gcc" else 5, *(w for s in suite.meson for w in ("--suite", s)), *suite.only]
    done = process.run(command, context.log(suite), timeout=suite.limit_s, env=suite.env)
    counts = tally.of_meson_log(directory / "meson-logs" / f"{suite.name}.json")
    if not done.ok and counts.failed == 0:
        counts.add(tally.failure(f"meson test: {done.why()}"))
    return counts


def _can_fix_addresses():
    """tsan's shadow needs the usual layout; some kernels randomise too much for gcc 12's."""
    return process.run(["setarch", "-R", "true"], LOGS / "setarch.log", timeout=10).ok


def bench_suite(context, suite):
    """Micro benchmarks run, briefly, spread evenly over what each program has; their numbers are not judged here."""
    builder = context.builder
    builder.configure("gcc")
    programs = builder.targets_under("gcc", "bench/micro")
    if not programs:
        return tally.failure("no benchmark under bench/micro/")
    builder.compile("gcc", programs)
    counts = tally.Tally()
    for program in programs:
        out = LOGS / f"{pathlib.Path(program).name}.json"
        out.unlink(missing_ok=True)
        path = builder.directory("gcc") / program
        done = process.run([path, f"--benchmark_filter={_sample(path)}", "--benchmark_min_time=0.01", f"--benchmark_out={out}",
                            "--benchmark_out_format=json"], context.log(suite), timeout=suite.limit_s)
        counts.add(_benchmarks(program, out, done))
    return counts


def _sample(program):
    """A filter for some of a program's benchmarks: some have thousands, one for each combination."""
    listed = subprocess.run([program, "--benchmark_list_tests"], capture_output=True, text=True, timeout=60, check=False).stdout.splitlines()
    names = [line for line in listed if line and " " not in line]
    step = max(1, -(-len(names) // BENCHMARKS_EACH))
    # min_time and the like are in the listed name, but not in what the filter is matched with.
    short = (re.sub(r"/(min_time|repeats|iterations):[^/]*|/(manual|real|process)_time", "", n) for n in names[::step])
    return "^(" + "|".join(n.replace(".", "[.]") for n in short) + ")(/|$)"


def _benchmarks(program, out, done):
    try:
        rows = json.loads(out.read_text(encoding="utf-8"))["benchmarks"] if done.ok else []
    except (OSError, ValueError, KeyError):
        rows = []
    if not rows:
        return tally.failure(f"{program}: {done.why()}, no result")
    rows = [r for r in rows if "does not do the suite" not in r.get("error_message", "")]     # a combination there is not
    bad = [r["name"] for r in rows if r.get("error_occurred")]
    return tally.Tally(passed=len(rows) - len(bad), failed=len(bad), notes=[f"{program}: {b}" for b in bad])


def e2e_suite(context, suite):
    """The gateway's bench runs each kind of case, briefly, and loses nothing; its numbers are not judged here."""
    log, builder = context.log(suite), context.builder
    headers = process.run([ROOT / "tools" / "driver-headers"], log, timeout=180)
    builder.configure("gcc")
    kinds = "software,inline-crypto,full-protocol" if headers.ok else "software"
    builder.compile("gcc", builder.targets_under("gcc", "bench/e2e") + (builder.targets_under("gcc", "drivers") if headers.ok else []))
    workers = "1,2" if context.jobs > 2 else "1"
    brief = ["--windows", 2, "--window-ms", 1]
    runs = (["--kind", kinds, "--size", "60,imix", "--burst", "8,32", "--workers", workers, "--sas", "1,100"],
            ["--suite", "aes256gcm16,chacha20poly1305,aes128-sha256", "--size", "1420"], ["--engine", "openssl", "--size", "60"],
            ["--churn", "1000", "--sas", "100", "--size", "imix"])
    counts = tally.Tally()
    for words in runs:
        out = LOGS / "e2e.json"
        out.unlink(missing_ok=True)
        done = process.run([builder.directory("gcc") / "bench/e2e/bench_e2e", *brief, *words, "--json", out], log, timeout=suite.limit_s)
        rows = json.loads(out.read_text(encoding="utf-8"))["results"] if done.ok and out.exists() else []
        counts.add(tally.Tally(passed=len(rows)) if rows else tally.failure(f"{done.why()}: {_last_line(log)}"))
    return counts


def peers_suite(context, suite):
    """The comparison with ipsec-secgw runs; its ratios are not judged here."""
    builder = context.builder
    builder.configure("gcc")
    builder.compile("gcc", builder.targets_under("gcc", "app") + builder.targets_under("gcc", "bench/e2e"))
    out = LOGS / "peers.json"
    out.unlink(missing_ok=True)
    done = process.run([ROOT / "tools" / "bench-peers", "--quick", "--size", "60", "--rounds", 1, "--build", builder.directory("gcc"), "--json", out],
                       context.log(suite), timeout=suite.limit_s)
    rows = json.loads(out.read_text(encoding="utf-8"))["peers"] if done.ok and out.exists() else []
    return tally.Tally(passed=len(rows)) if rows else tally.failure(f"{done.why()}: {_last_line(context.log(suite))}")


def wire_suite(context, suite):
    """The RFC 2544 search over veth finds a rate; which, is not judged here."""
    context.builder.configure("gcc")
    context.builder.compile("gcc", context.builder.targets_under("gcc", "app"))
    out = LOGS / "wire.json"
    out.unlink(missing_ok=True)
    done = process.run([ROOT / "bench/pktgen/run-local", "--sizes", "1420", "--seconds", 0.3, "--loss", 0.3, "--resolution", 0.3, "--max-mbit", 400, "--json", out,
                        "--build", context.builder.directory("gcc")], context.log(suite), timeout=suite.limit_s)
    rows = json.loads(out.read_text(encoding="utf-8"))["results"] if done.ok and out.exists() else []
    found = [r for r in rows if r["packets_per_second"] > 0]
    return tally.Tally(passed=len(found)) if rows and found == rows else tally.failure(f"{done.why()}: {_last_line(context.log(suite))}")


def driver_suite(context, suite):
    """DPDK's own inline IPsec suite on the model port, a driver that wants headers only the source package has."""
    log = context.log(suite)
    headers = process.run([ROOT / "tools" / "driver-headers"], log, timeout=180)
    if not headers.ok:
        return tally.skip(f"no DPDK driver headers: {tally.last_line(log)}")
    context.builder.compile("gcc", ["build.ninja"])
    targets = context.builder.targets_under("gcc", "drivers")
    if not targets:         # configured before the headers were there
        context.builder.ready.discard("gcc")
        context.builder.configure("gcc")
        targets = context.builder.targets_under("gcc", "drivers")
    context.builder.compile("gcc", targets)
    done = process.run([ROOT / "tools" / "test-inline-suite", context.builder.directory("gcc")], log, timeout=suite.limit_s)
    counts = tally.of_last_line(log, done)
    if counts.skipped:
        counts.notes.append(f"{counts.skipped} skipped: what the port does not offer; each with its reason in {log.relative_to(ROOT)}")
    return counts


def arm64_suite(context, suite):
    """Everything cross-compiled, and the unit, packet and model-port tests under qemu."""
    log = context.log(suite)
    process.run([ROOT / "tools" / "driver-headers"], log, timeout=180)
    build = arm64.Arm64("generic", context.jobs)
    build.log = log
    try:
        build.configure()
        build.compile_tests()
    except (arm64.BuildError, sysroot.SysrootError) as error:
        return tally.failure(str(error))
    return arm64.run_tests(build)


def netns_suite(context, suite):
    """Gateways in namespaces, scapy and tshark as oracles."""
    runner = ROOT / "tests" / "netns" / "run"
    if not runner.exists():
        return tally.failure("tests/netns/run is missing")
    context.builder.compile("gcc", _programs(context))
    out = LOGS / "netns.json"
    out.unlink(missing_ok=True)
    done = process.run([runner, "--build", context.builder.directory("gcc"), "--json", out], context.log(suite), timeout=suite.limit_s)
    counts = tally.of_cases(out)
    if not done.ok and counts.failed == 0:
        counts.add(tally.failure(f"tests/netns/run: {done.why()}"))
    return counts


def install_suite(context, suite):
    """The Dockerfile's stages and the packages, in clean Debian roots."""
    runner = ROOT / "tests" / "install" / "run"
    if not runner.exists():
        return tally.failure("tests/install/run is missing")
    out = LOGS / "install.json"
    out.unlink(missing_ok=True)
    done = process.run([runner, "--json", out, "--log", LOGS / "install-roots.log"], context.log(suite), timeout=suite.limit_s)
    counts = tally.of_cases(out)
    if not done.ok and counts.failed == 0:
        counts.add(tally.failure(f"tests/install/run: {done.why()}"))
    return counts


def quickstart_suite(context, suite):
    """The README's first command, as a user runs it: in software, with a look-aside device, with the SAs in the model port, by IKE."""
    log = context.log(suite)
    headers = process.run([ROOT / "tools" / "driver-headers"], log, timeout=180)
    counts = tally.Tally()
    ways = ([], ["--offload", "lookaside"], ["--offload", "full"], ["--offload", "crypto"], ["--offload", "auto"], ["--ike"], ["--ike", "--peer", "strongswan"])
    for words in ways:
        if "--offload" in words and "lookaside" not in words and not headers.ok:
            counts.add(tally.skip(f"{' '.join(words)}: no DPDK driver headers"))
            continue
        if "--peer" in words and strongswan.missing():
            counts.add(tally.skip(f"{' '.join(words)}: {strongswan.missing()}"))
            continue
        done = process.run([ROOT / "tools" / "quickstart", "--name", f"test{os.getpid()}", *words], log, timeout=suite.limit_s)
        if done.ok and re.fullmatch(QUICKSTART_OK, tally.last_line(log)):
            counts.add(tally.Tally(passed=1))
        else:
            counts.add(tally.failure(f"{' '.join(words)} {done.why()}: {tally.last_line(log)}"))
    return counts


def interop_suite(context, suite):
    """IKE with strongSwan and between gateways, in namespaces; then the IKE benchmark, briefly: its numbers are not judged here."""
    log = context.log(suite)
    context.builder.compile("gcc", _programs(context))
    out = LOGS / "interop.json"
    out.unlink(missing_ok=True)
    done = process.run([ROOT / "tests" / "interop" / "run", "--build", context.builder.directory("gcc"), "--json", out], log, timeout=suite.limit_s)
    counts = tally.of_cases(out)
    if not done.ok and counts.failed == 0:
        counts.add(tally.failure(f"tests/interop/run: {done.why()}"))
    done = process.run([ROOT / "tools" / "bench-ike", "--tunnels", 100, "--rekeys", 100, "--seconds", 2, "--rate", 2000,
                        "--strongswan", 0 if strongswan.missing() else 50], log, timeout=100)
    counts.add(tally.Tally(passed=1) if done.ok else tally.failure(f"bench-ike: {done.why()}: {tally.last_line(log)}"))
    return counts


def _programs(context):
    context.builder.configure("gcc")
    return context.builder.targets_under("gcc", "app") + context.builder.targets_under("gcc", "tools")


SUITES = (
    Suite("unit", "libraries, vectors, models; layers and globals", meson_suite, 300, quick=True, meson=("unit",)),
    Suite("dp", "packets through whole workers", meson_suite, 300, quick=True, meson=("dp",)),
    Suite("asan", "clang build; unit and dp under the address and undefined-behaviour sanitizers", meson_suite, 600, build="clang-asan",
          meson=("unit", "dp"), env=SANITIZER_ENV, tools=("clang++",)),
    Suite("fuzz", "every parser of foreign text, from its corpus", meson_suite, 400, build="clang-asan", meson=("fuzz",), env=SANITIZER_ENV,
          tools=("clang++",)),
    Suite("tsan", "what threads share, under the thread sanitizer", meson_suite, 600, build="gcc-tsan", meson=("unit", "dp"),
          only=("sa", "dpdk", "event_loop", "fib", "esp-software"), env=SANITIZER_ENV),
    Suite("long", "10 million mutated packets, 100 million through one worker", meson_suite, 400, meson=("long",)),
    Suite("netns", "gateways in namespaces, scapy and tshark as oracles", netns_suite, 600, root=True, tools=("ip", "ethtool", "tcpdump", "tshark")),
    Suite("interop", "IKE with strongSwan, and between gateways", interop_suite, 400, root=True, tools=("ip", "ethtool", "ping", "tcpdump", "tshark")),
    Suite("quickstart", "the README's first command", quickstart_suite, 300, root=True, tools=("ip", "ethtool", "ping", "iperf3", "tcpdump")),
    Suite("driver", "DPDK's inline IPsec suite on the model port", driver_suite, 400, tools=("dpdk-test",)),
    Suite("install", "packages and the container's recipe, in clean Debian roots", install_suite, 2400, on_demand=True, root=True, tools=("debootstrap", "unshare")),
    Suite("arm64", "cross build; unit, dp and driver under qemu", arm64_suite, 3600, on_demand=True, tools=("aarch64-linux-gnu-g++", "qemu-aarch64-static")),
    Suite("bench", "every micro benchmark runs", bench_suite, 200),
    Suite("e2e", "the gateway's bench runs each kind of case", e2e_suite, 100),
    Suite("wire", "the RFC 2544 search over veth finds a rate", wire_suite, 120, root=True, tools=("ip", "tc", "ethtool", "dpdk-testpmd")),
    Suite("peers", "the comparison with ipsec-secgw runs", peers_suite, 200, tools=("dpdk-testpmd", "make")),
)


def uncovered(context):
    """Meson suites that no suite here runs: a new one must not be forgotten."""
    known = {name for suite in SUITES for name in suite.meson}
    found = {name.split(":")[-1] for test in context.builder.introspect("gcc", "tests") for name in test["suite"]}
    return sorted(found - known)


def why_not(suite):
    """Why a suite cannot run here, or None."""
    absent = [t for t in suite.tools if not (shutil.which(t) or shutil.which(t, path="/usr/sbin:/sbin"))]
    if absent:
        return f"not installed: {' '.join(absent)}"
    if suite.root and os.geteuid() != 0:
        return "needs root: network namespaces"
    return None


def run_suite(context, suite):
    reason = why_not(suite)
    if reason:
        return tally.skip(reason)
    context.log(suite).unlink(missing_ok=True)
    try:
        counts = suite.run(context, suite)
    except builds.BuildError as error:
        return tally.failure(str(error))
    except (OSError, ValueError, LookupError, subprocess.SubprocessError) as error:
        return tally.failure(f"{type(error).__name__}: {error}")
    if counts.total == 0:
        return tally.failure("ran no test")
    return counts


def left_out(suite, args):
    """Why a suite is not to run, or None."""
    if suite.name in args.skip:
        return "asked for by --skip"
    if suite.on_demand and not args.all and suite.name not in args.suite:
        return f"on demand: tools/test --suite {suite.name}, or --all"
    return None


def report(suite, counts, seconds, log):
    print(f"{suite.name:<11} {counts.line():<40} {seconds:>5.0f} s", flush=True)
    for note in counts.notes:
        print(f"    {note}")
    if counts.failed and log.exists():
        print(f"    --- the end of {log.relative_to(ROOT)}")
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines()[-40:]:
            print(f"    {line}")
    sys.stdout.flush()


def parse(argv):
    parser = argparse.ArgumentParser(prog="tools/test", description="Runs the test suites; the last line counts the cases.")
    parser.add_argument("--quick", action="store_true", help="release build, unit and packet tests only")
    parser.add_argument("--all", action="store_true", help="the suites on demand too: clean roots and the cross build, about 20 minutes more on 2 cores")
    parser.add_argument("--suite", action="append", default=[], choices=[s.name for s in SUITES], help="only this suite; may be repeated")
    parser.add_argument("--skip", action="append", default=[], choices=[s.name for s in SUITES], help="not this suite, which counts as one skipped case; may be repeated")
    parser.add_argument("--list", action="store_true", help="list the suites and exit")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="parallel compilers and tests (default: one per core)")
    return parser.parse_args(argv)


def main(argv):
    args = parse(argv)
    if args.list:
        for suite in SUITES:
            print(f"{suite.name:<11} {'root  ' if suite.root else '      '}{'quick  ' if suite.quick else '       '}{suite.what}")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="igw-") as runtime:
        os.environ["RUNTIME_DIRECTORY"] = runtime       # what DPDK processes leave behind goes with it
        return run_all(args)


def run_all(args):
    chosen = [s for s in SUITES if (s.name in args.suite if args.suite else s.quick or not args.quick)]
    context, total, start = Context(args.jobs), tally.Tally(), time.monotonic()
    LOGS.mkdir(parents=True, exist_ok=True)
    for log in LOGS.glob("build-*.log"):
        log.unlink()
    try:
        for suite in chosen:
            begin = time.monotonic()
            reason = left_out(suite, args)
            counts = tally.skip(reason) if reason else run_suite(context, suite)
            report(suite, counts, time.monotonic() - begin, context.log(suite))
            total.add(counts)
    except KeyboardInterrupt:
        total.add(tally.failure("interrupted"))
    finally:
        process.end_all()
        if os.geteuid() == 0:
            lab.sweep()
    print(f"total       {time.monotonic() - start:.0f} s, logs in {LOGS.relative_to(ROOT)}/")
    print(total.line(), flush=True)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
