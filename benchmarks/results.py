"""`results.json`: every round's figure, where it was measured, and what came out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.costs import Row, row
from benchmarks.derived import with_derived
from benchmarks.series import Series
from benchmarks.topics import topics

FOLDER = Path(__file__).parent
NAME = "results.json"


@dataclass(frozen=True)
class Results:
    """One run."""

    machine: Mapping[str, object]
    versions: Mapping[str, str]
    run: Mapping[str, object]
    missing: Mapping[str, str]
    """Why a program could not be measured, by its name."""
    series: Series

    def rows(self) -> list[Row]:
        """Return what came out, in the order of `topics`."""
        series = with_derived(self.series)
        found = (row(cost, series) for cost in topics())
        return [one for one in found if one is not None]

    def write(self, folder: Path = FOLDER) -> None:
        """Write it into `folder`."""
        series = {name: [_short(value) for value in values] for name, values in self.series.items()}
        document = {**self.__dict__, "series": series}
        rounded = Results(**document)
        document["rows"] = [
            [value if isinstance(value, str) else _short(value) for value in one]
            for one in rounded.rows()
        ]
        (folder / NAME).write_text(_json(document), encoding="utf-8")


def read(folder: Path = FOLDER) -> Results:
    """Read what was written there."""
    document = json.loads((folder / NAME).read_text(encoding="utf-8"))
    del document["rows"]
    return Results(**document)


def _short(value: float) -> float:
    """Keep five figures: a round is not more exact than that."""
    return float(f"{value:.5g}")


def _json(document: Mapping[str, Any]) -> str:
    """Write it with a line for each series and each row, so that it can be read and compared."""
    parts = []
    for name, value in document.items():
        if name in ("series", "rows"):
            pairs = value.items() if name == "series" else ((None, one) for one in value)
            body = ",\n".join(
                (f"{json.dumps(key)}: " if key else "") + json.dumps(one, ensure_ascii=False)
                for key, one in pairs
            )
            parts.append(f'"{name}": {"{["[name == "rows"]}\n{body}\n{"}]"[name == "rows"]}')
        else:
            parts.append(f'"{name}": {json.dumps(value, indent=1, ensure_ascii=False)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"
