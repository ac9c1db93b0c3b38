"""The watchdog of a worker: a thread that names requests which take too long, and answers `stuck`.

A thread of the system's also under gevent. A greenlet would be asleep in the very case it is
for: when one request keeps all the others from running.
"""

from __future__ import annotations

from _thread import start_new_thread
from collections.abc import Callable
from time import sleep, time

from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.loggers import watch
from wsgi_observe.core.once import warn_once
from wsgi_observe.inflight.answering import answer
from wsgi_observe.inflight.recorder import Recorder, Slot
from wsgi_observe.inflight.slot import age_of
from wsgi_observe.inflight.stacks import frame_of, stack_text
from wsgi_observe.inflight.telling import tell_slow

_LONGEST_SLEEP, _SHORTEST_SLEEP = 0.5, 0.02


class Watchdog:
    """Looks at the running requests a few times a second; they pay nothing for it.

    :param slow: seconds from which a request is named; 0 for never.
    :param checks_logging: whether the logging configuration is compared with what was installed.
    """

    def __init__(self, recorder: Recorder, slow: float, *, checks_logging: bool = False) -> None:
        self._recorder = recorder
        self._slow = slow
        self._checks_logging = checks_logging
        self._named: dict[Slot, float] = {}
        part = slow / 8 if slow else _LONGEST_SLEEP
        self._pause = min(_LONGEST_SLEEP, max(_SHORTEST_SLEEP, part))

    def start(
        self,
        begin: Callable[[Callable[[], None], tuple[()]], object] = start_new_thread,
        pause: Callable[[float], object] = sleep,
    ) -> None:
        """Begin to look, in a thread that keeps no process from ending.

        :param begin: starts a thread, and `pause` lets it sleep; gevent has others in their place.
        """

        def run() -> None:
            while True:
                pause(self._pause)
                self.look()

        begin(run, ())

    def look(self) -> None:
        """Name what has become slow since the last look; answer who asks."""
        try:
            now = time()
            self._recorder.seat.seen = now
            self._recorder.seat.repair_mirror()
            if self._slow:
                self._name_slow(now)
            answer(self._recorder)
            if self._checks_logging:
                watch.check_if_due()
        except any_failure():
            warn_once("watching the running requests")

    def _name_slow(self, now: float) -> None:
        limit = now - self._slow
        running = {slot: slot.started for slot in self._recorder.running}
        self._named = {s: began for s, began in self._named.items() if running.get(s) == began}
        for slot, began in running.items():
            if began <= limit and slot not in self._named:
                self._named[slot] = began
                self._name(slot, began, now)

    def _name(self, slot: Slot, began: float, now: float) -> None:
        stack = stack_text(frame_of(slot.here, self._recorder.thread))
        exchange = slot.exchange
        # Another request may have the slot by now.
        if exchange is None or slot.started != began or _is_meant_to_last(slot):
            return
        fields = exchange.scope.__dict__.setdefault("fields", {})
        if fields is not None:
            fields.setdefault("slow", True)  # the app may have bound one of its own
        tell_slow(exchange.scope, age_of(began, now), stack)


def _is_meant_to_last(slot: Slot) -> bool:
    """Return whether it is a WebSocket or an event stream, which end when the client wants."""
    exchange = slot.exchange
    if exchange is None or exchange.unheld:
        return True
    types = (value for name, value in exchange.headers if name.lower() == "content-type")
    return bool(exchange.went_out_at) and any(t.startswith("text/event-stream") for t in types)
