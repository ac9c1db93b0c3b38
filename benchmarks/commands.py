"""A benchmark that is a command of its own: its options, its processes, its rows."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence

from rich.console import Console

from benchmarks.costs import Cost, Series, compute_row, to_microseconds
from benchmarks.processes import ChildProcess
from benchmarks.report import format_row
from benchmarks.timing import measure


def parse_options(name: str) -> argparse.Namespace:
    """Return the options ``rounds`` and ``calls`` of ``python -m benchmarks.<name>``."""
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=50, help="of each subject in a round")
    return parser.parse_args()


def measure_children(children: Sequence[ChildProcess], options: argparse.Namespace) -> Series:
    """Return what the subjects of these processes take, in microseconds, and end them."""
    try:
        for child in children:
            child.wait()
        return to_microseconds(measure(children, options.rounds, options.calls))
    finally:
        for child in children:
            child.stop()


def print_costs(costs: Iterable[Cost], series: Series) -> None:
    """Print a row for each cost."""
    for cost in costs:
        row = compute_row(cost, series)
        assert row is not None
        Console().print(" | ".join(format_row(row)), highlight=False)
