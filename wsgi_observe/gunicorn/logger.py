"""Gunicorn's logger class, created before the app is imported, so all set-up starts here."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.instrument.statsd import Statsd

from wsgi_observe._loggers import get_logger, keep_enabled
from wsgi_observe.gunicorn.hooks import ServerHooks
from wsgi_observe.gunicorn.log_handlers import set_up_log_handlers, wants_gunicorn_access_log
from wsgi_observe.settings import Settings, SettingsError

_log = get_logger("wsgi_observe.gunicorn")


class Logger(GunicornLogger):
    """Observe the app in each worker: ``--logger-class wsgi_observe.gunicorn.Logger``.

    All messages go to one log stream, and SIGTERM drains if ``drain_seconds`` is set. The hooks
    of your own ``gunicorn.conf.py`` run as before.

    :raises SystemExit: for an unknown or invalid ``WSGI_OBSERVE_*`` variable, once it is logged.
    """

    _hooks: ServerHooks | None = None
    _log_handlers: tuple[logging.Handler, ...] | None = None

    def __new__(cls, cfg: Any) -> Logger:
        """Add Gunicorn's statsd support if ``statsd_host`` is set, as Gunicorn does for its own."""
        has_statsd = getattr(cfg, "statsd_host", None) is not None and not issubclass(cls, Statsd)
        return object.__new__(type(cls.__name__, (cls, Statsd), {}) if has_statsd else cls)

    def setup(self, cfg: Any) -> None:
        """Set up logging and hooks for a configuration: at the start, and at each reload."""
        self.cfg = cfg  # before Gunicorn 26 a reload leaves the first one there
        keep_enabled(self.error_log)
        keep_enabled(self.access_log)
        super().setup(cfg)
        try:
            self._configure(cfg)
        except SettingsError as error:
            if self._hooks is not None:
                raise  # Gunicorn keeps the old configuration
            set_up_log_handlers(Settings(log_format="json"), cfg)
            _log.critical("%s", error)
            raise SystemExit(1) from None

    def _configure(self, cfg: Any) -> None:
        environ = os.environ | cfg.env
        settings = Settings.from_env(environ)
        if settings.sentry:
            _check_sentry(environ)
        self._log_handlers = set_up_log_handlers(settings, cfg, self._log_handlers)
        # Gunicorn writes its own access line for any `logconfig`, beside ours.
        self.access_log.disabled = not wants_gunicorn_access_log(cfg)
        self._hooks = self._hooks or ServerHooks()
        self._hooks.install(cfg, settings)

    def _set_handler(self, log: Any, output: Any, fmt: Any, stream: Any = None) -> None:
        """Set a file handler that a setting of Gunicorn's asks for, but no console handler.

        Not even until ours is set, or a thread's message would have Gunicorn's own format.
        """
        output = None if output == "-" else output
        super()._set_handler(log, output, fmt, stream)  # type: ignore[misc]

    def _set_syslog_handler(self, log: Any, cfg: Any, fmt: Any, name: str) -> None:
        """Set a syslog handler; for access lines, which are not redacted, only on request."""
        if log is not self.access_log or wants_gunicorn_access_log(cfg):
            super()._set_syslog_handler(log, cfg, fmt, name)  # type: ignore[misc]

    def reopen_files(self) -> None:
        """Reopen log files; set up a configuration that was read again.

        Before Gunicorn 26 a reload calls this method, and not `setup`.
        """
        server = self._hooks.server if self._hooks is not None else None
        if server is not None and server.cfg is not self.cfg and server.pid == os.getpid():
            try:
                self.setup(server.cfg)
            except Exception:
                _log.exception(
                    "cannot set up the reloaded logging configuration; the old one is kept"
                )
        super().reopen_files()


def _check_sentry(environ: Mapping[str, str]) -> None:
    """Check that Sentry's SDK and a DSN are there.

    The SDK is located, not imported: the arbiter must not load `ssl` before a gevent worker
    patches it.
    """
    if find_spec("sentry_sdk") is None:
        allowed = "False unless Sentry's SDK is installed (pip install 'wsgi-observe[sentry]')"
        raise SettingsError("sentry", allowed, True)
    if not environ.get("SENTRY_DSN"):
        raise SettingsError("sentry", "False unless SENTRY_DSN is in the environment", True)
