"""Runs tests on changed files, each in a fork of one process that has the libraries loaded.

Started by run.py in a copy of the checkout, as a script, so that nothing of the project is loaded
before a fork:

    python tests/mutants/warm.py REQUEST.json

The request: a list of {"tests": what pytest is given, "changes": as changes.py draws them}. Writes
one JSON line for each change: the test that noticed it, "time" where it ran past the limit, "load"
where the files of tests could not be read, null where all passed. First come the tests that noticed
a change near the changed line, then the quick ones. Tests of more than a second are left out: each
change that survives would wait for all of them.
"""

import contextlib
import gc
import importlib
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path

import pytest

HERE = Path.cwd()
SECONDS = 900.0  # of the unchanged tests of a group
SLOW = 1.0  # seconds of a core, of a test that is left out
MEMORY = 12 << 30  # address space of a test run; a changed size may ask for any number of bytes


class Watch:
    """The pytest plugin of a run: of the tests it runs `first`, in that order, or all if there are
    none; and it writes into a pipe what failed, how long each took, and what was loaded."""

    def __init__(self, first: list[str], pipe: int):
        self.first, self.pipe = {name: place for place, name in enumerate(first)}, pipe

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self.first:
            items[:] = [item for item in items if item.nodeid in self.first]
            items.sort(key=lambda item: self.first[item.nodeid])

    def pytest_runtest_logstart(self) -> None:
        self.began = time.process_time()

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.tell("took", f"{time.process_time() - self.began:.3f} {nodeid}")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.tell("failed", report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Tells the first run's libraries."""
        if self.first:
            return
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if file and not file.startswith(f"{HERE}{os.sep}"):
                self.tell("loaded", name)

    def tell(self, what: str, which: str) -> None:
        os.write(self.pipe, f"{what} {which}\n".encode())


def forked(
    tests: list[str], first: list[str], seconds: float = SECONDS
) -> tuple[int | None, dict[str, list[str]]]:
    """(pytest's exit code, None for a run past the limit; what the run told: the tests that failed,
    took so long, the libraries that it loaded)."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        os.setsid()
        os.close(reading)
        out = os.open(HERE / "mutants.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(out, 1)
        os.dup2(out, 2)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        code = 99
        try:
            plain = ["-x", "-q", "-p", "no:cacheprovider", "-p", "pytest_timeout"]
            code = int(pytest.main([*plain, *tests], plugins=[Watch(first, writing)]))
        finally:
            os._exit(code)
    os.close(writing)
    lines, code, end = b"", None, time.monotonic() + seconds
    os.set_blocking(reading, False)
    try:
        while code is None and time.monotonic() < end:
            time.sleep(0.02)
            lines += _read(reading)
            done, status = os.waitpid(pid, os.WNOHANG)
            code = os.waitstatus_to_exitcode(status) if done else None
    finally:
        _stop(pid, reaped=code is not None)
    lines += _read(reading)
    os.close(reading)
    told: dict[str, list[str]] = {"failed": [], "took": [], "loaded": []}
    for line in lines.decode().splitlines():
        what, which = line.split(" ", 1)
        told[what].append(which)
    return code, told


def _read(pipe: int) -> bytes:
    try:
        return os.read(pipe, 1 << 20)
    except BlockingIOError:
        return b""


def _stop(pid: int, reaped: bool) -> None:
    """Ends a run with all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    if not reaped:
        os.waitpid(pid, 0)


def put(file: str, text: str) -> None:
    """A file with the text, and no bytecode of another: that is told from it by size and second."""
    path = HERE / file
    path.write_text(text, encoding="utf-8")
    for old in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        old.unlink()


def unchanged(tests: list[str]) -> tuple[list[str], float]:
    """(the tests that are not slow, quickest first; seconds of all of them), with all bytecode
    written and their libraries loaded for the forks to come."""
    began = time.monotonic()
    code, told = forked(tests, [])
    if code != 0:
        raise SystemExit((HERE / "mutants.log").read_text())
    for name in told["loaded"]:
        with contextlib.suppress(Exception):  # a part that only its package can load
            importlib.import_module(name)
    gc.freeze()  # a collection in a fork would copy every page
    took = sorted((float(one.split(" ")[0]), one.split(" ", 1)[1]) for one in told["took"])
    return [name for each, name in took if each <= SLOW], time.monotonic() - began


def tried(tests: list[str], changes: list[dict]) -> None:
    """Runs the tests on each change, and says what noticed it."""
    quick, seconds = unchanged(tests)
    sys.dont_write_bytecode = True
    noticed: list[tuple[str, int, str]] = []
    for change in changes:
        file, line = change["file"], change["line"]
        original = (HERE / file).read_text(encoding="utf-8")
        near = sorted(noticed, key=lambda one: (one[0] != file, abs(one[1] - line)))
        put(file, change["text"])
        first = list(dict.fromkeys([*(test for *_, test in near), *quick]))
        code, told = forked(tests, first, 30 + 5 * seconds)
        put(file, original)
        noticed += [(file, line, one) for one in told["failed"]]
        killer = [*told["failed"], "time" if code is None else "load" if code else None][0]
        print(json.dumps(killer), flush=True)
    sys.dont_write_bytecode = False
    if forked(tests, quick)[0]:
        raise SystemExit("the unchanged tests fail after the changes")


def main() -> None:
    sys.path.pop(0)  # this folder
    for group in json.loads(Path(sys.argv[1]).read_text()):
        tried(group["tests"], group["changes"])


if __name__ == "__main__":
    main()
