"""What the arbiter has from its start to its end, and every worker inherits."""

from __future__ import annotations

from typing import Any

from wsgi_observe.gunicorn.draining import end_drain
from wsgi_observe.gunicorn.flights import make_seats
from wsgi_observe.gunicorn.lacking import warn_of_lack
from wsgi_observe.gunicorn.notice import SharedNotice
from wsgi_observe.gunicorn.reaping import Reaper
from wsgi_observe.gunicorn.seats import Seats
from wsgi_observe.gunicorn.stream import Stream
from wsgi_observe.health import HealthState
from wsgi_observe.health.shared import SharedState
from wsgi_observe.settings import Settings

_NO_CHECKS = (
    "there are no readiness checks: the readiness probe says ok whatever the service depends on; "
    "set checks"
)


class Service:
    """The settings of now, the state that is shared, the stream of lines, and the arbiter."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.stream = Stream()
        self.server: Any = None
        self.seats: Seats | None = None
        self.reaper: Reaper | None = None
        self.state: HealthState
        self.no_checks: SharedNotice | None = None
        self._lack: OSError | None = None
        try:
            self.no_checks = SharedNotice(_NO_CHECKS)
            self.state = SharedState()
        except OSError as error:
            self._lack = error  # to be said when there is a stream for it
            self.state = HealthState()

    def note_flights(self, server: Any) -> None:
        """Make the table of running requests, and have the arbiter read it when a worker dies."""
        self.seats = make_seats(server.cfg, self.settings)
        if self.seats is not None:
            self.reaper = Reaper(server, self.seats)
            self.reaper.begin()

    def give_seat(self, worker: Any) -> None:
        """Give a worker that is about to be forked its seat in that table."""
        if self.seats is not None:
            self.seats.give(worker)

    def reload(self, server: Any) -> None:
        """Serve on, where a command has begun to drain: that is what a reload asks for."""
        end_drain(self.state)

    def end(self) -> None:
        """Name what died with the last workers."""
        if self.reaper is not None:
            self.reaper.end()

    def update(self, settings: Settings, cfg: Any) -> None:
        """Take note of settings that were read anew."""
        self.settings, self.cfg = settings, cfg
        if self._lack is not None:
            warn_of_lack(f"no memory can be shared ({self._lack})", "there is no draining")
        if isinstance(self.state, SharedState):
            self.state.seconds = settings.drain_seconds
