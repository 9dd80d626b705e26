"""The list of Debian packages in deps.sh, for Python."""

import pathlib
import subprocess

LIST = pathlib.Path(__file__).resolve().parent / "deps.sh"


def all_of_them():
    """(package, group, why) of each line."""
    text = subprocess.run(["bash", "-c", f". '{LIST}' && deps_list"], capture_output=True, text=True, check=True).stdout
    return [tuple(word.strip() for word in line.split("|", 2)) for line in text.splitlines() if line.strip()]


def of_group(wanted):
    return [package for package, group, _ in all_of_them() if group == wanted]
