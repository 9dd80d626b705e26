#!/usr/bin/python3
"""What a machine without our dependencies is told, and that the lists of them agree."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lib"))
import arm64
import dependencies

COMMANDS = {"g++", "meson", "ninja-build", "pkg-config", "python3"}     # of the build group; all else is libraries


class Lists(unittest.TestCase):
    def test_the_readme_names_what_a_build_needs(self):
        text = (ROOT / "README.md").read_text(encoding="utf-8")
        named = set(re.search(r"^apt-get install (g\+\+ meson .*)$", text, re.MULTILINE).group(1).split())
        self.assertEqual(named, set(dependencies.of_group("build")) - {"python3"})

    def test_meson_names_the_same_libraries(self):
        text = (ROOT / "meson.build").read_text(encoding="utf-8")
        named = set(re.findall(r"\['[^']+', '[0-9.]+', '([^']+)'\]", text))
        self.assertEqual(named, set(dependencies.of_group("build")) - COMMANDS)

    def test_the_cross_build_has_them_too(self):
        self.assertLessEqual(set(dependencies.of_group("build")) - COMMANDS, set(arm64.packages()))

    def test_each_has_a_reason(self):
        for package, group, why in dependencies.all_of_them():
            self.assertTrue(package and group and why, package)


class Configure(unittest.TestCase):
    def test_all_that_is_missing_is_said_at_once(self):
        work = tempfile.mkdtemp(prefix="configure-")
        self.addCleanup(shutil.rmtree, work)
        done = subprocess.run([shutil.which("meson") or "meson", "setup", f"{work}/build", ROOT], capture_output=True, text=True, timeout=100, check=False,
                              env={**os.environ, "PKG_CONFIG_LIBDIR": work, "PKG_CONFIG_PATH": "", "CMAKE": "/bin/false"})
        self.assertNotEqual(done.returncode, 0)
        for package in ("libdpdk-dev", "libconfig++-dev", "libsystemd-dev", "prometheus-cpp-dev"):
            self.assertIn(package, done.stdout)
        self.assertIn("libdpdk 22.11 or newer", done.stdout)


if __name__ == "__main__":
    unittest.main()
