"""The table: shared by processes, found through one of them, read when one has died."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from time import sleep, time

import pytest

from tests.calls import environ
from wsgi_observe.scoreboard.entries import FORM, SEAT_SIZE, pack, text_of
from wsgi_observe.scoreboard.recorder import InFlight, Recorder
from wsgi_observe.scoreboard.scoreboard import Table


@pytest.fixture
def worker(table: Table) -> Iterator[int]:
    """A process that is in the middle of a request."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            seat = table.seat(2)
            seat.pid = os.getpid()
            app = InFlight(lambda *_: [os.write(writing, b"!"), sleep(60)], Recorder(seat))
            app(environ("/stuck", HTTP_X_REQUEST_ID="abc"), lambda status, headers: None)
        finally:
            os._exit(1)
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    os.close(writing)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_what_a_killed_worker_left_is_read(table: Table) -> None:
    pid = os.fork()
    if not pid:
        seat = table.seat(0)
        app = InFlight(lambda *_: os.kill(os.getpid(), signal.SIGKILL), Recorder(seat))  # type: ignore[arg-type]
        app(environ("/orders"), lambda status, headers: None)
    os.waitpid(pid, 0)
    seat = table.seat(0)
    flights, torn = seat.look()
    assert ([flight.path for flight in flights.values()], torn) == (["/orders"], 0)
    seat.clear()
    assert seat.look() == ({}, 0)


def test_another_process_finds_the_table_through_one_that_has_it(table: Table, worker: int) -> None:
    found = Table.of_process(worker)
    assert (found.pid, found.made) == (os.getpid(), table.made)
    (seat,) = [seat for seat in found.seats if seat.pid == worker]
    assert [flight.path for flight in seat.look().flights.values()] == ["/stuck"]


def test_a_process_without_a_table_is_told_from_one_that_is_not_there() -> None:
    without = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with without, pytest.raises(LookupError, match="has no table"):
        Table.of_process(without.pid)
    gone = os.fork() or os._exit(0)  # type: ignore[func-returns-value]
    os.waitpid(gone, 0)
    with pytest.raises(ProcessLookupError):
        Table.of_process(gone)


def test_what_is_torn_is_counted_and_spares_the_rest(table: Table) -> None:
    seat = table.seat(0)
    first, second, *_ = seat.offsets
    table.memory[first] = 1
    entry = pack(text_of("abc", "GET", "/whole"), time())
    table.memory[second : second + FORM.size] = entry
    flights, torn = seat.look()
    assert ([flight.path for flight in flights.values()], torn) == (["/whole"], 1)


def test_seats_do_not_overlap(table: Table) -> None:
    for number, seat in enumerate(table.seats):
        seat.pid, seat.beyond, seat.answer, seat.booted, seat.signal = number, 9, 9, True, 9
        table.memory[seat.offsets.start : seat.offsets.stop] = b"\xff" * len(
            table.memory[seat.offsets.start : seat.offsets.stop]
        )
        assert seat.start + SEAT_SIZE == seat.offsets.start
    assert [seat.pid for seat in table.seats] == [0, 1, 2]
    table.seat(1).clear()
    assert [seat.pid for seat in table.seats] == [0, 0, 2]
    assert [seat.beyond for seat in table.seats] == [9, 0, 9]


@pytest.mark.parametrize(
    "content", [b"", b"other", b"x" * 5000, b"wsgifly\x02", b"wsgifly\x02" + b"\xff" * 200]
)
def test_what_is_no_table_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with path.open("r+b") as file, pytest.raises(LookupError):
        Table.open(file.fileno())
