#!/usr/bin/python3
"""Makes the Debian packages from an installed tree; called by tools/package, which installs first."""

import argparse
import email.utils
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import arm64
import process
import sysroot

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOG = ROOT / "build" / "logs" / "package.log"
MAINTAINER = "ipsec-gw <ipsec-gw@localhost>"

# Drivers are plugins of DPDK that no program links: a package has to name them.
PACKAGES = {
    "ipsec-gw": {
        "tag": "runtime",
        "depends": "librte-bus-vdev23, librte-bus-pci23, librte-mempool-ring23, librte-net-null23",
        "recommends": "librte-meta-net, librte-meta-crypto, librte-meta-common",
        "suggests": "ipsec-gw-pmd",
        "summary": "IPsec gateway on DPDK",
        "description": "Packets come in clear on one port and leave as ESP on another, and the reverse, at poll-mode speed;\n"
                       "SAs go into ports that can do IPsec themselves. With gwctl to look at it and a systemd service.",
    },
    "ipsec-gw-pmd": {
        "tag": "pmd",
        "depends": "librte-bus-vdev23",
        "recommends": "",
        "suggests": "",
        "summary": "model of a port that does IPsec itself, for DPDK",
        "description": "A DPDK virtual device with rte_security: inline crypto and the full ESP protocol, on top of any other port.\n"
                       "To try and test hardware offload without the hardware.",
    },
}
SCRIPTS = {
    "postinst": """\
#!/bin/sh
set -e
if [ "$1" = configure ]; then
    if [ -d /run/systemd/system ]; then
        systemd-tmpfiles --create ipsec-gw.conf || true
        systemctl daemon-reload || true
        # After an upgrade the new program takes over where the old one ran; nothing starts that did not run.
        [ -z "$2" ] || systemctl try-restart ipsec-gw.service || true
    fi
fi
""",
    "prerm": """\
#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
    systemctl --no-reload disable --now ipsec-gw.service || true
fi
""",
    "postrm": """\
#!/bin/sh
set -e
if [ -d /run/systemd/system ]; then
    systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
    rm -rf /run/ipsec-gw
    rmdir --ignore-fail-on-non-empty /etc/ipsec-gw 2>/dev/null || true
fi
""",
}


class PackageError(Exception):
    pass


def run(command, what, limit_s, env=None, cwd=None):
    done = process.run(command, LOG, timeout=limit_s, env=env, cwd=cwd)
    if not done.ok:
        tail = LOG.read_text(encoding="utf-8", errors="replace").splitlines()[-12:]
        raise PackageError("\n  ".join([f"{what}: {done.why()}, see {LOG}", *tail]))


def version():
    """The project's, and what of git is on top of it: 0.1.0+git20261121.c113dfc."""
    base = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text(encoding="utf-8")).group(1)
    try:
        git = subprocess.run(["git", "-C", ROOT, "log", "-1", "--format=%cd.%h", "--date=format:%Y%m%d"], capture_output=True, text=True, check=True)
        return f"{base}+git{git.stdout.strip()}"
    except (OSError, subprocess.SubprocessError):
        return base


def build(architecture, jobs):
    """Configures and compiles as an installation wants it; returns the build folder and, for a foreign architecture, the sysroot."""
    directory = ROOT / "build" / f"package-{architecture}"
    options = ["--prefix=/usr", "--sysconfdir=/etc", f"--libdir=lib/{triplet(architecture)}", "-Dbuildtype=release", "-Dtests=false", "-Dbench=false"]
    root = None
    if architecture != machine():
        cross = arm64.Arm64("generic", jobs)
        cross.log = LOG
        root, file = cross.cross_file()
        options += ["--cross-file", file]
    if not (directory / "build.ninja").exists():
        shutil.rmtree(directory, ignore_errors=True)
        run(["meson", "setup", directory, ROOT, *options], "meson", 300)
    run(["ninja", "-C", directory, f"-j{jobs}"], "ninja", 2400)
    return directory, root


def machine():
    return subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()


def triplet(architecture):
    return {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}[architecture]


def shared_libraries(tree, root):
    """What the programs link, as package relations. `root`: the sysroot of a cross build, None for this machine's own."""
    elves = [p for p in tree.rglob("*") if p.is_file() and not p.is_symlink() and p.read_bytes()[:4] == b"\x7fELF"]
    return _from_sysroot(elves, root) if root is not None else _from_dpkg(elves, tree.parent / "shlibs")


def _from_dpkg(elves, work):
    (work / "debian").mkdir(parents=True, exist_ok=True)
    (work / "debian" / "control").write_text("Source: ipsec-gw\n\nPackage: ipsec-gw\nArchitecture: any\n", encoding="utf-8")
    done = subprocess.run(["dpkg-shlibdeps", "-O", *(f"-e{p}" for p in elves)], cwd=work, capture_output=True, text=True, check=False)
    match = re.search(r"^shlibs:Depends=(.*)$", done.stdout, re.MULTILINE)
    if done.returncode != 0 or match is None:
        raise PackageError(f"dpkg-shlibdeps: {done.stderr.strip()[-400:]}")
    return match.group(1)


