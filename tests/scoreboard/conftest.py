"""A scoreboard as an arbiter makes it, and an app whose requests are recorded there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.calls import answering
from wsgi_observe import AccessLog, ErrorEnvelope, Health, RequestID
from wsgi_observe.scoreboard.recorder import Recorder
from wsgi_observe.scoreboard.scoreboard import Scoreboard


@pytest.fixture
def scoreboard() -> Scoreboard:
    return Scoreboard.make(worker_count=3, max_requests=4)


@pytest.fixture
def recorder(scoreboard: Scoreboard) -> Recorder:
    return Recorder(answering(), scoreboard.worker_entries[1])


@pytest.fixture
def noted(recorder: Recorder) -> Callable[[Any], Any]:
    """Return a call that puts the stack with the recorder in it round an app."""

    def put_round(app: Any) -> Any:
        stack = RequestID(Health(AccessLog(ErrorEnvelope(app))))
        stack.insert(recorder, before=AccessLog)
        return stack

    return put_round
