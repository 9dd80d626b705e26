#!/usr/bin/python3
"""Tests of how tools/test counts: a run that did nothing or died half way must never look like a pass."""

import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools" / "lib"))
import process
import tally

GTEST_OK = """[==========] Running 4 tests from 2 test suites.
[ RUN      ] A.One
[       OK ] A.One (0 ms)
[ RUN      ] A.Two
../tests/unit/a_test.cc:26: Skipped
a sanitizer owns malloc

[  SKIPPED ] A.Two (0 ms)
[==========] 4 tests from 2 test suites ran. (3 ms total)
[  PASSED  ] 3 tests.
[  SKIPPED ] 1 test, listed below:
[  SKIPPED ] A.Two
"""
GTEST_FAILED = """[==========] Running 3 tests from 1 test suite.
[  FAILED  ] A.Two (0 ms)
[==========] 3 tests from 1 test suite ran. (3 ms total)
[  PASSED  ] 2 tests.
[  FAILED  ] 1 test, listed below:
[  FAILED  ] A.Two

 1 FAILED TEST
"""
GTEST_EMPTY = """[==========] Running 0 tests from 0 test suites.
[==========] 0 tests from 0 test suites ran. (0 ms total)
[  PASSED  ] 0 tests.
"""


def entry(result, stdout="", stderr="", returncode=0):
    return {"name": "sa", "result": result, "stdout": stdout, "stderr": stderr, "returncode": returncode}


class MesonTests(unittest.TestCase):
    def count(self, *args, **kwargs):
        counts = tally.of_meson_test(entry(*args, **kwargs))
        return (counts.passed, counts.failed, counts.skipped), counts.notes

    def test_counts_googletest_cases(self):
        self.assertEqual(self.count("OK", GTEST_OK)[0], (3, 0, 1))

    def test_says_why_cases_were_skipped(self):
        self.assertEqual(self.count("OK", GTEST_OK)[1], ["sa: 1 skipped: a sanitizer owns malloc"])

    def test_names_the_failed_case(self):
        numbers, notes = self.count("FAIL", GTEST_FAILED, returncode=1)
        self.assertEqual(numbers, (2, 1, 0))
        self.assertEqual(notes, ["sa: A.Two"])

    def test_a_program_without_cases_fails(self):
        self.assertEqual(self.count("OK", GTEST_EMPTY)[0], (0, 1, 0))

    def test_a_crash_fails_although_no_case_did(self):
        numbers, notes = self.count("FAIL", GTEST_OK[:120], returncode=-11)
        self.assertEqual(numbers, (0, 1, 0))
        self.assertIn("-11", notes[0])

    def test_a_bad_exit_after_all_cases_passed_fails(self):
        self.assertEqual(self.count("FAIL", GTEST_OK, returncode=23)[0], (3, 1, 1))

    def test_a_timeout_fails(self):
        self.assertEqual(self.count("TIMEOUT", "[ RUN      ] A.One\n")[0], (0, 1, 0))

    def test_counts_unittest_cases(self):
        self.assertEqual(self.count("OK", stderr="Ran 7 tests in 0.1s\n\nOK (skipped=2)\n")[0], (5, 0, 2))
        self.assertEqual(self.count("FAIL", stderr="Ran 7 tests in 0.1s\n\nFAILED (failures=1, errors=2)\n")[0], (4, 3, 0))

    def test_counts_a_plain_program_as_one(self):
        self.assertEqual(self.count("OK", "fine\n")[0], (1, 0, 0))
        self.assertEqual(self.count("SKIP", "no such device\n")[0], (0, 0, 1))

    def test_a_missing_log_fails(self):
        self.assertEqual(tally.of_meson_log("/nonexistent/log.json").failed, 1)


class Cases(unittest.TestCase):
    def test_counts_what_the_runner_wrote(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump([{"name": "a", "result": "passed"}, {"name": "b", "result": "failed", "why": "no reply"},
                       {"name": "c", "result": "skipped", "why": "old scapy"}], file)
            file.flush()
            counts = tally.of_cases(file.name)
        self.assertEqual(counts.line(), "1 passed, 1 failed, 1 skipped")
        self.assertEqual(counts.notes, ["b: no reply", "c: old scapy"])

    def test_no_file_is_a_failure(self):
        self.assertEqual(tally.of_cases("/nonexistent/cases.json").failed, 1)


class Processes(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.log = pathlib.Path(folder.name) / "log"

    def test_ends_what_runs_too_long(self):
        done = process.run(["sleep", "60"], self.log, timeout=0.2)
        self.assertFalse(done.ok)
        self.assertIn("out of time", done.why())

    def test_tells_a_signal_from_a_status(self):
        self.assertEqual(process.run(["sh", "-c", "exit 3"], self.log, timeout=10).why(), "exit status 3")
        self.assertIn("SIGKILL", process.run(["sh", "-c", "kill -9 $$"], self.log, timeout=10).why())

    def test_a_missing_program_is_not_a_pass(self):
        self.assertFalse(process.run(["/nonexistent/program"], self.log, timeout=10).ok)


if __name__ == "__main__":
    unittest.main()
