"""Starts the processes that are measured and asks each for its rounds."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from benchmarks.processors import pin

ROOT = Path(__file__).parent.parent


class Missing(Exception):
    """What cannot be measured here, and why."""


class Child:
    """One process of `benchmarks.child`, which begins at once."""

    def __init__(self, name: str, target: Iterable[str], python: str = sys.executable) -> None:
        self.name = name
        self._process = subprocess.Popen(
            [python, "-m", "benchmarks.child", *target],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
        )

    def wait(self) -> Mapping[str, str]:
        """Wait until it is set up; return the versions of what it has imported.

        :raises Missing: where it could not be set up.
        """
        first = self._answer()
        if "failed" in first:
            raise Missing(first["failed"])
        # All on one processor: they take turns, and the other is left to who else is there.
        pin(self._process.pid, -1)
        return first["versions"]  # type: ignore[no-any-return]

    def round(self, calls: int) -> Mapping[str, float]:
        """Have it measure each of its subjects once; their names begin with its own."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{calls}\n")
        return {f"{self.name}: {name}": spent for name, spent in self._answer().items()}

    def stop(self) -> None:
        """End it: it reads to the end of its input."""
        self._process.communicate(timeout=30)

    def _answer(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"failed": "it ended before it had begun"}
