"""The table of series: bounded for all processes together; exemplars that are whole or none."""

from __future__ import annotations

import os

import pytest

from wsgi_observe.metrics.memory import MetricsMemory
from wsgi_observe.metrics.series import MAX_SERIES, SeriesTable

LABELS = ("GET", "/orders", "200")


@pytest.fixture
def table() -> SeriesTable:
    return MetricsMemory().series


def test_a_series_has_the_same_position_in_every_process(table: SeriesTable) -> None:
    pid = os.fork()
    if not pid:
        table.find_or_add(LABELS)
        os._exit(0)
    os.waitpid(pid, 0)
    assert table.find(LABELS) == table.find_or_add(LABELS)
    assert table.find(("GET", "/", "200")) is None


def test_the_limit_is_that_of_all_processes_together(table: SeriesTable) -> None:
    for first in (0, 400, 800):
        pid = os.fork()
        if not pid:
            for number in range(first, first + 400):
                table.find_or_add(("GET", f"/{number}", "200"))
            os._exit(0)
        os.waitpid(pid, 0)
    found = [table.find(("GET", f"/{number}", "200")) for number in range(1200)]
    assert sum(one is not None for one in found) == MAX_SERIES
    assert len({one for one in found if one is not None}) == MAX_SERIES
    assert table.find_or_add(("GET", "/7", "200")) is not None
    assert table.find_or_add(("GET", "/1199", "200")) is None


def test_one_process_warns(table: SeriesTable) -> None:
    assert [table.is_first_warning() for _ in range(3)] == [True, False, False]


def test_an_exemplar_is_the_last_request_of_its_bucket(table: SeriesTable) -> None:
    series = table.find_or_add(LABELS)
    assert series is not None
    assert table.read_exemplar(series, 3) is None
    table.write_exemplar(series, 3, 0.04, 1e9, ("first", ""))
    table.write_exemplar(series, 3, 0.05, 2e9, ("second", "4bf92f3577b34da6a3ce929d0e0e4736"))
    assert table.read_exemplar(series, 3) == (
        {"request_id": "second", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        0.05,
        2e9,
    )
    assert table.read_exemplar(series, 2) is None


@pytest.mark.parametrize(
    ("ids", "kept"),
    [
        pytest.param(("a" * 110, ""), {"request_id": "a" * 110}, id="as long as may be"),
        pytest.param(("a" * 128, "t" * 32), {"trace_id": "t" * 32}, id="the trace alone"),
        pytest.param(("a" * 128, ""), {}, id="none"),
    ],
)
def test_ids_that_openmetrics_has_no_room_for_are_left_out(
    table: SeriesTable, ids: tuple[str, str], kept: dict[str, str]
) -> None:
    series = table.find_or_add(LABELS)
    assert series is not None
    table.write_exemplar(series, 0, 0.1, 1e9, ids)
    exemplar = table.read_exemplar(series, 0)
    assert exemplar is not None
    assert exemplar.labels == kept


def test_a_half_written_exemplar_is_none(table: SeriesTable) -> None:
    series = table.find_or_add(LABELS)
    assert series is not None
    table.write_exemplar(series, 0, 0.1, 1e9, ("abc", ""))
    written = bytes(table.memory[:])
    start = next(n for n in range(len(written) - 3) if written[n : n + 3] == b"abc")
    table.memory[start : start + 1] = b"x"
    assert table.read_exemplar(series, 0) is None


def test_an_exemplar_of_other_labels_is_none(table: SeriesTable) -> None:
    series = table.find_or_add(LABELS)
    assert series is not None
    table.write_exemplar(series, 0, 0.1, 1e9, ("abc", ""))
    assert table.read_exemplar(series._replace(hash=1), 0) is None
