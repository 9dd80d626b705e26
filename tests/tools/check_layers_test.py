#!/usr/bin/python3
"""Tests of tools/check_layers.py: each rule must catch a tree that breaks it."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).resolve().parents[2] / "tools" / "check_layers.py"

README = """# The libraries

| library | holds | may include |
|---|---|---|
| base | words | - |
| sa | tables | base |
| esp | bursts | sa base |
| app | composition | everything |

System headers: `<rte_*>` only in sa, esp and app; `<openssl/*>` only in base; `<nlohmann/*>`
only in app and tools.

| symbol | why it may be |
|---|---|
| `gw::allowed` | a test wants it |
"""


class Tree(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="check-layers-"))
        self.addCleanup(shutil.rmtree, self.root)
        self.write("lib/README.md", README)
        self.write("lib/base/text.h", '#include <string>\n#include <openssl/evp.h>\n')
        self.write("lib/sa/sad.h", '#include "base/text.h"\n#include <rte_mbuf.h>\n')
        self.write("lib/sa/slots_internal.h", "\n")
        self.write("lib/sa/sad.cc", '#include "sa/sad.h"\n#include "sa/slots_internal.h"\n')
        self.write("lib/esp/seal.cc", '#include "base/text.h"\n#include "sa/sad.h"\n')
        self.write("app/gateway.h", '#include "esp/seal.h"\n')
        self.write("lib/esp/seal.h", "\n")
        self.write("app/main.cc", '#include "gateway.h"\n#include <rte_eal.h>\n')
        self.write("tools/gwctl/main.cc", "#include <nlohmann/json.hpp>\n")

    def write(self, name, text):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def run_script(self, *args):
        done = subprocess.run([sys.executable, str(SCRIPT), "--root", str(self.root), *args], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def expect_violation(self, *words):
        status, output = self.run_script()
        self.assertEqual(status, 1, output)
        for word in words:
            self.assertIn(word, output)


class Includes(Tree):
    def test_accepts_a_tree_that_keeps_the_rules(self):
        status, output = self.run_script()
        self.assertEqual(status, 0, output)
        self.assertIn("0 violations", output)

    def test_rejects_an_include_upwards(self):
        self.write("lib/sa/spd.cc", '\n#include "esp/seal.h"\n')
        self.expect_violation("lib/sa/spd.cc:2:", "sa may include base, not esp")

    def test_rejects_an_include_with_blanks_around_the_hash(self):
        self.write("lib/base/x.cc", ' #  include "sa/sad.h"\n')
        self.expect_violation("lib/base/x.cc:1:", "base may include nothing")

    def test_rejects_a_path_relative_to_the_file(self):
        self.write("lib/sa/spd.cc", '#include "sad.h"\n')
        self.expect_violation("lib/sa/spd.cc:1:", "no such file under lib/")

    def test_rejects_a_header_internal_to_another_library(self):
        self.write("lib/esp/open.cc", '#include "sa/slots_internal.h"\n')
        self.expect_violation("lib/esp/open.cc:1:", "internal to sa")

    def test_rejects_own_headers_in_angle_brackets(self):
        self.write("lib/esp/open.cc", "#include <sa/sad.h>\n")
        self.expect_violation("lib/esp/open.cc:1:", "included with quotes")

    def test_rejects_a_library_without_a_row(self):
        self.write("lib/extra/extra.cc", "\n")
        self.expect_violation("lib/extra/extra.cc", "no row in lib/README.md")

    def test_rejects_system_headers_outside_their_libraries(self):
        self.write("lib/base/x.cc", "#include <rte_mbuf.h>\n")
        self.write("lib/esp/y.cc", "#include <openssl/evp.h>\n")
        self.write("tools/probe/z.cc", "#include <rte_ring.h>\n")
        self.expect_violation("lib/base/x.cc:1: <rte_mbuf.h>", "lib/esp/y.cc:1: <openssl/evp.h>", "tools/probe/z.cc:1: <rte_ring.h>")

    def test_reads_a_rule_that_wraps_over_lines(self):
        self.write("lib/esp/y.cc", "#include <nlohmann/json.hpp>\n")
        self.expect_violation("lib/esp/y.cc:1:", "<nlohmann/*> only in app tools")

    def test_rejects_a_file_that_is_too_long(self):
        self.write("lib/esp/long.cc", "\n" * 501)
        self.expect_violation("lib/esp/long.cc:501:", "at most 500")


class Readme(Tree):
    def test_rejects_a_cycle(self):
        self.write("lib/README.md", README.replace("| base | words | - |", "| base | words | esp |"))
        self.expect_violation("cycle")

    def test_rejects_a_name_without_a_row(self):
        self.write("lib/README.md", README.replace("| sa base |", "| sa base crypto |"))
        self.expect_violation("'crypto', which has no row")

    def test_rejects_a_readme_without_rules(self):
        self.write("lib/README.md", "# nothing\n")
        self.expect_violation("no table")

    def test_rejects_a_readme_without_system_rules(self):
        self.write("lib/README.md", README.replace("only in", "in"))
        self.expect_violation("no sentence")


class Globals(Tree):
    def build(self, source):
        self.write("x.cc", source)
        subprocess.run(["c++", "-std=c++20", "-fPIC", "-c", "x.cc", "-o", "x.o"], cwd=self.root, check=True)
        subprocess.run(["ar", "rcs", "libx.a", "x.o"], cwd=self.root, check=True)
        return self.run_script("--globals", str(self.root / "libx.a"))

    ALLOWED = "namespace gw { namespace { int allowed = 1; } int bump() { return ++allowed; } }\n"

    def test_accepts_constants_and_what_the_table_lists(self):
        status, output = self.build(self.ALLOWED + "namespace gw { extern const char* const names[]; const char* const names[] = {\"a\"};\n"
                                    "struct V { virtual ~V(); }; V::~V() {} constexpr int n = 3; const int* p() { return &n; } }\n")
        self.assertEqual(status, 0, output)

    def test_rejects_a_global(self):
        status, output = self.build(self.ALLOWED + "namespace gw { int counter; }\n")
        self.assertEqual(status, 1, output)
        self.assertIn("writable object 'gw::counter'", output)

    def test_rejects_a_static_local(self):
        status, output = self.build(self.ALLOWED + "namespace gw { int next() { static int n; return ++n; } }\n")
        self.assertEqual(status, 1, output)
        self.assertIn("gw::next()::n", output)

    def test_rejects_thread_local_and_inline_variables(self):
        status, output = self.build(self.ALLOWED + "namespace gw { thread_local int t = 3; inline int i = 4; int f() { return t++ + i++; } }\n")
        self.assertEqual(status, 1, output)
        self.assertIn("'gw::t'", output)
        self.assertIn("'gw::i'", output)

    def test_rejects_a_row_that_nothing_needs(self):
        status, output = self.build("namespace gw { int zero() { return 0; } }\n")
        self.assertEqual(status, 1, output)
        self.assertIn("'gw::allowed' is listed, but no library has it", output)


if __name__ == "__main__":
    unittest.main()
