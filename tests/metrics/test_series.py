"""The table of series: bounded for all processes together; exemplars that are whole or none."""

from __future__ import annotations

import os

import pytest

from wsgi_observe.metrics.series import MAX_SERIES, SeriesTable
from wsgi_observe.metrics.sources import MetricsSources

LABELS = ("GET", "/orders", "200")


@pytest.fixture
def table() -> SeriesTable:
    return MetricsSources().series


def test_the_limit_is_that_of_all_processes_together(table: SeriesTable) -> None:
    for first in (0, 400, 800):
        pid = os.fork()
        if not pid:
            for number in range(first, first + 400):
                table.add(("GET", f"/{number}", "200"))
            os._exit(0)
        os.waitpid(pid, 0)
    assert sum(table.add(("GET", f"/{number}", "200")) for number in range(1200)) == MAX_SERIES
    assert table.add(("GET", "/7", "200"))
    assert not table.add(("GET", "/1199", "200"))


def test_one_process_warns_for_all(table: SeriesTable) -> None:
    assert not table.has_warned
    pid = os.fork()
    if not pid:
        table.has_warned = True
        os._exit(0)
    os.waitpid(pid, 0)
    assert table.has_warned


def test_an_exemplar_is_the_last_request_of_its_bucket(table: SeriesTable) -> None:
    table.add(LABELS)
    assert table.read_exemplar(LABELS, 3) is None
    table.write_exemplar(LABELS, 3, 0.04, 1e9, ("first", ""))
    table.write_exemplar(LABELS, 3, 0.05, 2e9, ("second", "4bf92f3577b34da6a3ce929d0e0e4736"))
    assert table.read_exemplar(LABELS, 3) == (
        {"request_id": "second", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
        0.05,
        2e9,
    )
    assert table.read_exemplar(LABELS, 2) is None


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
    table.add(LABELS)
    table.write_exemplar(LABELS, 0, 0.1, 1e9, ids)
    exemplar = table.read_exemplar(LABELS, 0)
    assert exemplar is not None
    assert exemplar.labels == kept


def test_a_half_written_exemplar_is_none(table: SeriesTable) -> None:
    table.add(LABELS)
    table.write_exemplar(LABELS, 0, 0.1, 1e9, ("abc", ""))
    written = bytes(table.memory[:])
    start = next(n for n in range(len(written) - 3) if written[n : n + 3] == b"abc")
    table.memory[start : start + 1] = b"x"
    assert table.read_exemplar(LABELS, 0) is None


def test_an_exemplar_of_another_process_is_read(table: SeriesTable) -> None:
    pid = os.fork()
    if not pid:
        table.add(LABELS)
        table.write_exemplar(LABELS, 0, 0.1, 1e9, ("abc", ""))
        os._exit(0)
    os.waitpid(pid, 0)
    assert table.read_exemplar(LABELS, 0) is not None


def test_an_exemplar_of_other_labels_is_none(table: SeriesTable) -> None:
    # In an empty table both have the same position.
    labels, others = ("GET", "/7", "200"), ("GET", "/42", "200")
    table.write_exemplar(others, 0, 0.1, 1e9, ("first", ""))
    table.write_exemplar(labels, 0, 0.1, 1e9, ("abc", ""))
    assert table.read_exemplar(others, 0) is None
