"""Virtual environments that hold one application, Gunicorn and this checkout, built once."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

PACKAGE = Path(__file__).parents[2] / "wsgi_observe"
SERVER = ("gunicorn>=25.1", "python-json-logger>=3.1")
PATIENCE = 600.0  # seconds for pip, which may have to compile something


class InstallationError(Exception):
    """pip could not install an application."""


@dataclass(frozen=True)
class Environment:
    """An installed virtual environment."""

    folder: Path

    def command(self, script: str, *arguments: str) -> list[str]:
        """Return the command line of one of its scripts."""
        return [str(self.folder / "bin" / script), *arguments]

    def run(
        self, script: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run one of its scripts to the end; stderr is part of the output."""
        return _run(*self.command(script, *arguments), cwd=cwd, env=env)

    def check(
        self, script: str, *arguments: str, cwd: Path, env: Mapping[str, str] | None = None
    ) -> str:
        """Run one of its scripts, which has to succeed, and return its output."""
        done = self.run(script, *arguments, cwd=cwd, env=env)
        assert done.returncode == 0, done.stdout
        return done.stdout


def install(requirements: tuple[str, ...], cache: Path) -> Environment:
    """Return the environment with these packages, which the first caller builds.

    xdist's workers share the cache, which outlives the run (`pytest --cache-clear` empties it).
    """
    wanted = (*SERVER, *sorted(requirements))
    key = hashlib.sha256(repr((sys.version, wanted)).encode()).hexdigest()[:12]
    folder = cache / key
    with _locked(folder.with_suffix(".lock")):
        complete = folder / "complete"
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            _build(folder, wanted)
            complete.touch()
    return Environment(folder)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(folder: Path, wanted: tuple[str, ...]) -> None:
    venv.create(folder, with_pip=False, symlinks=True)
    python = str(folder / "bin" / "python")
    pip = (sys.executable, "-m", "pip", "--python", python, "--retries", "1", "install", "--quiet")
    try:
        done = _run(*pip, *wanted, cwd=folder)
    except subprocess.TimeoutExpired as error:
        raise InstallationError(str(error)) from error
    if done.returncode != 0:
        raise InstallationError(f"pip install {' '.join(wanted)}:\n{done.stdout[-2000:]}")
    (site_packages,) = folder.glob("lib/python*/site-packages")
    # A link, and not PYTHONPATH, which would make our tests and benchmarks importable, too.
    (site_packages / PACKAGE.name).symlink_to(PACKAGE)


def _run(
    *command: str, cwd: Path, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
