"""Handlers of the signals that end a worker: they report its request, with the current stack."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from wsgi_observe._safely import call_safely
from wsgi_observe.scoreboard.log_lines import signal_name, write_held_records
from wsgi_observe.scoreboard.recorder import Recorder, RequestEntry
from wsgi_observe.scoreboard.stacks import format_stack
from wsgi_observe.wsgi.exceptions import mark_logged
from wsgi_observe.wsgi.exchange import Exchange

# Gunicorn's handlers raise SystemExit, in a sync worker within the app. The arbiter sends SIGABRT
# to a worker that has not shown life for the timeout.
_EXIT_SIGNALS = (signal.SIGABRT, signal.SIGQUIT, signal.SIGINT)


def install_exit_handlers(worker: Any, recorder: Recorder) -> None:
    """Wrap the worker's own handlers of the signals that end it at once."""
    recorder.get_kill_cause = lambda: _get_kill_cause(worker, recorder)
    for signum in _EXIT_SIGNALS:
        previous_handler = signal.getsignal(signum)
        if callable(previous_handler):
            signal.signal(signum, _make_handler(worker, recorder, previous_handler))


def _make_handler(
    worker: Any, recorder: Recorder, previous_handler: Callable[[int, FrameType | None], Any]
) -> Callable[[int, FrameType | None], None]:
    def handle(signum: int, frame: FrameType | None) -> None:
        recorder.worker_entry.signal = signum
        running, ident = recorder.running_entries, recorder.get_ident()
        entry = next((one for one in running if one.ident == ident), None)
        exchange = None if entry is None else entry.exchange
        if entry is not None and exchange is not None:
            arguments = (worker, entry, exchange, signum, frame)
            call_safely("reporting an interrupted request", _report_interrupted_request, *arguments)
        for other in running:  # in other threads: they die with the worker
            if other is not entry and other.exchange is not None:
                context = other.exchange.context
                call_safely("writing the records of debug_on_error", write_held_records, context)
        try:
            previous_handler(signum, frame)
        except SystemExit as error:
            # One ERROR line for one request: the exception is not logged again.
            if exchange is not None:
                mark_logged(error, exchange.context)
            raise

    return handle


def _report_interrupted_request(
    worker: Any, entry: RequestEntry, exchange: Exchange, signum: int, frame: FrameType | None
) -> None:
    is_timeout = signum == signal.SIGABRT and 0 < worker.cfg.timeout <= entry.age
    cause = "worker timeout" if is_timeout else signal_name(signum)
    entry.report_death(exchange, cause, stack=format_stack(frame))


def _get_kill_cause(worker: Any, recorder: Recorder) -> str:
    if recorder.worker_entry.signal:
        return signal_name(recorder.worker_entry.signal)
    return "GreenletExit" if worker.alive else "graceful timeout"
