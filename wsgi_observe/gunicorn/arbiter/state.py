"""What the arbiter has from its start to its end, and every worker inherits."""

from __future__ import annotations

import mmap
from typing import Any

from wsgi_observe._loggers import get_logger
from wsgi_observe.gunicorn.arbiter.drain import cancel_drain
from wsgi_observe.gunicorn.arbiter.reaper import Reaper
from wsgi_observe.gunicorn.arbiter.worker_entries import WorkerEntries, create_worker_entries
from wsgi_observe.gunicorn.compat import optional_attr, warn_missing
from wsgi_observe.gunicorn.log_handlers import LogHandlers
from wsgi_observe.health import HealthState
from wsgi_observe.health.shared_state import SharedState
from wsgi_observe.settings import Settings

_NO_CHECKS = (
    "there are no readiness checks: the readiness probe says ok whatever the service depends on; "
    "set checks"
)


class ArbiterState:
    """The settings of now, the state that is shared, the stream of lines, and the arbiter."""

    def __init__(self) -> None:
        self.settings = Settings()
        self.log_handlers = LogHandlers()
        self.server: Any = None
        self.worker_entries: WorkerEntries | None = None
        self.reaper: Reaper | None = None
        self.health: HealthState
        self.no_checks_notice: SharedNotice | None = None
        self._shared_memory_error: OSError | None = None
        try:
            self.no_checks_notice = SharedNotice(_NO_CHECKS)
            self.health = SharedState()
        except OSError as error:
            self._shared_memory_error = error  # to be said when there is a stream for it
            self.health = HealthState()

    def create_scoreboard(self, server: Any) -> None:
        """Make the table of running requests, and have the arbiter read it when a worker dies."""
        self.worker_entries = create_worker_entries(server.cfg, self.settings)
        if self.worker_entries is not None:
            self.reaper = Reaper(server, self.worker_entries)
            self.reaper.start()

    def assign_worker_entry(self, worker: Any) -> None:
        """Give a worker that is about to be forked its seat in that table."""
        if self.worker_entries is not None:
            self.worker_entries.assign(worker)

    def reload(self, server: Any) -> None:
        """Serve on, where a command has begun to drain: that is what a reload asks for."""
        cancel_drain(self.health)

    def close(self) -> None:
        """Name what died with the last workers."""
        if self.reaper is not None:
            self.reaper.close()

    def update(self, settings: Settings, cfg: Any) -> None:
        """Take note of settings that were read anew."""
        self.settings, self.cfg = settings, cfg
        if self._shared_memory_error is not None:
            warn_missing(
                f"no memory can be shared ({self._shared_memory_error})", "there is no draining"
            )
        if isinstance(self.health, SharedState):
            self.health.drain_seconds = settings.drain_seconds


_log = get_logger("wsgi_observe.gunicorn")


class SharedNotice:
    """An INFO line of the arbiter's, for as many workers as ask for it.

    The flag is memory that is shared with the workers, since made before the fork; the arbiter
    looks at it in its main loop, once a second.

    :param message: the line's.
    :raises OSError: where no memory can be shared.
    """

    def __init__(self, message: str) -> None:
        self._message = message
        self._flag = mmap.mmap(-1, 1)
        self._is_logged = False

    def request(self) -> None:
        """Ask for the line, in a worker."""
        self._flag[0] = 1

    def install(self, server: Any) -> None:
        """Have an arbiter log it when a worker has asked."""
        murder_workers = optional_attr(
            server, "murder_workers", f"not logged, if so: {self._message}"
        )
        if murder_workers is None:
            return

        def murder_workers_and_log() -> None:
            murder_workers()
            if self._flag[0] and not self._is_logged:
                self._is_logged = True
                _log.info("%s", self._message)

        server.murder_workers = murder_workers_and_log
