"""The arbiter's state from its start to its end, inherited by every worker."""

from __future__ import annotations

from typing import Any

from wsgi_observe.gunicorn.arbiter.drain import cancel_drain
from wsgi_observe.gunicorn.arbiter.reaper import Reaper
from wsgi_observe.gunicorn.arbiter.worker_entries import WorkerEntries, create_worker_entries
from wsgi_observe.gunicorn.compat import warn_missing
from wsgi_observe.gunicorn.log_handlers import LogHandlers
from wsgi_observe.health import HealthState
from wsgi_observe.health.shared_state import SharedState
from wsgi_observe.scoreboard.scoreboard import WorkerEntry
from wsgi_observe.settings import Settings


class ArbiterState:
    """Settings, log handlers, readiness and scoreboard of one Gunicorn server."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.log_handlers = LogHandlers()
        self.server: Any = None
        self.worker_entries: WorkerEntries | None = None
        self.reaper: Reaper | None = None
        self.health: HealthState
        self._shared_memory_error: OSError | None = None
        try:
            self.health = SharedState()
        except OSError as error:
            self._shared_memory_error = error  # logged once there are handlers
            self.health = HealthState()

    def create_scoreboard(self, server: Any) -> None:
        """Create the scoreboard; the arbiter reads it when a worker dies."""
        self.worker_entries = create_worker_entries(server.cfg, self.settings)
        if self.worker_entries is not None:
            self.reaper = Reaper(server, self.worker_entries)
            self.reaper.start()

    def assign_worker_entry(self, worker: Any) -> None:
        """Assign an entry of the scoreboard to a worker that is about to be forked."""
        if self.worker_entries is not None:
            self.worker_entries.assign(worker)

    def get_worker_entry(self, worker: Any) -> WorkerEntry | None:
        """Return a worker's entry of the scoreboard, if it has one."""
        return None if self.worker_entries is None else self.worker_entries.of(worker)

    def reload(self, server: Any) -> None:
        """Cancel a drain that `wsgi-observe drain` has begun: a reload is to serve on."""
        cancel_drain(self.health)

    def close(self) -> None:
        """Report the requests that died with the last workers."""
        if self.reaper is not None:
            self.reaper.close()

    def update(self, settings: Settings) -> None:
        """Replace the settings, at the start and at each reload."""
        self.settings = settings
        if self._shared_memory_error is not None:
            warn_missing(
                f"cannot share memory between processes ({self._shared_memory_error})",
                "SIGTERM stops without draining",
            )
        if isinstance(self.health, SharedState):
            self.health.drain_seconds = settings.drain_seconds
