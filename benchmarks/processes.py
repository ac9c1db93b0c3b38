"""A process of its own for each set-up, in an environment of its own where it needs one.

``python -m benchmarks.processes module:function …`` is the child: it reads numbers of calls and
answers with rounds, in lines of JSON, since another environment's Python may be at that end.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from benchmarks.timing import InProcess

ROOT = Path(__file__).parent.parent

COMPLETE = "complete"
"""The file that marks an environment as ready: it may have been left half made."""


class NotInstalled(Exception):
    """Why something cannot be measured here."""


class ChildProcess:
    """One set-up in its process, which begins at once."""

    def __init__(self, name: str, target: Iterable[str], python: str = sys.executable) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.processes", *target],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def wait(self) -> Mapping[str, str]:
        """Wait until it is set up; return the versions of what it has imported.

        :raises NotInstalled: where it could not be set up.
        """
        first = self._read()
        if "failed" in first:
            raise NotInstalled(first["failed"])
        # All on one processor: they take turns, and the other is left to who else is there.
        pin(self._process.pid, -1)
        return first["versions"]  # type: ignore[no-any-return]

    def measure_round(self, calls: int) -> Mapping[str, float]:
        """Have it measure each of its subjects once; their names begin with its own."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{calls}\n")
        return {f"{self.name}: {name}": spent for name, spent in self._read().items()}

    def stop(self) -> None:
        """End it: it reads to the end of its input."""
        self._process.communicate(timeout=30)

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"failed": "it ended before it had begun"}


def main(target: str, *arguments: str) -> None:
    """Set up ``module:function``'s subjects and measure them as often as asked."""
    answers = silence_output()
    try:
        module, _, function = target.partition(":")
        program = InProcess(getattr(import_module(module), function)(*arguments))
    except Exception as error:
        print(json.dumps({"failed": f"{type(error).__name__}: {error}"}), file=answers)
        return
    print(json.dumps({"versions": _imported_versions()}), file=answers)
    for line in sys.stdin:
        print(json.dumps(program.measure_round(int(line))), file=answers)


def silence_output() -> IO[str]:
    """Point stdout and stderr at the null device, down to the system's write.

    :returns: what stdout was.
    """
    sys.stdout.flush()
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    return answers


def _imported_versions() -> dict[str, str]:
    from importlib.metadata import packages_distributions, version

    owners = packages_distributions()
    roots = {name.partition(".")[0] for name in sys.modules}
    return {owner: version(owner) for root in sorted(roots) for owner in owners.get(root, ())}


@contextmanager
def on_processor(number: int) -> Iterator[None]:
    """Run the block, and what is started in it, on one of the processors that we may use.

    A load does not take the time of what it is put on then.
    """
    allowed = usable_processors()
    pin(0, number)
    try:
        yield
    finally:
        if allowed:
            os.sched_setaffinity(0, allowed)


def pin(pid: int, number: int) -> None:
    """Keep a process on one of the processors that we may use; 0 is our own process."""
    allowed = usable_processors()
    if allowed:
        os.sched_setaffinity(pid, {allowed[number % len(allowed)]})


def usable_processors() -> list[int]:
    """Return the processors that we may use; none where the system does not let us choose."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def find_python(requirements: tuple[str, ...], *, make: bool) -> str:
    """Return the Python of an environment that has `requirements`; it is kept in the cache.

    :param make: whether to make it where there is none.
    :raises NotInstalled: where there is none and none is to be made, or pip refuses.
    """
    if not requirements:
        return sys.executable
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    key = hashlib.sha256(" ".join((sys.version, *requirements)).encode()).hexdigest()[:16]
    folder = Path(home) / "wsgi-observe-benchmarks" / key
    if not (folder / COMPLETE).exists():
        if not make:
            raise NotInstalled("its environment has not been made yet")
        _make_environment(folder, requirements)
    return str(folder / "bin" / "python")


def _make_environment(folder: Path, requirements: tuple[str, ...]) -> None:
    venv.create(folder, clear=True, with_pip=True, symlinks=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(folder)
        raise NotInstalled((done.stderr.strip() or "pip failed").splitlines()[-1])
    (folder / COMPLETE).touch()


if __name__ == "__main__":
    main(*sys.argv[1:])
