"""Have the arbiter log once what each of its workers finds out by itself."""

from __future__ import annotations

import mmap
from typing import Any

from wsgi_observe.core.loggers import get_logger
from wsgi_observe.gunicorn.lacking import offered

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

    def log_in(self, server: Any) -> None:
        """Have an arbiter log it when a worker has asked."""
        murder_workers = offered(server, "murder_workers", f"not logged, if so: {self._message}")
        if murder_workers is None:
            return

        def murder_workers_and_log() -> None:
            murder_workers()
            if self._flag[0] and not self._is_logged:
                self._is_logged = True
                _log.info("%s", self._message)

        server.murder_workers = murder_workers_and_log
