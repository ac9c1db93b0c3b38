"""Write the tables of `results.json` into the documentation: ``python -m benchmarks.readme``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks import names
from benchmarks.costs import Row
from benchmarks.goals import Reached, reached
from benchmarks.growth import growths
from benchmarks.report import cells, part, significant
from benchmarks.results import FOLDER, Results, read

PAGES = (FOLDER.parent / "docs" / "performance.md", FOLDER / "README.md")

MARKED = re.compile(r"(<!-- (\w+): from results\.json -->\n).*?(<!-- end -->)", re.S)


def filled(text: str, results: Results) -> str:
    """Return a page's text with every marked table made anew."""
    found = tables(results)
    return MARKED.sub(lambda match: f"{match[1]}\n{found[match[2]]}\n{match[3]}", text)


def tables(results: Results) -> dict[str, str]:
    """Return each table in Markdown, by the name that its mark has."""
    rows = results.rows()
    by_topic = {
        name: _table(
            ("what", "amount", "part or ratio", "quartiles"),
            (cells(row) for row in rows if row.topic == topic),
        )
        for name, topic in TOPICS.items()
    }
    return {
        **by_topic,
        "costs": _costs(results),
        "goals": _goals(results),
        "growth": _growth(rows),
        "run": _run(results),
    }


TOPICS = {
    "path": names.PATH,
    "alone": names.ALONE,
    "others": names.OTHERS,
    "ratios": names.RATIOS,
    "lines": names.LINES,
    "redaction": names.REDACTION,
    "servers": names.SERVERS,
    "starting": names.STARTING,
    "scaling": names.SCALING,
    "floor": names.FLOOR,
}


def _costs(results: Results) -> str:
    return _table(
        ("what", "plain", "`orjson`"),
        ((one.goal.what, *(part(row.median) for row in one.rows)) for one in _all(results)),
    )


def _goals(results: Results) -> str:
    return _table(
        ("what", "plain", "must", "`orjson`", "must", "goal", "reached"),
        (
            (
                goal.what,
                part(plain.median),
                f"{goal.must[0]}",
                part(fast.median),
                f"{goal.must[1]}",
                f"{goal.goal}",
                one.verdict(),
            )
            for one in _all(results)
            for goal, (plain, fast) in [one]
        ),
    )


def _growth(rows: Iterable[Row]) -> str:
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
            for one in growths(rows)
        ),
    )


def _all(results: Results) -> list[Reached]:
    return reached(results.rows())


def _run(results: Results) -> str:
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
    """Fill both pages."""
    results = read()
    for page in PAGES:
        _fill(page, results)


def _fill(page: Path, results: Results) -> None:
    text = page.read_text(encoding="utf-8")
    page.write_text(filled(text, results), encoding="utf-8")


if __name__ == "__main__":
    main()
