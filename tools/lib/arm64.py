#!/usr/bin/python3
"""Builds for arm64 on another architecture, and runs the tests under qemu; called by tools/build-arm64, which installs first."""

import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import builds
import dependencies
import process
import sysroot
import tally

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "logs"
TRIPLET = "aarch64-linux-gnu"
# Commands of the build group run on this machine.
COMMANDS = ("g++", "meson", "ninja-build", "pkg-config", "python3")
# What the compiler may use. "generic" is every 64-bit Arm server: AES and PMULL are found at run time by OpenSSL. "bluefield2" is Cortex-A72.
CPUS = {
    "generic": ("-march=armv8-a", "-moutline-atomics"),
    "bluefield2": ("-mcpu=cortex-a72+crypto",),
}
EMULATED = {"generic": "max", "bluefield2": "cortex-a72"}
# As in builds.py: compiling is most of what a run takes, so tests are compiled several files at a time; the libraries are not.
OPTIONS = ("-Ddebug=false", *builds.TOGETHER)
SUITES = ("unit", "dp")
CROSS = """\
# Written by tools/build-arm64; a build folder's own. Set up with {options}.
[binaries]
c = {c}
cpp = {cpp}
ar = '{triplet}-ar'
strip = '{triplet}-strip'
objcopy = '{triplet}-objcopy'
pkgconfig = 'pkg-config'
exe_wrapper = {wrapper}

[properties]
sys_root = '{sysroot}'
pkg_config_libdir = '{sysroot}/usr/lib/{triplet}/pkgconfig:{sysroot}/usr/share/pkgconfig'
run_with = {wrapper}

[built-in options]
c_args = {cpu}
cpp_args = {cpu}

[host_machine]
system = 'linux'
cpu_family = 'aarch64'
cpu = 'armv8-a'
endian = 'little'
"""


class BuildError(Exception):
    pass


def packages():
    """What the sysroot has: the libraries of deps.sh's build group, the C library, and dpdk-test for the model port."""
    return ("libc6-dev", "dpdk-dev", *(p for p in dependencies.of_group("build") if p not in COMMANDS))


