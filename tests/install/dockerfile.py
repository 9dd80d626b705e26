"""Reads a Dockerfile as far as ours goes, and says what a careful reader would not like in it."""

import dataclasses
import json
import re
import shlex

KNOWN = {"ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "HEALTHCHECK", "RUN", "USER", "WORKDIR"}


class DockerfileError(Exception):
    pass


@dataclasses.dataclass
class Stage:
    name: str
    base: str
    steps: list = dataclasses.field(default_factory=list)     # (instruction, text)

    def last(self, instruction):
        found = [text for word, text in self.steps if word == instruction]
        return found[-1] if found else None


def parse(text):
    """Stages in their order. DockerfileError names what is not understood: an instruction here is an instruction that is tested."""
    stages = []
    for line in _logical_lines(text):
        word, _, rest = line.partition(" ")
        rest = rest.strip()
        if word == "FROM":
            match = re.fullmatch(r"(\S+)(?: AS (\S+))?", rest)
            if match is None:
                raise DockerfileError(f"FROM {rest}")
            stages.append(Stage(match.group(2) or str(len(stages)), match.group(1)))
        elif word in KNOWN and stages:
            stages[-1].steps.append((word, rest))
        else:
            raise DockerfileError(f"{word}: not an instruction this project uses")
    return stages


def words(text):
    """Exec form (a JSON array) or shell form, as words to execute."""
    return json.loads(text) if text.startswith("[") else ["/bin/sh", "-c", text]


def copy(text):
    """(stage or None, sources, destination)"""
    parts = shlex.split(text)
    stage = parts.pop(0).removeprefix("--from=") if parts[0].startswith("--from=") else None
    return stage, parts[:-1], parts[-1]


def findings(stages):
    """What is wrong, a line each."""
    out = []
    names = {s.name for s in stages}
    for stage in stages:
        if stage.base not in names and (":" not in stage.base or stage.base.endswith(":latest")):
            out.append(f"{stage.name}: {stage.base} moves: name a release")
        for word, text in stage.steps:
            if word == "RUN" and "apt-get install" in text and "--no-install-recommends" not in text:
                out.append(f"{stage.name}: apt-get install without --no-install-recommends")
            if word == "RUN" and re.search(r"\b(curl|wget|sudo)\b", text):
                out.append(f"{stage.name}: {text}: fetches or becomes what the recipe does not show")
            if word in ("CMD", "ENTRYPOINT") and not text.startswith("["):
                out.append(f"{stage.name}: {word} in shell form: signals would not reach the gateway")
    last = stages[-1]
    if last.last("USER") in (None, "root", "0"):
        out.append(f"{last.name}: runs as root")
    for wanted in ("HEALTHCHECK", "ENTRYPOINT"):
        if last.last(wanted) is None:
            out.append(f"{last.name}: no {wanted}")
    return out


def _logical_lines(text):
    joined = re.sub(r"\\\n", " ", "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#")))
    return [line.strip() for line in joined.splitlines() if line.strip()]
