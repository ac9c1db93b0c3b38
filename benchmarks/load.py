"""A bounded load on loopback: a number of connections, each asking again when it is answered."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from benchmarks import client

UNITS = {"us": 1.0, "ms": 1e3, "s": 1e6}


@dataclass(frozen=True)
class Load:
    """What the clients saw: answers, how many in a second, and microseconds that one took."""

    answers: int
    rate: float
    p50: float
    p99: float


def client_name() -> str:
    """Return who asks: wrk where it is installed, or the client beside this file."""
    wrk = shutil.which("wrk")
    if not wrk:
        return "benchmarks/client.py"
    shown = subprocess.run([wrk, "-v"], capture_output=True, text=True, check=False).stdout
    return " ".join(shown.split()[:2])


def load(port: int, connections: int, seconds: float) -> Load:
    """Ask for so long.

    :raises RuntimeError: for an answer that is no 200.
    """
    if not shutil.which("wrk") or seconds < 1:  # which wrk counts in whole
        return Load(*client.ask(port, connections, seconds=seconds))
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--latency"]
    url = f"http://127.0.0.1:{port}/"
    done = subprocess.run([*command, url], capture_output=True, text=True, check=True)
    return read_wrk(done.stdout)


def read_wrk(report: str) -> Load:
    """Read what wrk prints.

    :raises RuntimeError: when it saw an answer that is no 200.
    """
    if "Non-2xx" in report:
        raise RuntimeError(report)
    answers = re.search(r"^\s+(\d+) requests in ", report, re.M)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", report)
    assert answers is not None, report
    assert rate is not None, report
    percentiles = (_percentile(report, which) for which in (50, 99))
    return Load(int(answers[1]), float(rate[1]), *percentiles)


def _percentile(report: str, which: int) -> float:
    found = re.search(rf"^\s+{which}%\s+([\d.]+)(us|ms|s)$", report, re.M)
    assert found is not None, report
    return float(found[1]) * UNITS[found[2]]
