#!/usr/bin/python3
"""Holds the source to the rules that lib/README.md states.

  check_layers.py [--root DIR]                     includes, system headers, file lengths
  check_layers.py [--root DIR] --globals LIB...    writable process-wide objects in built static libraries

The rules are read from lib/README.md, so the document cannot drift from the code:
  * the table "library | holds | may include" says who may include whom;
  * each "`<PATTERN>` only in LIST" sentence says where a system header may stand;
  * the table "symbol | why" lists the writable objects of static storage that are allowed.
Prints one line per violation as FILE:LINE: what; exit status 1 when there is any.
"""

import argparse
import fnmatch
import pathlib
import re
import subprocess
import sys

SOURCE_SUFFIXES = {".h", ".cc", ".c"}
MAX_LINES = 500
INCLUDE = re.compile(r'^\s*#\s*include\s*(<[^>]+>|"[^"]+")')
SYSTEM_RULE = re.compile(r"`<([^`>]+)>`\s+only\s+in\s+([a-z0-9_,\s]+)")
# Writable data; .data.rel.ro holds constants that only the loader writes.
WRITABLE_SECTION = re.compile(r"^\.(data|bss|tdata|tbss)(?!\.rel\.ro)(\.|$)")


class RulesError(Exception):
    """lib/README.md does not have the form this script reads."""


class Rules:
    def __init__(self, readme: pathlib.Path):
        text = readme.read_text(encoding="utf-8")
        self.allowed = {}   # library -> set of libraries, or None for everything
        self.globals = {}   # demangled symbol or pattern -> reason
        for header, row in _table_rows(text):
            if header[0] == "library" and header[-1] == "may include":
                words = row[-1].split()
                every = words == ["everything"]
                self.allowed[row[0]] = None if every else {w for w in words if w != "-"}
            elif header[0] == "symbol":
                self.globals[row[0].strip("`")] = row[-1]
        flat = " ".join(text.split())
        self.system = {}    # pattern -> set of libraries
        for pattern, where in SYSTEM_RULE.findall(flat):
            words = re.split(r"[,\s]+", where)
            self.system[pattern] = {w for w in words if w and w != "and"}
        if not self.allowed:
            raise RulesError(f"{readme}: no table with 'library' and 'may include'")
        if not self.system:
            raise RulesError(f"{readme}: no sentence '`<PATTERN>` only in ...'")
        for library, wanted in self.allowed.items():
            for name in (wanted or set()) - self.allowed.keys():
                raise RulesError(f"{readme}: {library} may include '{name}', which has no row")
        self._reject_cycles(readme)

    def _reject_cycles(self, readme):
        done, path = set(), []

        def visit(library):
            if library in path:
                raise RulesError(f"{readme}: cycle: {' -> '.join(path[path.index(library):] + [library])}")
            if library in done:
                return
            path.append(library)
            for below in sorted(self.allowed[library] or ()):
                visit(below)
            path.pop()
            done.add(library)

        for library in self.allowed:
            visit(library)


def _table_rows(text):
    """Yields (header cells, row cells) for every body row of every markdown table."""
    header = None
    for line in text.splitlines():
        if not line.startswith("|"):
            header = None
            continue
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if header is None:
            header = cells
        elif not all(re.fullmatch(r":?-+:?", c) for c in cells):
            yield header, cells


def sources(root: pathlib.Path, top: str):
    base = root / top
    return sorted(p for p in base.rglob("*") if p.suffix in SOURCE_SUFFIXES and p.is_file()) if base.is_dir() else []


def library_of(root: pathlib.Path, path: pathlib.Path):
    """lib/sa/sad.cc -> sa; app/main.cc -> app; tools/gwctl/x.cc -> tools."""
    parts = path.relative_to(root).parts
    return parts[1] if parts[0] == "lib" and len(parts) > 2 else parts[0]


def check_file(root, path, rules, problems):
    library = library_of(root, path)
    where = path.relative_to(root)
    product = where.parts[0] in ("lib", "app")
    if product and library not in rules.allowed:
        problems.append(f"{where}:1: library '{library}' has no row in lib/README.md")
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > MAX_LINES:
        problems.append(f"{where}:{len(lines)}: {len(lines)} lines, at most {MAX_LINES}: split by concept")
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        name = match.group(1)[1:-1]
        if match.group(1)[0] == "<":
            check_system(where, number, library, name, rules, problems)
        elif product:
            check_project(root, where, number, library, name, rules, problems)


