"""The watchdog of a worker: a thread that names requests which take too long, and answers `stuck`.

A thread of the system's also under gevent. A greenlet would be asleep in the very case it is
for: when one request keeps all the others from running.
"""

from __future__ import annotations

import json
import os
from _thread import start_new_thread
from collections.abc import Callable
from contextlib import suppress
from time import sleep, time

from wsgi_observe._loggers import config_watch
from wsgi_observe._safely import warn_once
from wsgi_observe.scoreboard.entries import elapsed_seconds
from wsgi_observe.scoreboard.log_lines import report_slow_request
from wsgi_observe.scoreboard.recorder import Recorder, RequestEntry
from wsgi_observe.scoreboard.stacks import format_stack, get_frame
from wsgi_observe.wsgi.exceptions import any_failure
from wsgi_observe.wsgi.headers import get_header

_MAX_INTERVAL_SECONDS, _MIN_INTERVAL_SECONDS = 0.5, 0.02


class Watchdog:
    """Looks at the running requests a few times a second; they pay nothing for it.

    :param slow: seconds from which a request is named; 0 for never.
    :param checks_logging: whether the logging configuration is compared with what was installed.
    """

    def __init__(self, recorder: Recorder, slow: float, *, checks_logging: bool = False) -> None:
        self._recorder = recorder
        self._slow_seconds = slow
        self._checks_logging = checks_logging
        self._reported: dict[RequestEntry, float] = {}
        interval = slow / 8 if slow else _MAX_INTERVAL_SECONDS
        self._interval_seconds = min(_MAX_INTERVAL_SECONDS, max(_MIN_INTERVAL_SECONDS, interval))

    def start(
        self,
        start_thread: Callable[[Callable[[], None], tuple[()]], object] = start_new_thread,
        pause: Callable[[float], object] = sleep,
    ) -> None:
        """Begin to look, in a thread that keeps no process from ending.

        :param begin: starts a thread, and `pause` lets it sleep; gevent has others in their place.
        """

        def run() -> None:
            while True:
                pause(self._interval_seconds)
                self.poll()

        start_thread(run, ())

    def poll(self) -> None:
        """Name what has become slow since the last look; answer who asks."""
        try:
            now = time()
            self._recorder.worker_entry.last_seen = now
            self._recorder.worker_entry.repair_mirror()
            if self._slow_seconds:
                self._report_slow_requests(now)
            write_stacks(self._recorder)
            if self._checks_logging:
                config_watch.check_if_due()
        except any_failure():
            warn_once("watching the running requests")

    def _report_slow_requests(self, now: float) -> None:
        limit = now - self._slow_seconds
        running_entries = {entry: entry.started for entry in self._recorder.running_entries}
        self._reported = {
            entry: started
            for entry, started in self._reported.items()
            if running_entries.get(entry) == started
        }
        for entry, started in running_entries.items():
            if started <= limit and entry not in self._reported:
                self._reported[entry] = started
                self._report_slow_request(entry, started, now)

    def _report_slow_request(self, entry: RequestEntry, started: float, now: float) -> None:
        stack = format_stack(get_frame(entry.ident, self._recorder.greenlet_thread))
        exchange = entry.exchange
        # Another request may have the slot by now.
        if exchange is None or entry.started != started or _is_long_lived(entry):
            return
        exchange.context.fields.setdefault("slow", True)  # the app may have bound one of its own
        report_slow_request(exchange.context, elapsed_seconds(started, now), stack)


def _is_long_lived(entry: RequestEntry) -> bool:
    """Return whether it is a WebSocket or an event stream, which end when the client wants."""
    exchange = entry.exchange
    if exchange is None or exchange.is_upgrade:
        return True
    response = exchange.response
    content_type = get_header(response.headers, "content-type")
    return bool(response.headers_sent_at) and content_type.startswith("text/event-stream")


_MEMFD_NAME = "wsgi_observe.stacks"


def write_stacks(recorder: Recorder) -> None:
    """Leave the stacks where the asker finds them, if somebody has asked since the last time.

    In a file without a path, which the kernel opens for the same user only.
    """
    worker_entry = recorder.worker_entry
    stacks_requested = worker_entry.stacks_requested
    if stacks_requested == worker_entry.stacks_answered:
        return
    stacks = {
        entry.number: format_stack(get_frame(entry.ident, recorder.greenlet_thread))
        for entry in recorder.running_entries
    }
    previous = worker_entry.stacks_descriptor
    descriptor = os.memfd_create(_MEMFD_NAME, os.MFD_CLOEXEC)
    with open(descriptor, "w", encoding="utf-8", errors="replace", closefd=False) as file:
        json.dump(stacks, file)
    worker_entry.stacks_descriptor, worker_entry.stacks_answered = descriptor, stacks_requested
    if previous:
        with suppress(OSError):
            os.close(previous)
