"""Clean Debian roots: made once by debootstrap, copied for each use, entered with namespaces of their own."""

import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

ENTER = """\
set -e
mount --make-rprivate /
mount --rbind /dev "$1/dev"
mount -t tmpfs -o mode=1777 tmpfs "$1/dev/shm" 2>/dev/null || true
mount -t proc proc "$1/proc" 2>/dev/null || mount --rbind /proc "$1/proc"
mount --rbind /sys "$1/sys"
root=$1 directory=$2 user=$3
shift 3
exec chroot ${user:+--userspec="$user"} "$root" /usr/bin/env -C "$directory" "$@"
"""


ARCHIVES = "var/cache/apt/archives"


class RootError(Exception):
    pass


def release():
    text = pathlib.Path("/etc/os-release").read_text(encoding="utf-8")
    return re.search(r"^VERSION_CODENAME=(\S+)", text, re.MULTILINE).group(1)


def cache():
    return pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "ipsec-gw" / "roots"


def base(log):
    """A tar file with a minimal root of this machine's release and archives; kept until the archives have other versions of what is in it."""
    file = cache() / f"{release()}-{_versions()}.tar"
    if file.exists():
        return file
    cache().mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(prefix=".", dir=cache()))
    try:
        _run(["debootstrap", "--variant=minbase", release(), work / "root", _archive()], log, 900)
        # The same archives, security updates included, by the same way.
        (work / "root/etc/apt/sources.list").unlink(missing_ok=True)
        for pattern in ("apt/sources.list", "apt/sources.list.d/*.list", "apt/sources.list.d/*.sources", "apt/apt.conf.d/*", "resolv.conf", "hosts"):
            for path in pathlib.Path("/etc").glob(pattern):
                _copy(path, work / "root" / path.relative_to("/"))
        _run(["tar", "-C", work / "root", "-cf", work / "tar", "."], log, 300)
        for old in cache().glob(f"{release()}*.tar"):
            old.unlink()
        (work / "tar").rename(file)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return file


def _versions():
    """A hash of what debootstrap would unpack, as far as apt knows, and of where from."""
    text = subprocess.run(["apt-cache", "dumpavail"], capture_output=True, text=True, check=True).stdout
    lines = [_archive()]
    for paragraph in text.split("\n\n"):
        if re.search(r"^(Essential: yes|Priority: required|Package: apt)$", paragraph, re.MULTILINE):
            lines.append(" ".join(re.findall(r"^(?:Package|Version): (.*)$", paragraph, re.MULTILINE)))
    return hashlib.sha256("\n".join(sorted(lines)).encode()).hexdigest()[:16]


def _archive():
    """Where this machine has its packages of the release from."""
    out = subprocess.run(["apt-get", "indextargets", "--format", "$(CODENAME) $(REPO_URI)", "Created-By: Packages"], capture_output=True, text=True,
                         check=True).stdout
    for line in out.splitlines():
        codename, _, uri = line.partition(" ")
        if codename == release():
            return uri
    raise RootError("apt has no package lists of this release: run apt-get update")


def _link(source, destination):
    """Roots may be on another file system than the cache."""
    try:
        os.link(source, destination)
    except FileExistsError:
        pass
    except OSError:
        shutil.copy(source, destination)


def _copy(source, destination):
    destination.parent.mkdir(parents=True, exist_ok=True)
    destination.unlink(missing_ok=True)
    shutil.copy(source, destination)


def _run(command, log, limit_s):
    with pathlib.Path(log).open("a", encoding="utf-8") as out:
        out.write("$ " + " ".join(map(str, command)) + "\n")
        out.flush()
        done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, timeout=limit_s, check=False)
    if done.returncode != 0:
        tail = pathlib.Path(log).read_text(encoding="utf-8", errors="replace").splitlines()[-8:]
        raise RootError("\n    ".join([f"{command[0]} ended with {done.returncode}", *tail]))


class Root:
    """One root. Commands in it see their own mounts; nothing of them stays outside."""

    def __init__(self, where, log):
        self.where = pathlib.Path(where)
        self.log = log
        self.directory = "/"
        self.user = ""
        self.env = {}

    @classmethod
    def fresh(cls, where, tar, log):
        root = cls(where, log)
        root.where.mkdir(parents=True)
        _run(["tar", "-C", root.where, "-xf", tar], log, 300)
        root.lend_archives()
        return root

    def lend_archives(self):
        """Packages that roots before this one downloaded: apt takes them where version and hash are right."""
        to = self.where / ARCHIVES
        to.mkdir(parents=True, exist_ok=True)
        for deb in (cache() / "archives").glob("*.deb"):
            _link(deb, to / deb.name)

    def keep_archives(self):
        """What it downloaded, for roots to come; older versions of the same go."""
        kept = cache() / "archives"
        kept.mkdir(parents=True, exist_ok=True)
        for deb in (self.where / ARCHIVES).glob("*.deb"):
            name, _, rest = deb.name.partition("_")
            if (kept / deb.name).exists():
                continue
            for old in kept.glob(f"{name}_*_{rest.rpartition('_')[2]}"):
                old.unlink()
            _link(deb, kept / deb.name)

    def copy_as(self, where):
        _run(["cp", "-a", "--reflink=auto", self.where, where], self.log, 600)
        other = Root(where, self.log)
        other.directory, other.user, other.env = self.directory, self.user, dict(self.env)
        return other

    def command(self, words):
        environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8", **self.env}
        return ["unshare", "--mount", "/bin/sh", "-c", ENTER, "enter", str(self.where), self.directory, self.user, "-i",
                *(f"{k}={v}" for k, v in environment.items()), *map(str, words)]

    def run(self, *words, limit_s=120):
        """Ends in RootError when the command fails."""
        _run(self.command(words), self.log, limit_s)

    def ask(self, *words, limit_s=60):
        return subprocess.run(self.command(words), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=limit_s, check=False)

    def start(self, *words):
        return subprocess.Popen(self.command(words), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                start_new_session=True)

    def files(self):
        """Every path in it, but for what package management remembers."""
        skip = ("var/cache", "var/lib/apt", "var/lib/dpkg", "var/log", "dev", "proc", "sys", "tmp", "etc/ld.so.cache", "run/systemd", "var/lib/systemd")
        out = set()
        for folder, subfolders, names in os.walk(self.where):
            inside = os.path.relpath(folder, self.where)
            subfolders[:] = [s for s in subfolders if os.path.normpath(os.path.join(inside, s)) not in skip]
            out |= {os.path.normpath(os.path.join(inside, n)) for n in (*subfolders, *names)}
        return {path for path in out if path not in skip}

    def remove(self):
        shutil.rmtree(self.where, ignore_errors=True)