def check_system(where, number, library, name, rules, problems):
    for pattern, libraries in rules.system.items():
        if fnmatch.fnmatch(name, pattern) and library not in libraries:
            problems.append(f"{where}:{number}: <{name}> in {library}: <{pattern}> only in {' '.join(sorted(libraries))}")
    if name.split("/")[0] in rules.allowed and "/" in name and name.endswith(".h"):
        problems.append(f"{where}:{number}: <{name}>: the project's own headers are included with quotes")


def check_project(root, where, number, library, name, rules, problems):
    target = "app" if library == "app" and not (root / "lib" / name).is_file() else name.split("/")[0]
    if target != "app" and not (root / "lib" / name).is_file():
        problems.append(f'{where}:{number}: "{name}": no such file under lib/ (includes are written from there)')
        return
    if target == library:
        return
    allowed = rules.allowed[library]
    if allowed is not None and target not in allowed:
        problems.append(f'{where}:{number}: "{name}": {library} may include {" ".join(sorted(allowed)) or "nothing"}, not {target}')
    if name.endswith("_internal.h"):
        problems.append(f'{where}:{number}: "{name}" is internal to {target}')


def check_sources(root: pathlib.Path):
    rules = Rules(root / "lib" / "README.md")
    problems = []
    files = [p for top in ("lib", "app", "tools") for p in sources(root, top)]
    for path in files:
        check_file(root, path, rules, problems)
    for directory in sorted(p for p in (root / "lib").iterdir() if p.is_dir()):
        if directory.name not in rules.allowed and sources(root, f"lib/{directory.name}"):
            problems.append(f"lib/{directory.name}: no row in lib/README.md")
    return files, problems


def writable_symbols(library: pathlib.Path):
    """Yields (object, demangled symbol) of every writable object in a static library."""
    out = subprocess.run(["objdump", "-t", "-C", str(library)], check=True, capture_output=True, text=True).stdout
    member = library.name
    # "0000000000000000 l     O .data   0000000000000001 ipsecgw::base::(anonymous namespace)::threshold"
    row = re.compile(r"^[0-9a-f]+ (.{7}) (\S+)\s+([0-9a-f]+)\s+(?:\.hidden )?(.+)$")
    for line in out.splitlines():
        if "file format" in line:
            member = pathlib.Path(line.split(":")[0]).name
            continue
        match = row.match(line)
        if match is None or not WRITABLE_SECTION.match(match.group(2)):
            continue
        flags = match.group(1)
        if "d" in flags or flags[-1] not in "O ":   # section symbols, functions; thread-local objects have no O
            continue
        symbol = match.group(4).strip()
        if not symbol.startswith("DW.ref."):   # the compiler's own pointer to the exception personality
            yield member, symbol


def check_globals(root: pathlib.Path, libraries):
    rules = Rules(root / "lib" / "README.md")
    problems, used = [], set()
    for library in libraries:
        for member, symbol in writable_symbols(pathlib.Path(library)):
            plain = re.sub(r"^guard variable for ", "", symbol).replace("(anonymous namespace)::", "")
            plain = re.sub(r"\[abi:\w+\]", "", plain)
            entry = next((p for p in rules.globals if plain == p or fnmatch.fnmatchcase(plain, p)), None)
            if entry is None:
                problems.append(f"{pathlib.Path(library).name}({member}): writable object '{plain}': two gateways in one "
                                "process would share it; own it, make it constexpr, or list it in lib/README.md with the reason")
            else:
                used.add(entry)
    problems = list(dict.fromkeys(problems))    # an object and its guard are one
    problems += [f"lib/README.md: '{p}' is listed, but no library has it" for p in rules.globals if p not in used]
    return problems


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent)
    parser.add_argument("--globals", nargs="+", metavar="LIB", help="static libraries to look through")
    args = parser.parse_args()
    try:
        if args.globals:
            problems, looked_at = check_globals(args.root, args.globals), f"{len(args.globals)} libraries"
        else:
            files, problems = check_sources(args.root)
            looked_at = f"{len(files)} files"
    except (RulesError, OSError, subprocess.CalledProcessError) as error:
        print(f"check_layers: {error}", file=sys.stderr)
        return 1
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"check_layers: {looked_at}, {len(problems)} violations")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