class Arm64:
    def __init__(self, cpu, jobs):
        self.cpu = cpu
        self.jobs = jobs
        self.directory = ROOT / "build" / f"arm64-{cpu}"
        self.log = LOGS / f"arm64-{cpu}.log"
        self.sysroot = None

    def cross_file(self):
        """The sysroot, and meson's description of it; makes what is not there."""
        self.sysroot = sysroot.Sysroot("arm64", packages(), self.log).make()
        self._check_version(self.sysroot)
        text = self._cross_file(self.sysroot)
        file = self.directory.with_suffix(".ini")
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            shutil.rmtree(self.directory, ignore_errors=True)     # the sysroot has moved on
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return self.sysroot, file

    def configure(self):
        """Sets the build folder up."""
        _, file = self.cross_file()
        if not (self.directory / "build.ninja").exists():
            self._step(["meson", "setup", self.directory, ROOT, "--cross-file", file, *OPTIONS], "meson", 300)

    def compile(self, targets=()):
        self._step(["ninja", "-C", self.directory, f"-j{self.jobs}", *targets], "ninja", 2400)

    def compile_tests(self):
        """Only what the tests need: no benchmarks, no fuzzers."""
        self.compile(["build.ninja"])
        self.compile([*builds.targets_of(self.directory, builds.tests(self.directory, SUITES)), *builds.targets_under(self.directory, ROOT / "drivers")])

    def test(self, suites, limit_s):
        """Counts of the meson suites, each program under qemu. The emulator is slow: so are the time limits."""
        done = process.run(["meson", "test", "-C", self.directory, "--no-rebuild", "--print-errorlogs", "--num-processes", self.jobs, "--logbase", "arm64",
                            "--timeout-multiplier", "10", *(word for suite in suites for word in ("--suite", suite))], self.log, timeout=limit_s)
        counts = tally.of_meson_log(self.directory / "meson-logs" / "arm64.json")
        if not done.ok and counts.failed == 0:
            counts.add(tally.failure(f"meson test: {done.why()}"))
        return counts

    def test_model_port(self, limit_s):
        """Counts of DPDK's own suite on the model port."""
        emulated = " ".join([*self.emulator(), f"{self.sysroot}/usr/bin/dpdk-test"])
        done = process.run([ROOT / "tools" / "test-inline-suite", self.directory], self.log, timeout=limit_s, env={"DPDK_TEST_COMMAND": emulated})
        return tally.of_last_line(self.log, done)

    def emulator(self):
        """What runs a program of this build; after cross_file()."""
        return ["qemu-aarch64-static", "-cpu", EMULATED[self.cpu], "-L", str(self.sysroot)]

    def _cross_file(self, root):
        cpu = [*CPUS[self.cpu]]
        compiler = ["ccache"] if shutil.which("ccache") else []
        return CROSS.format(c=[*compiler, f"{TRIPLET}-gcc", f"--sysroot={root}"], cpp=[*compiler, f"{TRIPLET}-g++", f"--sysroot={root}"],
                            wrapper=self.emulator(), options=" ".join(OPTIONS), triplet=TRIPLET, sysroot=root, cpu=cpu)

    def _check_version(self, root):
        """The driver headers are of the machine's DPDK: another version in the sysroot would not fit them."""
        def version(env):
            asked = subprocess.run(["pkg-config", "--modversion", "libdpdk"], capture_output=True, text=True, env={**os.environ, **env}, check=False)
            return asked.stdout.strip() or "none"
        here = version({})
        there = version({"PKG_CONFIG_LIBDIR": f"{root}/usr/lib/{TRIPLET}/pkgconfig", "PKG_CONFIG_SYSROOT_DIR": str(root)})
        if here != there:
            raise BuildError(f"DPDK is {here} on this machine and {there} for arm64: run apt-get update and upgrade libdpdk-dev")

    def _step(self, command, what, limit_s):
        done = process.run(command, self.log, timeout=limit_s)
        if not done.ok:
            lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
            errors = [line[:300] for line in lines if "error:" in line or "ERROR" in line or "undefined reference" in line][-12:]
            raise BuildError("\n  ".join([f"{what}: {done.why()}, see {self.log}", *(errors or lines[-8:])]))


def run_tests(build):
    """Counts of everything that runs under the emulator. The build is done."""
    counts = build.test(SUITES, 1800)
    if list(build.directory.glob("drivers/**/librte_net_inline_ipsec.so")):
        counts.add(build.test_model_port(600))
    else:
        counts.add(tally.skip("model port: no DPDK driver headers"))
    return counts


def parse(argv):
    parser = argparse.ArgumentParser(prog="tools/build-arm64", description="Cross-compiles for arm64; the machine's own packages stay as they are.")
    parser.add_argument("--cpu", choices=CPUS, default="generic", help="generic: any armv8-a, features found at run time (default); bluefield2: Cortex-A72")
    parser.add_argument("--test", action="store_true", help="build only what the unit, packet and model-port suites need and run them under qemu; the last line counts the cases")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="parallel compilers and tests (default: one per core)")
    return parser.parse_args(argv)


def main(argv):
    args = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    build = Arm64(args.cpu, args.jobs)
    build.log.unlink(missing_ok=True)
    try:
        build.configure()
        if args.test:
            build.compile_tests()
        else:
            build.compile()
    except (BuildError, sysroot.SysrootError) as error:
        print(f"build-arm64: {error}", file=sys.stderr)
        if args.test:
            print("0 passed, 1 failed, 0 skipped")
        return 1
    finally:
        process.end_all()
    print(f"built for arm64 ({args.cpu}): {build.directory.relative_to(ROOT)}")
    if not args.test:
        return 0
    counts = run_tests(build)
    for note in counts.notes:
        print(f"    {note}")
    print(counts.line())
    return 1 if counts.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
