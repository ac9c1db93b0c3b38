"""Gunicorn's logger, which it makes before it imports the app: the place to arrange it all."""

from __future__ import annotations

import os
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger
from gunicorn.instrument.statsd import Statsd

from wsgi_observe._loggers import get_logger, keep_enabled
from wsgi_observe.gunicorn.arbiter.state import ArbiterState
from wsgi_observe.gunicorn.hooks import install_hooks
from wsgi_observe.gunicorn.log_handlers import wants_gunicorn_access_log
from wsgi_observe.gunicorn.sentry import require_sentry
from wsgi_observe.settings import Settings, SettingsError

_log = get_logger("wsgi_observe.gunicorn")


class Logger(GunicornLogger):
    """Use it with ``--logger-class wsgi_observe.gunicorn.Logger``.

    It observes the app in each worker, hands all messages to one stream of lines, and has
    SIGTERM drain; the hooks of your own ``gunicorn.conf.py`` run as ever.

    :raises SystemExit: for an unknown or unfit ``WSGI_OBSERVE_*`` variable, once it is logged.
    """

    _arbiter_state: ArbiterState | None = None

    def __new__(cls, cfg: Any) -> Logger:
        """Make it one that feeds statsd too, as Gunicorn does with its own when that is asked."""
        has_statsd = getattr(cfg, "statsd_host", None) is not None and not issubclass(cls, Statsd)
        return object.__new__(type(cls.__name__, (cls, Statsd), {}) if has_statsd else cls)

    def setup(self, cfg: Any) -> None:
        """Arrange everything for a configuration: at the start, and again for each reload."""
        self.cfg = cfg  # before Gunicorn 26 it keeps to the first
        keep_enabled(self.error_log)
        keep_enabled(self.access_log)
        super().setup(cfg)
        is_first_setup = self._arbiter_state is None
        try:
            self._configure(cfg)
        except SettingsError as error:
            if not is_first_setup:
                raise  # Gunicorn goes on with what it had
            self._abort_start(error)

    def _configure(self, cfg: Any) -> None:
        environ = os.environ | cfg.env
        settings = Settings.from_env(environ)
        if settings.sentry:
            require_sentry(environ)
        if self._arbiter_state is None:
            self._arbiter_state = ArbiterState()
        self._arbiter_state.log_handlers.set_up(settings, cfg)
        self._arbiter_state.update(settings)
        # To Gunicorn any `logconfig` asks for its access line; ours is there already.
        self.access_log.disabled = not wants_gunicorn_access_log(cfg)
        install_hooks(cfg, self._arbiter_state)

    def _abort_start(self, error: SettingsError) -> None:
        arbiter_state = ArbiterState()
        arbiter_state.log_handlers.set_up(Settings(log_format="json"), self.cfg)
        _log.critical("%s", error)
        raise SystemExit(1) from None

    def _set_handler(self, log: Any, output: Any, fmt: Any, stream: Any = None) -> None:
        """Set a handler that a setting of Gunicorn's asks for; ours is there for the console.

        Not even for a moment, or a thread's message would leave in Gunicorn's own form.
        """
        output = None if output == "-" else output
        super()._set_handler(log, output, fmt, stream)  # type: ignore[misc]

    def _set_syslog_handler(self, log: Any, cfg: Any, fmt: Any, name: str) -> None:
        """Set a syslog handler; one for access lines, whose query is not redacted, if asked for."""
        if log is not self.access_log or wants_gunicorn_access_log(cfg):
            super()._set_syslog_handler(log, cfg, fmt, name)  # type: ignore[misc]

    def reopen_files(self) -> None:
        """Reopen log files; see to a configuration that was read anew, too.

        Before Gunicorn 26 a reload calls this, and not `setup`.
        """
        server = self._arbiter_state.server if self._arbiter_state is not None else None
        if server is not None and server.cfg is not self.cfg and server.pid == os.getpid():
            try:
                self.setup(server.cfg)
            except Exception:
                _log.exception("The new configuration of the logger failed; the old one goes on")
        super().reopen_files()
