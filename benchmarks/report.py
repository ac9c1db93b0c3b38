"""The report of a run: `results.json`, and its tables and chart in the terminal and the documents.

``python -m benchmarks.report`` writes the tables of `results.json` into the documentation.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import floor as round_down
from math import log10
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks import (
    floor,
    growth,
    log_lines,
    peers,
    redaction,
    request_path,
    servers,
    startup,
)
from benchmarks.costs import Cost, Row, Series, compute_row
from benchmarks.goals import Outcome, check_goals
from benchmarks.growth import find_growths
from benchmarks.processes import usable_processors

FOLDER = Path(__file__).parent
RESULTS = "results.json"
CHART = "chart.svg"
PAGES = (FOLDER.parent / "docs" / "performance.md", FOLDER / "README.md")

QUESTIONS = (request_path, peers, log_lines, redaction, servers, startup, growth, floor)
"""The modules that know what is reported, in the order of the report."""

MARKED = re.compile(r"(<!-- (\w+): from results\.json -->\n).*?(<!-- end -->)", re.S)
"""A table of a page, with its name."""

TOPICS = {
    "path": request_path.PATH,
    "alone": request_path.ALONE,
    "others": peers.OTHERS,
    "ratios": peers.RATIOS,
    "lines": log_lines.LINES,
    "redaction": redaction.REDACTION,
    "servers": servers.SERVERS,
    "starting": startup.STARTING,
    "scaling": growth.SCALING,
    "floor": floor.FLOOR,
}
"""What is in the table of a name, where it is the rows of one topic."""

OURS, OTHER, TEXT = "#2f7ed8", "#9aa5b1", "#7d8590"
STYLE: Any = {"svg.fonttype": "none", "svg.hashsalt": "wsgi_observe", "font.family": "sans-serif"}


def all_costs() -> list[Cost]:
    """Return every cost, in the order in which it is reported."""
    return [cost for question in QUESTIONS for cost in question.costs()]


@dataclass(frozen=True)
class Results:
    """One run: every round's figure, and where it was measured."""

    machine: Mapping[str, object]
    versions: Mapping[str, str]
    run: Mapping[str, object]
    missing: Mapping[str, str]
    """Why a program could not be measured, by its name."""
    series: Series

    def rows(self) -> list[Row]:
        """Return the measured costs, in the order of the report."""
        measured = self.series
        series = {
            **measured,
            **peers.derive(measured),
            **growth.derive(measured),
            **floor.derive(measured),
        }
        rows = (compute_row(cost, series) for cost in all_costs())
        return [row for row in rows if row is not None]

    def write(self, folder: Path = FOLDER) -> None:
        """Write it into `folder`."""
        series = {
            name: [_shorten(value) for value in values] for name, values in self.series.items()
        }
        document = {**self.__dict__, "series": series}
        document["rows"] = [
            [value if isinstance(value, str) else _shorten(value) for value in row]
            for row in Results(**document).rows()
        ]
        (folder / RESULTS).write_text(_encode(document), encoding="utf-8")


def read_results(folder: Path = FOLDER) -> Results:
    """Read what was written into `folder`."""
    document = json.loads((folder / RESULTS).read_text(encoding="utf-8"))
    del document["rows"]
    return Results(**document)


def _shorten(value: float) -> float:
    """Keep five figures: a round is not more exact than that."""
    return float(f"{value:.5g}")


