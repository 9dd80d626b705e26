#!/usr/bin/python3
"""Counts instructions per packet; called by tools/bench-instructions, which installs first.

qemu-user runs bench/instructions one instruction at a time and logs each address; the program says which addresses are its own, which are
OpenSSL's, and which calls stand before and behind a burst and its cipher. Addresses under qemu-user are the same in each run, so a first run,
without log, tells what the second has to log.
"""

import argparse
import collections
import dataclasses
import os
import pathlib
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import arm64
import builds
import process
import sysroot

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "logs"
PROGRAM = "bench/instructions/bench_instructions"
LIMIT = 1.3         # times x86-64's instructions
LIMIT_S = 900
BEGIN, END = "<!-- tools/bench-instructions --update writes this -->", "<!-- until here -->"


class CountError(Exception):
    pass


@dataclasses.dataclass(frozen=True)
class Platform:
    name: str
    emulator: tuple
    program: pathlib.Path


@dataclasses.dataclass
class Layout:
    """What the program says of itself."""
    ranges: dict        # "own", "openssl" -> (start, end)
    markers: dict       # address -> name
    cases: list         # (direction, bytes, packets)


@dataclasses.dataclass
class Count:
    """Instructions per packet."""
    framing: float      # outside the cipher call
    engine: float       # in it, of this project
    openssl: float      # in it, libcrypto's; not the C library's

    @property
    def own(self):
        return self.framing + self.engine


def layout(text):
    found = Layout({}, {}, [])
    for line in text.splitlines():
        kind, *words = line.split()
        if kind == "map":
            name = words[2] if len(words) > 2 else ""
            which = "own" if name == "program" else "openssl" if "/libcrypto.so" in name else None
            if which:
                found.ranges[which] = (int(words[0], 16), int(words[1], 16))
        elif kind == "marker":
            found.markers[int(words[1], 16)] = words[0]
        elif kind == "case":
            found.cases.append((words[0], int(words[1]), int(words[2])))
    if set(found.ranges) != {"own", "openssl"} or len(found.markers) != 4 or not found.cases:
        raise CountError("the program did not say where it lies")
    return found


def tell(lines, where):
    """For each case a counter of (in the cipher?, "own" or "openssl"). `lines` are qemu's: an address follows the first slash."""
    own_start, own_end = where.ranges["own"]
    bursts, current, ciphers = [], None, False
    begins = next(f"{address:016x}" for address, name in where.markers.items() if name == "burst_begins")
    for line in lines:
        if not line.startswith("Trace ") or (current is None and begins not in line):
            continue
        address = int(line.split("/", 2)[1], 16)
        marker = where.markers.get(address)
        if marker == "burst_begins":
            current = collections.Counter()
        elif current is None:
            continue
        elif marker == "burst_ends":
            bursts.append(current)
            current = None
        elif marker is not None:
            ciphers = marker == "cipher_begins"
        else:
            current[ciphers, "own" if own_start <= address < own_end else "openssl"] += 1
    return bursts


