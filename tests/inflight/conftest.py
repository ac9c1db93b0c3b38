"""A table as an arbiter makes it, and an app that notes its requests there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from wsgi_observe import AccessLog, ErrorEnvelope, Health, RequestID
from wsgi_observe.scoreboard.recorder import InFlight, Recorder
from wsgi_observe.scoreboard.scoreboard import Table


@pytest.fixture
def table() -> Iterator[Table]:
    made = Table.make(seats=3, slots=4)
    yield made
    os.close(made.descriptor)


@pytest.fixture
def recorder(table: Table) -> Recorder:
    return Recorder(table.seat(1))


@pytest.fixture
def noted(recorder: Recorder) -> Callable[[Any], Any]:
    """Return a call that puts the stack with the recorder in it round an app."""

    def put_round(app: Any) -> Any:
        return RequestID(Health(InFlight(AccessLog(ErrorEnvelope(app)), recorder)))

    return put_round