def _encode(document: Mapping[str, Any]) -> str:
    """Encode it with a line for each series and each row, so that it can be read and compared."""
    parts = []
    for name, value in document.items():
        if name in ("series", "rows"):
            pairs = value.items() if name == "series" else ((None, row) for row in value)
            body = ",\n".join(
                (f"{json.dumps(key)}: " if key else "") + json.dumps(one, ensure_ascii=False)
                for key, one in pairs
            )
            begin, end = "{}" if name == "series" else "[]"
            parts.append(f'"{name}": {begin}\n{body}\n{end}')
        else:
            parts.append(f'"{name}": {json.dumps(value, indent=1, ensure_ascii=False)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"


def describe_machine() -> dict[str, object]:
    """Return what figures in microseconds depend on: the machine, and how busy it was."""
    return {
        "processor": _processor(),
        "processors": os.cpu_count(),
        "usable": len(usable_processors()) or os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "load before": round(os.getloadavg()[0], 2),
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    match = cpuinfo.exists() and re.search(r"^model name\s*: (.+)$", cpuinfo.read_text(), re.M)
    return match[1] if match else platform.machine()


def show(results: Results, console: Console) -> None:
    """Print a table for each topic, and what could not be measured."""
    for topic, rows in groupby(results.rows(), key=lambda row: row.topic):
        table = Table(title=topic, title_justify="left", min_width=90)
        table.add_column("what", ratio=1)
        for heading in ("amount", "part or ratio", "quartiles"):
            table.add_column(heading, justify="right", no_wrap=True)
        for row in rows:
            table.add_row(*format_row(row))
        console.print(table)
    for name, reason in results.missing.items():
        console.print(f"[b]{name}[/b] not installed: {reason}", highlight=False)


def format_row(row: Row) -> tuple[str, str, str, str]:
    """Return a row as text."""
    amount = f"{significant(row.amount)} {row.unit}".rstrip()
    quartiles = f"{format_part(row.low)} to {format_part(row.high)}"
    return row.what, amount, format_part(row.median), quartiles


def format_part(value: float) -> str:
    """Return a part with as many digits as it deserves.

    >>> [format_part(value) for value in (0.00123, 0.0456, 0.789, 12.3)]
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
    places = digits - 1 - round_down(log10(abs(value)))
    return f"{value:.{max(places, 0)}f}"


def draw_chart(results: Results, folder: Path = FOLDER) -> None:
    """Write the chart of the peers into `folder`, in colours for a light and a dark page."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    rows = [row for row in results.rows() if row.topic == peers.OTHERS][::-1]
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(8, 0.8 + 0.32 * len(rows)), layout="constrained")
        axes = figure.subplots()
        bars = axes.barh(
            [row.what for row in rows],
            [row.median for row in rows],
            color=[OURS if row.what.startswith("wsgi_observe") else OTHER for row in rows],
            xerr=[[row.median - row.low for row in rows], [row.high - row.median for row in rows]],
            error_kw={"ecolor": TEXT, "elinewidth": 1},
        )
        axes.bar_label(bars, [format_part(row.median) for row in rows], padding=6, color=TEXT)
        axes.set_title("Added to a request, as a part of a bare Flask JSON hello", color=TEXT)
        axes.tick_params(colors=TEXT, left=False)
        axes.spines[:].set_visible(False)
        axes.margins(x=0.12)
        figure.savefig(folder / CHART, transparent=True, metadata={"Date": None, "Creator": None})


def fill_tables(text: str, results: Results) -> str:
    """Return a page's text with every marked table made anew."""
    tables = make_tables(results)
    return MARKED.sub(lambda match: f"{match[1]}\n{tables[match[2]]}\n{match[3]}", text)


def make_tables(results: Results) -> dict[str, str]:
    """Return each table in Markdown, by the name that its mark has."""
    rows = results.rows()
    by_topic = {
        name: _table(
            ("what", "amount", "part or ratio", "quartiles"),
            (format_row(row) for row in rows if row.topic == topic),
        )
        for name, topic in TOPICS.items()
    }
    outcomes = check_goals(rows)
    return {
        **by_topic,
        "costs": _costs_table(outcomes),
        "goals": _goals_table(outcomes),
        "growth": _growth_table(rows),
        "run": _run_list(results),
    }


def _costs_table(outcomes: Iterable[Outcome]) -> str:
    return _table(
        ("what", "plain", "`orjson`"),
        ((one.goal.what, *(format_part(row.median) for row in one.rows)) for one in outcomes),
    )


def _goals_table(outcomes: Iterable[Outcome]) -> str:
    return _table(
        ("what", "plain", "must", "`orjson`", "must", "goal", "reached"),
        (
            (
                goal.what,
                format_part(plain.median),
                f"{goal.must[0]}",
                format_part(fast.median),
                f"{goal.must[1]}",
                f"{goal.goal}",
                outcome.verdict(),
            )
            for outcome in outcomes
            for goal, (plain, fast) in [outcome]
        ),
    )


def _growth_table(rows: Iterable[Row]) -> str:
    return _table(
        ("with more", "from", "to", "µs at the first", "at the last", "for each more", "so it is"),
        (
            (
                one.name,
                *(str(one.counts[end]) for end in (0, -1)),
                *(significant(one.amounts[end]) for end in (0, -1)),
                significant(one.slope.amount, 2),
                one.verdict,
            )
            for one in find_growths(rows)
        ),
    )


def _run_list(results: Results) -> str:
    facts = {"machine": results.machine, "run": results.run, "versions": results.versions}
    lines = [
        f"- {what}: {', '.join(f'{name} {value}' for name, value in known.items())}\n"
        for what, known in facts.items()
    ]
    missing = (f"- not installed: {name} ({why})\n" for name, why in results.missing.items())
    return "".join([*lines, *missing])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *("---:" for _ in head[1:])], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> None:
    """Fill the tables of both pages."""
    results = read_results()
    for page in PAGES:
        page.write_text(fill_tables(page.read_text("utf-8"), results), encoding="utf-8")


if __name__ == "__main__":
    main()
