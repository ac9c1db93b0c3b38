"""One stream of lines under Gunicorn: where it goes, and Gunicorn's own loggers in it."""

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

from wsgi_observe.logs.config import install_handlers
from wsgi_observe.logs.foreign_handlers import propagation_path
from wsgi_observe.logs.installation import ServerLogging, installation
from wsgi_observe.settings import Settings, SettingsError


class LogHandlers:
    """Installs our handlers for the arbiter and its workers, and restores them.

    Nothing goes through ``dictConfig``: it would close every handler of the process, those of a
    ``logconfig_dict`` and of a preloaded app too.
    """

    def __init__(self) -> None:
        self._handlers: tuple[logging.Handler, ...] = ()

    def set_up(self, settings: Settings, cfg: Any) -> None:
        """Set up anew, once Gunicorn's own logger has done so.

        An app that was preloaded and has called ``configure_logging`` keeps what it asked for.
        """
        previous = installation.server
        syslog = tuple(_take_syslog_handlers(cfg))
        installation.server = ServerLogging(
            settings, _default_stream(cfg), _file_owner(cfg), syslog
        )
        if not self._handlers or installation.handlers == self._handlers:
            self._install(settings, cfg, previous)
        else:
            ours = (one for one in installation.handlers if one not in previous.handlers)
            installation.replace([*ours, *syslog])
        self._propagate_gunicorn_records(cfg)
        installation.restore()

    def _install(self, settings: Settings, cfg: Any, previous: ServerLogging) -> None:
        sets_levels = "log_level" in settings.fields_set or not has_logconfig(cfg)
        try:
            install_handlers(settings, sets_levels=sets_levels)
        except SettingsError:  # upon which a reload goes on with what there was
            installation.server = previous
            raise
        self._handlers = installation.handlers

    def _propagate_gunicorn_records(self, cfg: Any) -> None:
        """Have Gunicorn's own loggers, which have no console handler of theirs, reach ours."""
        error_log, access_log = (
            logging.getLogger("gunicorn.error"),
            logging.getLogger("gunicorn.access"),
        )
        ours = installation.handlers
        others = [handler for handler in error_log.handlers if handler not in ours]
        if not others or not has_logconfig(cfg):
            error_log.propagate = True  # to root, where ours is, or what the app puts there
        if cfg.accesslog == "-" and propagation_path(access_log)[-1] is not logging.root:
            access_log.handlers = [*(one for one in access_log.handlers if one not in ours), *ours]


class SyslogFormatter(logging.Formatter):
    """Formats a record as the first of the lines that our formatter makes of it, for syslog."""

    def format(self, record: logging.LogRecord) -> str:
        """Return one line, within the bytes that a datagram takes."""
        formatter: Any = installation.handlers[0].formatter
        if not hasattr(formatter, "lines"):
            return str(formatter.format(record))
        line: bytes = formatter.lines(record)[0]
        return line.decode().rstrip("\n")


def has_logconfig(cfg: Any) -> bool:
    """Return whether the user's configuration has logging of its own."""
    return bool(cfg.logconfig_dict or cfg.logconfig_json or cfg.logconfig)


def _default_stream(cfg: Any) -> str:
    """Return where lines go if no setting chose a stream: the error log where stdout is lost."""
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


def _file_owner(cfg: Any) -> tuple[int, int] | None:
    """Return the user and group of the workers where the arbiter is root and they are not."""
    return (cfg.uid, cfg.gid) if os.geteuid() == 0 and cfg.uid != 0 else None


def _take_syslog_handlers(cfg: Any) -> list[Any]:
    """Return the syslog handlers that Gunicorn has put on its error log, to get all our lines.

    ``--log-syslog`` asks for the service's logs: an app's failures are ours to write, not its.
    """
    if not cfg.syslog:
        return []
    error_log = logging.getLogger("gunicorn.error")
    syslog_handlers: list[Any] = [
        one for one in error_log.handlers if type(one).__name__ == "SysLogHandler"
    ]
    for handler in syslog_handlers:
        error_log.removeHandler(handler)
        handler.setFormatter(SyslogFormatter())
        handler.ident = f"gunicorn.{cfg.syslog_prefix or cfg.proc_name.replace(':', '.')}: "
        if cfg.disable_redirect_access_to_syslog:
            handler.addFilter(_is_not_access_line)
    return syslog_handlers


def _is_not_access_line(record: logging.LogRecord) -> bool:
    return record.name != "wsgi_observe.access" or record.levelno >= logging.ERROR


_ACCESS_LOGGER = "gunicorn.access"


def wants_gunicorn_access_log(cfg: Any) -> bool:
    """Return whether a configuration asks for it: by a setting of its own, or by its logger's name.

    To Gunicorn itself any ``logconfig`` asks for it, since its defaults name that logger, and so
    does ``syslog``.
    """
    if cfg.accesslog:
        return True
    if cfg.logconfig_dict:
        return _ACCESS_LOGGER in cfg.logconfig_dict.get("loggers", {})
    with suppress(OSError, ValueError, AttributeError):
        if cfg.logconfig_json:
            text = Path(cfg.logconfig_json).read_text(encoding="utf-8")
            return _ACCESS_LOGGER in json.loads(text).get("loggers", {})
    return bool(cfg.logconfig) and _ACCESS_LOGGER in _get_logger_names(cfg.logconfig)


def _get_logger_names(path: str) -> set[str]:
    """Return the loggers that a file for ``logging.config.fileConfig`` names."""
    parser = RawConfigParser(strict=False)
    with suppress(Exception):  # Gunicorn has read it already, and said what is wrong
        parser.read(path)
    return {parser.get(one, "qualname", fallback="") for one in parser.sections()}
