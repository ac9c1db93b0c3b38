"""Gunicorn's own messages in the same stream of lines as the app's."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger

from wsgi_observe.logs.config import configure_logging
from wsgi_observe.settings import Settings


class Logger(GunicornLogger):
    """Use it with ``--logger-class wsgi_observe.gunicorn.Logger``.

    Settings come from ``WSGI_OBSERVE_*``. Gunicorn's access log stays as it was asked for: the
    access line is the middleware's.
    """

    def setup(self, cfg: Any) -> None:
        """Set logging up, before the app is imported, and hand Gunicorn's records to root."""
        super().setup(cfg)
        configure_logging(Settings.from_env(os.environ))
        for handler in list(self.error_log.handlers):
            self.error_log.removeHandler(handler)
        self.error_log.propagate = True
