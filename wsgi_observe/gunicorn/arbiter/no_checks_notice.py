"""The arbiter's notice that readiness has no checks: one line, however many workers there are."""

from __future__ import annotations

import mmap
from typing import Any

from wsgi_observe._loggers import get_logger
from wsgi_observe.gunicorn.compat import optional_attr

_log = get_logger("wsgi_observe.gunicorn")

_MESSAGE = (
    "no readiness checks are configured: the readiness probe answers ok even while a database or "
    "another service is down; set checks"
)


class NoChecksNotice:
    """INFO line of the arbiter, requested by any number of workers and logged once.

    The request is a byte of memory that the workers inherit by the fork; the arbiter reads it in
    its main loop, once a second.

    :raises OSError: if there is no memory to share.
    """

    def __init__(self) -> None:
        self._flag = mmap.mmap(-1, 1)
        self._is_logged = False

    def request(self) -> None:
        """Request the line, in a worker."""
        self._flag[0] = 1

    def install(self, server: Any) -> None:
        """Log the line in the arbiter once a worker has requested it."""
        consequence = "missing readiness checks are not reported"
        murder_workers = optional_attr(server, "murder_workers", consequence)
        if murder_workers is None:
            return

        def murder_workers_and_log() -> None:
            murder_workers()
            if self._flag[0] and not self._is_logged:
                self._is_logged = True
                _log.info(_MESSAGE)

        server.murder_workers = murder_workers_and_log
