"""Counts of test cases, read from what the test programs say."""

import collections
import dataclasses
import json
import pathlib
import re


@dataclasses.dataclass
class Tally:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list = dataclasses.field(default_factory=list)   # one line per failure or skip, for people

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes

    @property
    def total(self):
        return self.passed + self.failed + self.skipped

    def line(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def failure(note):
    return Tally(failed=1, notes=[note])


def skip(note):
    return Tally(skipped=1, notes=[note])


def of_gtest(stdout):
    """GoogleTest's summary, or None when the output is not GoogleTest's or was cut short."""
    ran = re.search(r"^\[=+\] (\d+) tests? from \d+ test (?:suites?|cases?) ran\.", stdout, re.MULTILINE)
    if ran is None:
        return None
    tally = Tally()
    for word in ("PASSED", "FAILED", "SKIPPED"):
        match = re.search(rf"^\[\s+{word}\s+\] (\d+) tests?[,.]", stdout, re.MULTILINE)
        setattr(tally, word.lower(), int(match.group(1)) if match else 0)
    summary = stdout[ran.start():]
    for name in dict.fromkeys(re.findall(r"^\[  FAILED  \] ([\w/]+\.[\w./]+)", summary, re.MULTILINE)):
        tally.notes.append(name)
    for why, count in collections.Counter(re.findall(r"^\S+:\d+: Skipped\n(.+)$", stdout, re.MULTILINE)).items():
        tally.notes.append(f"{count} skipped: {why}")
    return tally


def of_unittest(output):
    """python3 -m unittest's summary, or None."""
    ran = re.search(r"^Ran (\d+) tests? in ", output, re.MULTILINE)
    if ran is None:
        return None

    def count(word):
        match = re.search(rf"\b{word}=(\d+)", output[ran.start():])
        return int(match.group(1)) if match else 0

    failed, skipped = count("failures") + count("errors"), count("skipped")
    names = re.findall(r"^(?:FAIL|ERROR): (\w+)", output, re.MULTILINE)
    return Tally(int(ran.group(1)) - failed - skipped, failed, skipped, names)


def of_meson_test(entry):
    """One line of meson's testlog.json. The exit status decides; the counts come from the program."""
    name, stdout, stderr = entry["name"], entry.get("stdout") or "", entry.get("stderr") or ""
    result = entry["result"]
    counts = of_gtest(stdout) or of_unittest(stderr + stdout)
    if result == "SKIP":
        return skip(f"{name}: {((stdout + stderr).strip().splitlines() or ['skipped'])[-1]}")
    if result == "OK":
        if counts is None:
            return Tally(passed=1)
        if counts.total == 0:
            return failure(f"{name}: ran no test")
        counts.notes = [f"{name}: {note}" for note in counts.notes]
        return counts
    tally = counts or Tally()
    tally.notes = [f"{name}: {note}" for note in tally.notes]
    if tally.failed == 0:   # crashed, ran out of time, or failed outside a case
        tally.failed = 1
        tally.notes.append(f"{name}: {result.lower()}, exit status {entry.get('returncode')}")
    return tally


def of_meson_log(path):
    """Every test of a meson-logs/*.json file."""
    tally = Tally()
    try:
        lines = pathlib.Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        return failure(f"no test log: {error}")
    for line in lines:
        tally.add(of_meson_test(json.loads(line)))
    return tally


def of_last_line(log, done):
    """A command that ends with "N passed, N failed, N skipped"; `done` is how it ended."""
    last = last_line(log)
    match = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) skipped", last)
    if match is None:
        return failure(f"{done.why()}: {last}")
    counts = Tally(*(int(n) for n in match.groups()))
    if not done.ok and counts.failed == 0:
        counts.add(failure(done.why()))
    return counts


def last_line(log):
    return (pathlib.Path(log).read_text(encoding="utf-8", errors="replace").strip().splitlines() or [""])[-1]


def of_cases(path):
    """A file of the netns runner: [{"name": ..., "result": "passed|failed|skipped", "why": ...}, ...]."""
    tally = Tally()
    try:
        cases = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        return failure(f"no results: {error}")
    for case in cases:
        result = case["result"]
        tally.add(Tally(**{result: 1}, notes=[] if result == "passed" else [f"{case['name']}: {case['why']}"]))
    return tally
