"""Child processes with a time limit, a log file, and no survivors."""

import os
import pathlib
import signal
import subprocess
import time


class Done:
    """How a child ended. `status` is its exit status, negative for a signal, None when it ran out of time."""

    def __init__(self, status, seconds, log):
        self.status = status
        self.seconds = seconds
        self.log = log

    @property
    def ok(self):
        return self.status == 0

    def why(self):
        if self.status is None:
            return f"out of time after {self.seconds:.0f} s"
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return f"exit status {self.status}"


_running = set()


def run(command, log, *, timeout, env=None, cwd=None):
    """Runs a command in a session of its own, appending its output to `log`; ends the whole session when time is up."""
    log = pathlib.Path(log)
    log.parent.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    with log.open("a", encoding="utf-8", errors="replace") as out:
        out.write("$ " + " ".join(str(c) for c in command) + "\n")
        out.flush()
        try:
            child = subprocess.Popen([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                     cwd=cwd, env={**os.environ, **(env or {})}, start_new_session=True)
        except OSError as error:
            out.write(f"{error}\n")
            return Done(127, 0.0, log)
        _running.add(child)
        try:
            status = child.wait(timeout=timeout)
        except subprocess.TimeoutExpired:
            end(child)
            status = None
        finally:
            _running.discard(child)
            # What the child started and left behind goes with it.
            _signal_group(child.pid, signal.SIGKILL)
    return Done(status, time.monotonic() - start, log)


def end(child, grace=10):
    """SIGTERM to the child's session, SIGKILL when that does not help: a quickstart needs time to take its namespaces down."""
    _signal_group(child.pid, signal.SIGTERM)
    try:
        child.wait(timeout=grace)
    except subprocess.TimeoutExpired:
        _signal_group(child.pid, signal.SIGKILL)
        child.wait()


def end_all():
    for child in list(_running):
        end(child)


def _signal_group(pid, number):
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        pass
