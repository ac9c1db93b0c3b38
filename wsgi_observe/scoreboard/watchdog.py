"""The watchdog of a worker: a thread that logs slow requests, and shares stacks on request.

It also writes the log lines that wait for room in their stream, which else the next line would.

It is a thread of the system also under gevent. A greenlet would not run in the very case that it
is needed for: when one request keeps all others from running.
"""

from __future__ import annotations

from _thread import start_new_thread
from collections.abc import Callable
from time import sleep, time

from wsgi_observe._loggers import config_watch
from wsgi_observe._safely import warn_once
from wsgi_observe._shared_memory import Memory
from wsgi_observe.logs.installation import root_line_handlers
from wsgi_observe.scoreboard.log_lines import report_slow_request
from wsgi_observe.scoreboard.recorder import Recorder, RequestEntry
from wsgi_observe.scoreboard.scoreboard import elapsed_seconds
from wsgi_observe.scoreboard.stacks import format_stack, get_frame, share_stacks
from wsgi_observe.wsgi.exceptions import any_failure
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.headers import get_header

_MAX_INTERVAL_SECONDS, _MIN_INTERVAL_SECONDS = 0.5, 0.02


class Watchdog:
    """Checks the running requests a few times a second, at no cost to them.

    :param slow_seconds: the age from which a request is logged; 0 for never.
    :param checks_logging: whether to compare the logging configuration with the installed one.
    """

    def __init__(
        self, recorder: Recorder, slow_seconds: float, *, checks_logging: bool = False
    ) -> None:
        self._recorder = recorder
        self._slow_seconds = slow_seconds
        self._checks_logging = checks_logging
        self._shared_stacks: Memory | None = None
        interval = slow_seconds / 8 if slow_seconds else _MAX_INTERVAL_SECONDS
        self._interval_seconds = min(_MAX_INTERVAL_SECONDS, max(_MIN_INTERVAL_SECONDS, interval))

    def start(
        self,
        start_thread: Callable[[Callable[[], None], tuple[()]], object] = start_new_thread,
        pause: Callable[[float], object] = sleep,
    ) -> None:
        """Start polling, in a thread that does not keep the process from exiting.

        :param start_thread: starts a thread of the system; gevent patches the usual one.
        :param pause: puts that thread to sleep; likewise.
        """

        def run() -> None:
            while True:
                pause(self._interval_seconds)
                self.poll()

        start_thread(run, ())

    def poll(self) -> None:
        """Log requests that have become slow, share the stacks, and write what waits for room."""
        try:
            now = time()
            self._recorder.worker_entry.last_seen = now
            self._recorder.worker_entry.repair_file()
            if self._slow_seconds:
                self._report_slow_requests(now)
            self._share_stacks_if_requested()
            for handler in root_line_handlers():
                handler.write_backlog()
            if self._checks_logging:
                config_watch.check_if_due()
        except any_failure():
            warn_once("watching the running requests")

    def _report_slow_requests(self, now: float) -> None:
        limit = now - self._slow_seconds
        for entry in self._recorder.running_entries:
            started = entry.started
            if started <= limit and entry.slow_start != started:
                entry.slow_start = started
                self._report_slow_request(entry, started, now)

    def _report_slow_request(self, entry: RequestEntry, started: float, now: float) -> None:
        stack = self._format_stack(entry)
        exchange = entry.exchange
        # Another request may use the entry by now.
        if exchange is None or entry.started != started or _is_long_lived(exchange):
            return
        context = exchange.context
        context.fields.setdefault("slow", True)  # the app may have bound one of its own
        context.log_parts = None  # which lines before this one have encoded
        report_slow_request(context, elapsed_seconds(started, now), stack)

    def _share_stacks_if_requested(self) -> None:
        worker_entry = self._recorder.worker_entry
        requested = worker_entry.stacks_requested
        if requested != worker_entry.stacks_answered:
            entries = self._recorder.running_entries
            self._shared_stacks = share_stacks({e.number: self._format_stack(e) for e in entries})
            worker_entry.stacks_answered = requested

    def _format_stack(self, entry: RequestEntry) -> str:
        return format_stack(get_frame(entry.ident, self._recorder.greenlet_thread))


def _is_long_lived(exchange: Exchange) -> bool:
    """Return whether it is a WebSocket or an event stream, which end when the client wants."""
    response = exchange.response
    content_type = get_header(response.headers, "content-type")
    is_event_stream = response.headers_sent_at and content_type.startswith("text/event-stream")
    return exchange.is_upgrade or bool(is_event_stream)
