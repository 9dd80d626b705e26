#!/usr/bin/python3
"""tools/test-ca, as its own help says, with openssl as the judge."""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

TOOL = pathlib.Path(__file__).resolve().parents[2] / "tools" / "test-ca"


def run(*words):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=60, check=False)


class TestCa(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name) / "pki"

    def make(self, *words):
        done = run(TOOL, self.folder, *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def verify(self, name, *more):
        return run("openssl", "verify", "-CAfile", self.folder / "ca.pem", *more, self.folder / f"{name}.pem")

    def test_issues_for_each_kind_of_name(self):
        made = self.make("moon.example.org", "192.0.2.1", "2001:db8::1", "carol@example.org")
        self.assertEqual(made[0], str(self.folder / "ca.pem"))
        for name, text in (("moon.example.org", "DNS:moon.example.org"), ("192.0.2.1", "IP Address:192.0.2.1"), ("2001:db8::1", "IP Address:2001:DB8:0"),
                           ("carol@example.org", "email:carol@example.org")):
            self.assertEqual(self.verify(name).returncode, 0)
            self.assertIn(text, run("openssl", "x509", "-in", self.folder / f"{name}.pem", "-noout", "-ext", "subjectAltName").stdout)
            self.assertEqual((self.folder / f"{name}.key").stat().st_mode & 0o077, 0)
        self.assertNotEqual(run(TOOL, self.folder, "moon.example.org").returncode, 0, "a key is never written over")
        self.make("later.example.org")
        self.assertEqual(self.verify("later.example.org").returncode, 0, "the CA is kept")

    def test_revokes(self):
        self.make("moon.example.org", "sun.example.org")
        crl = self.make("--revoke", "sun.example.org")[0]
        self.assertEqual(self.verify("moon.example.org", "-crl_check", "-CRLfile", crl).returncode, 0)
        self.assertIn("certificate revoked", self.verify("sun.example.org", "-crl_check", "-CRLfile", crl).stderr)

    def test_signs_itself(self):
        self.make("--self-signed", "--key", "ed25519", "moon.example.org")
        self.assertFalse((self.folder / "ca.pem").exists())
        text = run("openssl", "x509", "-in", self.folder / "moon.example.org.pem", "-noout", "-text").stdout
        self.assertIn("ED25519", text)

    def test_refuses_what_is_no_name(self):
        for words in (("../moon",), ("a,b",), (), ("--revoke", "--self-signed", "x")):
            self.assertEqual(run(TOOL, self.folder, *words).returncode, 2, words)


if __name__ == "__main__":
    if not shutil.which("openssl"):
        print("openssl is not installed")
        sys.exit(77)
    unittest.main()
