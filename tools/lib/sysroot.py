"""A folder of Debian packages of another architecture, unpacked, to compile and link against: the machine's own packages stay as they are."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

import process


OWNERS = ".libraries.json"      # in the folder: shared library -> the package it is of


class SysrootError(Exception):
    pass


def cache_root():
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(os.environ.get("IPSEC_GW_SYSROOTS") or pathlib.Path(base) / "ipsec-gw" / "sysroots")


class Sysroot:
    """The packages come from the archives the machine's own apt is configured with, for its own release. What has been unpacked once is kept, by
    architecture and a hash of the exact package versions."""

    def __init__(self, architecture, packages, log):
        self.architecture = architecture
        self.packages = packages
        self.log = pathlib.Path(log)

    def make(self):
        """The folder; downloads and unpacks what is not there yet. SysrootError says what to do."""
        with tempfile.TemporaryDirectory(prefix="sysroot-") as work:
            apt = self._apt(pathlib.Path(work))
            self._run([*apt, "update"], "the package lists could not be had", timeout=300)
            wanted = self._wanted(apt)
            name = hashlib.sha256("\n".join(sorted(wanted)).encode()).hexdigest()[:16]
            where = cache_root() / f"{self.architecture}-{name}"
            if not (where / ".complete").exists():
                self._fill(apt, pathlib.Path(work), where)
            for old in cache_root().glob(f"{self.architecture}-*"):     # of package versions that are no more
                if old != where:
                    shutil.rmtree(old, ignore_errors=True)
        return where

    def _apt(self, work):
        for folder in ("lists/partial", "cache/archives/partial"):
            (work / folder).mkdir(parents=True)
        (work / "status").touch()
        options = {
            "APT::Architecture": self.architecture,
            "APT::Architectures::": self.architecture,
            "APT::Install-Recommends": "false",
            "APT::Sandbox::User": "root" if os.geteuid() == 0 else os.environ.get("USER", "nobody"),
            "Acquire::Languages": "none",
            "Acquire::Retries": "3",
            "Debug::NoLocking": "true",
            "Dir::Cache": str(work / "cache"),
            "Dir::State::lists": str(work / "lists"),
            "Dir::State::status": str(work / "status"),
        }
        return ["apt-get", "-q", *(word for key, value in options.items() for word in ("-o", f"{key}={value}"))]

    def _run(self, command, what, timeout):
        done = process.run(command, self.log, timeout=timeout)
        if not done.ok:
            tail = [line for line in self.log.read_text(encoding="utf-8", errors="replace").splitlines() if line[:2] in ("E:", "W:")][-3:]
            raise SysrootError("; ".join([f"{what}: {done.why()}", *tail]))

    def _wanted(self, apt):
        """Names of the archive files, which hold the versions."""
        listed = subprocess.run([*apt, "install", "-y", "--print-uris", *self.packages], capture_output=True, text=True, timeout=120, check=False)
        names = [line.split()[1] for line in listed.stdout.splitlines() if line.startswith("'")]
        if listed.returncode != 0 or not names:
            raise SysrootError(f"no packages for {self.architecture}: {(listed.stderr.strip().splitlines() or ['apt-get named none'])[-1]}")
        return names

    def _fill(self, apt, work, where):
        self._run([*apt, "install", "-y", "--download-only", *self.packages], "the packages could not be had", timeout=1500)
        cache_root().mkdir(parents=True, exist_ok=True)
        partial = pathlib.Path(tempfile.mkdtemp(prefix=f".{self.architecture}-", dir=cache_root()))
        try:
            archives = sorted((work / "cache" / "archives").glob("*.deb"))
            for archive in archives:
                subprocess.run(["dpkg", "-x", archive, partial], check=True, timeout=120)
            _make_links_relative(partial)
            (partial / OWNERS).write_text(json.dumps(dict(owner for archive in archives for owner in _libraries_of(archive)), indent=1), encoding="utf-8")
            (partial / ".complete").touch()
            partial.chmod(0o755)
            shutil.rmtree(where, ignore_errors=True)
            partial.rename(where)
        except (OSError, subprocess.SubprocessError) as error:
            shutil.rmtree(partial, ignore_errors=True)
            raise SysrootError(f"unpacking failed: {error}") from error


def _libraries_of(archive):
    """(file name of a shared library, the package's name) for each in an archive."""
    def ask(*words):
        return subprocess.run(["dpkg-deb", *words], capture_output=True, text=True, check=True, timeout=60).stdout
    package = ask("--field", archive, "Package").strip()
    for line in ask("--contents", archive).splitlines():
        name = pathlib.PurePath(line.split()[5]).name
        if ".so." in name:
            yield name, package


def _make_links_relative(root):
    """Absolute links would lead out of the folder."""
    for folder, subfolders, files in os.walk(root):
        for name in (*subfolders, *files):
            path = pathlib.Path(folder) / name
            if path.is_symlink() and os.readlink(path).startswith("/"):
                target = root / os.readlink(path).lstrip("/")
                path.unlink()
                path.symlink_to(os.path.relpath(target, path.parent))
