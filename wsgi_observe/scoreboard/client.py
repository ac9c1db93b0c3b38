"""Asks a running server, from another process, which requests are in flight and where they are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep, time
from typing import NamedTuple

from wsgi_observe.scoreboard.entries import Flight, Seat
from wsgi_observe.scoreboard.scoreboard import Table

_BETWEEN_LOOKS = 0.02  # seconds


class Found(NamedTuple):
    """A running request, as somebody outside sees it."""

    pid: int
    flight: Flight
    age: float
    stack: str | None
    """None where the worker does not answer."""


class Look(NamedTuple):
    """What one worker had to say."""

    pid: int
    answers: bool
    found: list[Found]
    beyond: int
    """Requests that have no slot."""


def ask(pid: int, wait: float = 3.0) -> Iterator[Look]:
    """Yield what runs in a worker, or in all of an arbiter's.

    Which requests, and for how long, stands in shared memory, whatever state the worker is in. The
    stacks are its watchdog's to tell, for which it is given `wait` seconds: while an extension
    keeps Python's lock, there is nobody to ask.

    :raises ProcessLookupError: when there is no such process.
    :raises PermissionError: when it is another user's.
    :raises LookupError: when it has no table of running requests.
    """
    table = Table.of_process(pid)
    seats = [seat for seat in table.seats if seat.pid and (seat.pid == pid or table.pid == pid)]
    if not seats and table.pid != pid:
        raise LookupError(f"process {pid} serves no requests")
    questions = [(seat, _ask(seat)) for seat in seats]
    deadline = monotonic() + wait
    for seat, number in questions:
        answers = _await(seat, number, deadline)
        yield _look(seat, answers)


def _ask(seat: Seat) -> int:
    number = (seat.asked + 1) % 2**32
    seat.asked = number
    return number


def _await(seat: Seat, number: int, deadline: float) -> bool:
    while seat.answered != number:
        # Somebody else may have asked since.
        if monotonic() > deadline or not seat.pid:
            return False
        number = seat.asked
        sleep(_BETWEEN_LOOKS)
    return True


def _look(seat: Seat, answers: bool) -> Look:
    pid = seat.pid
    stacks = _stacks(seat) if answers else {}
    now = time()
    found = [
        Found(pid, flight, flight.age(now), stacks.get(str(number)))
        for number, flight in seat.look().flights.items()
    ]
    return Look(pid, answers, sorted(found, key=lambda one: -one.age), seat.beyond)


def _stacks(seat: Seat) -> dict[str, str]:
    with suppress(OSError, ValueError):
        text = Path(f"/proc/{seat.pid}/fd/{seat.answer}").read_text(encoding="utf-8")
        found: dict[str, str] = json.loads(text)
        return found
    return {}
