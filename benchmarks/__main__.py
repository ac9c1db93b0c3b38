"""Measures and prints: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
from statistics import median, quantiles

from benchmarks.requests import subjects
from benchmarks.rounds import Round, measure
from wsgi_observe import configure_logging

# Issue by issue, the parts of a bare request that a subject may cost.
LIMITS = {"no access line": 0.08, "access line": 0.28, "health": 0.07}


def main() -> None:
    """Run the rounds, print a line for each subject."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=50, help="of each subject in a round")
    options = parser.parse_args()
    # The line is made and written; where it ends does not matter.
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123
        configure_logging(log_format="json")
        ...
