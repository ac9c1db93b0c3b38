"""How long the imports take, each in a fresh interpreter."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict

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
    for _ in range(rounds):
        for module in MODULES:
            before = "import flask" if module == "wsgi_observe.flask" else ""
            code = CODE.format(module=module, before=before)
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
            found[f"import {module}"].append(float(done.stdout))
    return dict(found)
