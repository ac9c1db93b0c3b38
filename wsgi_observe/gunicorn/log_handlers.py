"""Log handlers under Gunicorn: one stream for our lines and those of Gunicorn's own loggers."""

from __future__ import annotations

import json
import logging
import os
import stat
import sys
from configparser import RawConfigParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from wsgi_observe._loggers import ACCESS_LOGGER
from wsgi_observe.logs.config import install_handlers
from wsgi_observe.logs.foreign_handlers import propagation_path
from wsgi_observe.logs.installation import ServerLogging, installation
from wsgi_observe.settings import Settings, SettingsError

_ACCESS_LOGGER = "gunicorn.access"


def set_up_log_handlers(
    settings: Settings, cfg: Any, installed: tuple[logging.Handler, ...] | None = None
) -> tuple[logging.Handler, ...]:
    """Install our handlers in the arbiter, for its workers too, at the start and each reload.

    After Gunicorn's own logger has installed its own. Not by ``dictConfig``, which would close all
    handlers of the process, those of a ``logconfig_dict`` and of a preloaded app included. The
    handlers of a preloaded app that has called ``configure_logging`` are kept.

    :param installed: what this returned the last time.
    """
    previous = installation.server
    syslog = tuple(_take_syslog_handlers(cfg))
    # Log files belong to the workers where the arbiter is root and they are not.
    owner = (cfg.uid, cfg.gid) if os.geteuid() == 0 and cfg.uid != 0 else None
    installation.server = ServerLogging(settings, _default_stream(cfg), owner, syslog)
    if installed is None or installation.handlers == installed:
        sets_levels = "log_level" in settings.fields_set or not has_logconfig(cfg)
        try:
            install_handlers(settings, sets_levels=sets_levels)
        except SettingsError:  # a reload keeps the old configuration
            installation.server = previous
            raise
        installed = installation.handlers
    else:
        apps_own = (one for one in installation.handlers if one not in previous.handlers)
        installation.replace([*apps_own, *syslog])
    _propagate_gunicorn_records(cfg)
    installation.restore()
    return installed


def _propagate_gunicorn_records(cfg: Any) -> None:
    """Propagate the records of Gunicorn's loggers, which have no console handler, to ours."""
    error_log, access_log = map(logging.getLogger, ("gunicorn.error", _ACCESS_LOGGER))
    ours = installation.handlers
    others = [handler for handler in error_log.handlers if handler not in ours]
    if not others or not has_logconfig(cfg):
        error_log.propagate = True  # to root, where our handlers are, or the app's
    if cfg.accesslog == "-" and propagation_path(access_log)[-1] is not logging.root:
        access_log.handlers = [*(one for one in access_log.handlers if one not in ours), *ours]


class _SyslogFormatter(logging.Formatter):
    """Format a record for syslog: the first line only of those that our formatter makes."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, short enough for a datagram."""
        formatter: Any = installation.handlers[0].formatter
        if not hasattr(formatter, "lines"):
            return str(formatter.format(record))
        line: bytes = formatter.lines(record)[0]
        return line.decode().rstrip("\n")


def has_logconfig(cfg: Any) -> bool:
    """Return whether Gunicorn's configuration configures logging."""
    return bool(cfg.logconfig_dict or cfg.logconfig_json or cfg.logconfig)


def _default_stream(cfg: Any) -> str:
    """Return the stream of lines if no setting names one: the error log where stdout is lost."""
    if not (cfg.daemon or _is_null_device(sys.stdout)):
        return "stdout"
    if cfg.errorlog == "-":
        return "stdout" if _is_null_device(sys.stderr) else "stderr"
    return str(Path(cfg.errorlog).absolute())


def _is_null_device(stream: Any) -> bool:
    try:
        file_status = os.fstat(stream.fileno())
    except (AttributeError, OSError, ValueError):  # closed, or captured
        return False
    return (
        stat.S_ISCHR(file_status.st_mode) and file_status.st_rdev == Path(os.devnull).stat().st_rdev
    )


def _take_syslog_handlers(cfg: Any) -> list[Any]:
    """Move the syslog handlers from Gunicorn's error log to our handlers, and return them.

    ``--log-syslog`` asks for the logs of the whole service, the app's failures included.
    """
    if not cfg.syslog:
        return []
    error_log = logging.getLogger("gunicorn.error")
    syslog_handlers: list[Any] = [
        one for one in error_log.handlers if type(one).__name__ == "SysLogHandler"
    ]
    for handler in syslog_handlers:
        error_log.removeHandler(handler)
        handler.setFormatter(_SyslogFormatter())
        handler.ident = f"gunicorn.{cfg.syslog_prefix or cfg.proc_name.replace(':', '.')}: "
        if cfg.disable_redirect_access_to_syslog:
            handler.addFilter(_is_not_access_line)
    return syslog_handlers


def _is_not_access_line(record: logging.LogRecord) -> bool:
    return record.name != ACCESS_LOGGER or record.levelno >= logging.ERROR


def wants_gunicorn_access_log(cfg: Any) -> bool:
    """Return whether a configuration sets ``accesslog`` or names the logger ``gunicorn.access``.

    Gunicorn itself writes the access log for any ``logconfig``, since its defaults name that
    logger, and for ``syslog``.
    """
    if cfg.accesslog:
        return True
    if cfg.logconfig_dict:
        return _ACCESS_LOGGER in cfg.logconfig_dict.get("loggers", {})
    with suppress(OSError, ValueError, AttributeError):
        if cfg.logconfig_json:
            text = Path(cfg.logconfig_json).read_text(encoding="utf-8")
            return _ACCESS_LOGGER in json.loads(text).get("loggers", {})
    parser = RawConfigParser(strict=False)  # of a file for ``logging.config.fileConfig``
    with suppress(Exception):  # Gunicorn has read it already, and reported the error
        parser.read(cfg.logconfig or ())
    return any(section.get("qualname") == _ACCESS_LOGGER for section in parser.values())
