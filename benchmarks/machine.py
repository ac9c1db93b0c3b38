"""On what it was measured: the machine, and how busy it was."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path

from benchmarks.processors import usable


def machine() -> dict[str, object]:
    """Return what figures in microseconds depend on."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "usable": len(usable()) or os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    facts = Path("/proc/cpuinfo")
    named = facts.exists() and re.search(r"^model name\s*: (.+)$", facts.read_text(), re.M)
    return named[1] if named else platform.machine()
