"""Which rows of a table `pytest` alone runs."""

from collections.abc import Iterable
from typing import Any

import pytest


def first_by_default(rows: Iterable[Any]) -> list[Any]:
    """Return rows of which `pytest` alone runs the first, and `pytest -m slow` the others."""
    first, *others = rows
    return [first, *map(mark_slow, others)]


def slow_except(names: Iterable[str], *quick: str) -> list[Any]:
    """Return names of rows of which `pytest` alone runs some, and `pytest -m slow` the others."""
    return [name if name in quick else mark_slow(name) for name in names]


def mark_slow(row: Any) -> Any:
    """Return a row that `pytest` alone leaves out."""
    if isinstance(row, type(pytest.param())):
        return pytest.param(*row.values, id=row.id, marks=[*row.marks, pytest.mark.slow])
    return pytest.param(row, marks=pytest.mark.slow)


def mark_rows_slow(*rows: tuple[Any, ...]) -> list[Any]:
    """Return rows of several values that `pytest` alone leaves out."""
    return [pytest.param(*row, marks=pytest.mark.slow) for row in rows]