def count(platform, parts):
    """{(direction, bytes): Count}; `parts` are the ranges to be logged."""
    asked = subprocess.run([*platform.emulator, platform.program], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    if asked.returncode != 0:
        raise CountError(f"{platform.name}: {asked.stderr.strip()[-300:]}")
    where = layout(asked.stdout)
    only = ",".join(f"{where.ranges[part][0]:#x}..{where.ranges[part][1]:#x}" for part in parts)
    with tempfile.TemporaryDirectory(prefix="instructions-") as work:
        pipe = pathlib.Path(work) / "log"
        os.mkfifo(pipe)
        command = [*platform.emulator, "-singlestep", "-d", "exec,nochain", "-dfilter", only, "-D", pipe, platform.program]
        with (pathlib.Path(work) / "out").open("w+", encoding="utf-8") as out:
            child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                with pipe.open(encoding="ascii", errors="replace") as lines:
                    bursts = tell(lines, where)
                status = child.wait(60)
            finally:
                if child.poll() is None:
                    process.end(child)
            out.seek(0)
            if status != 0 or layout(out.read()).markers != where.markers or len(bursts) != len(where.cases):
                raise CountError(f"{platform.name}: the run that was logged ended with {status} after {len(bursts)} bursts")
    return {(direction, size): Count(*(burst[key] / packets for key in ((False, "own"), (True, "own"), (True, "openssl"))))
            for (direction, size, packets), burst in zip(where.cases, bursts)}


def platforms(cpu, jobs):
    if os.uname().machine != "x86_64":
        raise CountError("needs an x86-64 machine: the figures are compared with its build")
    builder = builds.Builder(ROOT, LOGS, jobs)
    builder.configure("gcc")
    builder.compile("gcc", [PROGRAM])
    cross = arm64.Arm64(cpu, jobs)
    cross.configure()
    cross.compile([PROGRAM])
    return (Platform("x86-64", ("qemu-x86_64-static", "-cpu", "max"), builder.directory("gcc") / PROGRAM),
            Platform(f"arm64 ({cpu})", tuple(cross.emulator()), cross.directory / PROGRAM))


def ratios(x86, arm):
    return {case: arm[case].own / x86[case].own for case in x86}


def table(name, x86, arm):
    lines = [f"| aes128gcm16, OpenSSL; {name} | x86-64: framing | engine | OpenSSL | arm64: framing | engine | OpenSSL | framing and engine, arm64 over x86-64 |",
             "|---|---|---|---|---|---|---|---|"]
    for case, ratio in ratios(x86, arm).items():
        cells = [f"{case[0]} {case[1]} bytes", *(f"{value:.0f}" for count in (x86[case], arm[case]) for value in (count.framing, count.engine, count.openssl)), f"{ratio:.2f}"]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def update(tables):
    path = ROOT / "bench" / "README.md"
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN, 1)
    behind = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n\n" + "\n\n".join(tables) + f"\n\n{END}{behind}", encoding="utf-8")


def check(x86, arm):
    """Prints each case; whether all keep the limit."""
    worst = 0.0
    for case, ratio in ratios(x86, arm).items():
        worst = max(worst, ratio)
        print(f"{'ok' if ratio <= LIMIT else 'over':<6} {case[0]} {case[1]:>4} bytes: {arm[case].own:.0f} instructions a packet beside the cipher, x86-64 {x86[case].own:.0f}, ratio {ratio:.2f}")
    return worst <= LIMIT


def parse(argv):
    parser = argparse.ArgumentParser(prog="tools/bench-instructions", description="Instructions per packet on x86-64 and arm64.")
    parser.add_argument("--cpu", choices=arm64.CPUS, action="append", help="how arm64 is built (default: generic; with --update both)")
    parser.add_argument("--check", action="store_true", help=f"count without the cipher; fail above {LIMIT}")
    parser.add_argument("--update", action="store_true", help="write the tables into bench/README.md")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="parallel compilers (default: one per core)")
    return parser.parse_args(argv)


def main(argv):
    args = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    parts = ("own",) if args.check else ("own", "openssl")
    tables, good, x86 = [], True, None
    try:
        for cpu in args.cpu or (tuple(arm64.CPUS) if args.update else ("generic",)):
            here, there = platforms(cpu, args.jobs)
            x86 = x86 or count(here, parts)
            arm = count(there, parts)
            if args.check:
                good = check(x86, arm) and good
            else:
                tables.append(table(cpu, x86, arm))
    except (CountError, builds.BuildError, arm64.BuildError, sysroot.SysrootError, subprocess.SubprocessError, OSError) as error:
        print(f"bench-instructions: {error}", file=sys.stderr)
        return 1
    finally:
        process.end_all()
    if tables:
        print("\n\n".join(tables))
    if args.update:
        update(tables)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
