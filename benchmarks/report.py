"""The results for people in a terminal."""

from __future__ import annotations

from itertools import groupby
from math import floor, log10

from rich.console import Console
from rich.table import Table

from benchmarks.costs import Row
from benchmarks.results import Results


def show(results: Results, console: Console) -> None:
    """Print a table for each topic, and what could not be measured."""
    for topic, rows in groupby(results.rows(), key=lambda one: one.topic):
        table = Table(title=topic, title_justify="left", min_width=90)
        table.add_column("what", ratio=1)
        for heading in ("amount", "part or ratio", "quartiles"):
            table.add_column(heading, justify="right", no_wrap=True)
        for one in rows:
            table.add_row(*cells(one))
        console.print(table)
    for name, reason in results.missing.items():
        console.print(f"[b]{name}[/b] not installed: {reason}", highlight=False)


def cells(row: Row) -> tuple[str, str, str, str]:
    """Return a row as text."""
    amount = f"{significant(row.amount)} {row.unit}".rstrip()
    return row.what, amount, part(row.median), f"{part(row.low)} to {part(row.high)}"


def part(value: float) -> str:
    """Return a part with as many digits as it deserves.

    >>> [part(value) for value in (0.00123, 0.0456, 0.789, 12.3)]
    ['0.0012', '0.046', '0.79', '12.3']
    """
    return significant(value, 2 if abs(value) < 1 else 3)


def significant(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, and never an exponent.

    >>> [significant(value) for value in (0.0012345, 4.0, 1234.5)]
    ['0.00123', '4.00', '1234']
    """
    if not value:
        return "0"
    places = digits - 1 - floor(log10(abs(value)))
    return f"{value:.{max(places, 0)}f}"
