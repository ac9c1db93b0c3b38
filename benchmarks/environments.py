"""An environment of its own for a peer that cannot share one: made once, kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

from benchmarks.programs import Missing

COMPLETE = "complete"
"""The file that says so: an environment may have been left half made."""


def python_of(requirements: tuple[str, ...], *, make: bool) -> str:
    """Return the Python of an environment that has `requirements`, and no other.

    :raises Missing: where there is none and none is to be made, or pip refuses.
    """
    if not requirements:
        return sys.executable
    folder = _cache() / _name(requirements)
    if not (folder / COMPLETE).exists():
        if not make:
            raise Missing("its environment has not been made yet")
        _make(folder, requirements)
    return str(folder / "bin" / "python")


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "wsgi-observe-benchmarks"


def _name(requirements: tuple[str, ...]) -> str:
    facts = " ".join((sys.version, *requirements))
    return hashlib.sha256(facts.encode()).hexdigest()[:16]


def _make(folder: Path, requirements: tuple[str, ...]) -> None:
    venv.create(folder, clear=True, with_pip=True, symlinks=True)
    command = [str(folder / "bin" / "python"), "-m", "pip", "install", "-q", *requirements]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(folder)
        raise Missing((done.stderr.strip() or "pip failed").splitlines()[-1])
    (folder / COMPLETE).touch()