def _from_sysroot(elves, root):
    """Names without versions: the sysroot has no package database, and the release is the same."""
    owners = json.loads((root / sysroot.OWNERS).read_text(encoding="utf-8"))
    needed = set()
    for elf in elves:
        out = subprocess.run(["readelf", "-d", elf], capture_output=True, text=True, check=True).stdout
        needed |= set(re.findall(r"\(NEEDED\).*\[(.+)\]", out))
    unknown = sorted(n for n in needed if n not in owners)
    if unknown:
        raise PackageError(f"no package has {' '.join(unknown)}")
    return ", ".join(sorted({owners[n] for n in needed}))


def control(name, architecture, libraries, size_kib):
    about = PACKAGES[name]
    fields = {
        "Package": name,
        "Version": version(),
        "Architecture": architecture,
        "Maintainer": MAINTAINER,
        "Installed-Size": str(size_kib),
        "Depends": ", ".join(filter(None, (libraries, about["depends"]))),
        "Recommends": about["recommends"],
        "Suggests": about["suggests"],
        "Section": "net",
        "Priority": "optional",
        "Description": about["summary"] + "".join(f"\n {line}" for line in about["description"].splitlines()),
    }
    return "".join(f"{key}: {value}\n" for key, value in fields.items() if value)


def make(name, directory, architecture, root):
    """One package from what meson installs under its tag; returns the file, or None when that is nothing."""
    tree = directory / "packages" / name
    shutil.rmtree(tree, ignore_errors=True)
    run(["meson", "install", "-C", directory, "--no-rebuild", "--destdir", tree, "--tags", PACKAGES[name]["tag"]], "meson install", 120)
    files = [p for p in tree.rglob("*") if p.is_file()]
    if not files:
        return None
    strip = "strip" if root is None else f"{arm64.TRIPLET}-strip"
    for path in files:
        if path.read_bytes()[:4] == b"\x7fELF":
            subprocess.run([strip, "--strip-unneeded", path], check=True)
    _document(tree, name)
    libraries = shared_libraries(tree, root)
    size_kib = sum(p.stat().st_size for p in tree.rglob("*") if p.is_file()) // 1024 + 1
    meta = tree / "DEBIAN"
    meta.mkdir()
    (meta / "control").write_text(control(name, architecture, libraries, size_kib), encoding="utf-8")
    settings = sorted(f"/{p.relative_to(tree)}" for p in files if p.is_relative_to(tree / "etc"))
    if settings:
        (meta / "conffiles").write_text("".join(f"{s}\n" for s in settings), encoding="utf-8")
    if name == "ipsec-gw":
        for script, text in SCRIPTS.items():
            (meta / script).write_text(text, encoding="utf-8")
            (meta / script).chmod(0o755)
    out = ROOT / "build" / "packages" / f"{name}_{version()}_{architecture}.deb"
    out.parent.mkdir(parents=True, exist_ok=True)
    run(["dpkg-deb", "--root-owner-group", "--build", tree, out], "dpkg-deb", 120)
    return out


def _document(tree, name):
    doc = tree / "usr" / "share" / "doc" / name
    doc.mkdir(parents=True, exist_ok=True)
    (doc / "LICENSE").unlink(missing_ok=True)
    (doc / "copyright").write_text((ROOT / "LICENSE").read_text(encoding="utf-8"), encoding="utf-8")
    (doc / "changelog").write_text(f"ipsec-gw ({version()}) unstable; urgency=medium\n\n  * See the project's history.\n\n"
                                   f" -- {MAINTAINER}  {email.utils.formatdate()}\n", encoding="utf-8")
    for folder, subfolders, _ in os.walk(tree):
        for each in subfolders:
            (pathlib.Path(folder) / each).chmod(0o755)


def parse(argv):
    parser = argparse.ArgumentParser(prog="tools/package", description="Makes ipsec-gw and ipsec-gw-pmd as Debian packages.")
    parser.add_argument("--arch", choices=("amd64", "arm64"), default=machine(), help="default: this machine's")
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="parallel compilers (default: one per core)")
    return parser.parse_args(argv)


def main(argv):
    args = parse(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    LOG.unlink(missing_ok=True)
    try:
        directory, root = build(args.arch, args.jobs)
        for name in PACKAGES:
            made = make(name, directory, args.arch, root)
            print(made.relative_to(ROOT) if made else f"{name}: not made, the driver was not built: see tools/driver-headers")
    except (PackageError, arm64.BuildError, sysroot.SysrootError) as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    finally:
        process.end_all()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
