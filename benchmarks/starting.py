"""How long the imports take, each in a fresh interpreter, once they are compiled."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import defaultdict
from tempfile import TemporaryDirectory

from benchmarks.programs import ROOT
from benchmarks.series import Series

MODULES = ("flask", "wsgi_observe", "wsgi_observe.flask")

CODE = """
from time import perf_counter
{before}
began = perf_counter()
import {module}
print((perf_counter() - began) * 1e6)
"""


def measure(rounds: int) -> Series:
    """Return the microseconds of each import for each round, `wsgi_observe.flask` after Flask's."""
    found: dict[str, list[float]] = defaultdict(list)
    with TemporaryDirectory() as compiled:
        for module in MODULES:
            _import(module, compiled)  # the first one compiles it
        for _ in range(rounds):
            for module in MODULES:
                found[f"import {module}"].append(_import(module, compiled))
    return dict(found)


def _import(module: str, compiled: str) -> float:
    before = "import flask" if module == "wsgi_observe.flask" else ""
    done = subprocess.run(
        [sys.executable, "-c", CODE.format(module=module, before=before)],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": compiled},
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)
