"""The builds the suites run in, made when a suite first asks."""

import dataclasses
import json
import os
import pathlib
import shutil
import subprocess

import process


@dataclasses.dataclass(frozen=True)
class Build:
    name: str
    compiler: str           # "gcc" or "clang"
    options: tuple = ()

    @property
    def env(self):
        c, cxx = ("gcc", "g++") if self.compiler == "gcc" else ("clang", "clang++")
        return {"CC": c, "CXX": cxx}


# Compile time is most of a run: line numbers are all the debug information it needs, the sanitizers' builds optimise less, and tests are
# compiled several files at a time (what is measured is not: see file_by_file in meson.build).
TOGETHER = ("-Dunity=on", "-Dunity_size=8")
LINES = ("-Ddebug=false", "-Dc_args=-g1", "-Dcpp_args=-g1", *TOGETHER)
SANITIZED = ("-Doptimization=1", "-Db_lundef=false", "-Dbench=false", *LINES)
BUILDS = {
    b.name: b
    for b in (
        Build("gcc", "gcc", LINES),
        Build("clang-asan", "clang", ("-Db_sanitize=address,undefined", "-Dfuzz=true", *SANITIZED)),
        # The rings as Arm has them: x86's are plain loads and stores with a compiler barrier, which the sanitizer takes for races.
        Build("gcc-tsan", "gcc", ("-Db_sanitize=thread", *SANITIZED, "-Dc_args=-g1 -DRTE_USE_C11_MEM_MODEL", "-Dcpp_args=-g1 -DRTE_USE_C11_MEM_MODEL")),
    )
}


class BuildError(Exception):
    """A build that failed; the message names the log and ends with what matters of it."""

    def __init__(self, what, log):
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
        errors = [line[:300] for line in lines if "error:" in line or "ERROR" in line or "undefined reference" in line][:12]
        super().__init__("\n    ".join([f"{what}: {log}", *(errors or [line[:300] for line in lines[-12:]])]))


class Builder:
    def __init__(self, root: pathlib.Path, logs: pathlib.Path, jobs: int):
        self.root = root
        self.logs = logs
        self.jobs = jobs
        self.failed = {}
        self.ready = set()

    def directory(self, name):
        return self.root / "build" / name

    def configure(self, name):
        """Sets a build folder up, or brings the options of an existing one up to date."""
        if name in self.ready:
            return
        build, directory = BUILDS[name], self.directory(name)
        if not shutil.which(build.env["CXX"]):
            raise BuildError(f"{build.env['CXX']} is not installed", self.log(name))
        fresh = not (directory / "build.ninja").exists()
        if fresh and directory.exists():    # an interrupted set-up
            shutil.rmtree(directory)
        command = ["meson", "setup", *([] if fresh else ["--reconfigure"]), directory, self.root, *build.options]
        done = process.run(command, self.log(name), timeout=300, env=build.env)
        if not done.ok:
            raise BuildError(f"meson {done.why()}", self.log(name))
        self.ready.add(name)

    def compile(self, name, targets=()):
        """Builds targets (ninja's names; none: everything). A failure is remembered: later suites do not try again."""
        if name in self.failed:
            raise self.failed[name]
        try:
            self.configure(name)
            done = process.run(["ninja", "-C", self.directory(name), f"-j{self.jobs}", *targets], self.log(name), timeout=1200)
            if not done.ok:
                raise BuildError(f"ninja {done.why()}", self.log(name))
        except BuildError as error:
            self.failed[name] = error
            raise

    def log(self, name):
        return self.logs / f"build-{name}.log"

    def introspect(self, name, what):
        self.configure(name)
        return introspect(self.directory(name), what)

    def tests(self, name, suites):
        """Meson's tests that belong to one of the suites."""
        self.configure(name)
        return tests(self.directory(name), suites)

    def targets_of(self, name, wanted):
        """Ninja's names of what the tests need built."""
        return targets_of(self.directory(name), wanted)

    def targets_under(self, name, folder):
        """Ninja's names of the programs and modules defined below a folder of the source."""
        self.configure(name)
        return targets_under(self.directory(name), self.root / folder)


def introspect(directory, what):
    """What the last configuration wrote; a changed meson.build is configured again by the first ninja run."""
    out = subprocess.run(["meson", "introspect", directory, f"--{what}"], check=True, capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})
    return json.loads(out.stdout)


def tests(directory, suites):
    """Meson's tests that belong to one of the suites."""
    return [t for t in introspect(directory, "tests") if {s.split(":")[-1] for s in t["suite"]} & set(suites)]


def targets_of(directory, wanted):
    """Ninja's names of what the tests need built."""
    ids = {d for t in wanted for d in t["depends"]}
    files = [f for t in introspect(directory, "targets") if t["id"] in ids for f in t["filename"]]
    return sorted({str(pathlib.Path(f).relative_to(directory.resolve())) for f in files})


def targets_under(directory, folder):
    """Ninja's names of the programs and modules defined below a folder of the source."""
    found = [t for t in introspect(directory, "targets") if t["type"] in ("executable", "shared module") and pathlib.Path(t["defined_in"]).is_relative_to(folder)]
    return sorted(str(pathlib.Path(f).relative_to(directory.resolve())) for t in found for f in t["filename"])
