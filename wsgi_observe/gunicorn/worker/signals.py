"""Names, in the worker, a request that a signal is about to end: while there is a stack to show."""

from __future__ import annotations

import signal
from collections.abc import Callable
from time import time
from types import FrameType
from typing import Any

from wsgi_observe._safely import ask
from wsgi_observe.gunicorn.arbiter.reaper import signal_name
from wsgi_observe.scoreboard.entries import age_of
from wsgi_observe.scoreboard.log_lines import tell_dying
from wsgi_observe.scoreboard.recorder import Recorder, Slot
from wsgi_observe.scoreboard.stacks import stack_text
from wsgi_observe.wsgi.exceptions import mark_logged

# All of them end in a SystemExit, which a sync worker gets within the app. The arbiter sends the
# first when a worker has not been heard of for too long.
_SIGNALS = (signal.SIGABRT, signal.SIGQUIT, signal.SIGINT)


def tell_ends(worker: Any, recorder: Recorder) -> None:
    """Stand before the worker's own handlers of the signals that end it at once."""
    recorder.killed_by = lambda: _cause_of_kill(worker, recorder)
    for number in _SIGNALS:
        before = signal.getsignal(number)
        if callable(before):
            signal.signal(number, _telling(worker, recorder, before))


def _telling(
    worker: Any, recorder: Recorder, before: Callable[[int, FrameType | None], Any]
) -> Callable[[int, FrameType | None], None]:
    def handle(number: int, frame: FrameType | None) -> None:
        recorder.seat.signal = number
        slot = _interrupted(recorder)
        if slot is not None and not slot.is_told:
            ask("naming a request that ends", _tell, worker, slot, number, frame)
        try:
            before(number, frame)
        except SystemExit as error:
            # One ERROR for one death: whoever answers for this exception need not log it again.
            if slot is not None and slot.exchange is not None:
                mark_logged(error, slot.exchange.scope)
            raise

    return handle


def _interrupted(recorder: Recorder) -> Slot | None:
    """Return the request in the middle of which this handler runs, if it does."""
    here = recorder.here()
    return next((slot for slot in recorder.running if slot.here == here), None)


def _tell(worker: Any, slot: Slot, number: int, frame: FrameType | None) -> None:
    if slot.exchange is None:
        return
    age = age_of(slot.started, time())
    is_timeout = number == signal.SIGABRT and 0 < worker.cfg.timeout <= age
    cause = "worker timeout" if is_timeout else signal_name(number)
    stack = stack_text(frame)
    tell_dying(slot.exchange.environ, cause, age, worker_pid=worker.pid, stack=stack)
    slot.mark_told()


def _cause_of_kill(worker: Any, recorder: Recorder) -> str:
    """Return why a greenlet was ended in which a request ran."""
    if recorder.seat.signal:
        return signal_name(recorder.seat.signal)
    return "GreenletExit" if worker.alive else "graceful timeout"
