"""The logging configuration as a plain dict, and its being applied."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

from wsgi_observe.core.fit_mail import check_mail
from wsgi_observe.logs import streams
from wsgi_observe.logs.defaults import remove_default_handlers
from wsgi_observe.logs.handler import LineHandler
from wsgi_observe.logs.uncaught import capture_uncaught
from wsgi_observe.settings import Settings, SettingsError

_MAIL = (
    *("mail_to", "mail_from", "mail_host", "mail_user", "mail_password", "mail_tls"),
    *("remote_addr", "redact_add", "redact_keep"),
)

PIPE_BYTES = 4096
"""What a pipe keeps whole with nobody's cooperation: PIPE_BUF, pipe(7)."""


def logging_config(settings: Settings | None = None, **overrides: Any) -> dict[str, Any]:
    """Return a dict for ``logging.config.dictConfig``: one handler on root, or mail's too.

    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown or unfit setting.
    """
    chosen = (settings or Settings()).replace(**overrides)
    _require_whole_lines(chosen)
    check_mail(chosen)
    root_level, levels = _levels(chosen)
    handlers = dict(_handlers(chosen))
    return {
        "version": 1,
        # Loggers made before, by an import say, go on.
        "disable_existing_loggers": False,
        "formatters": {"wsgi_observe": _formatter(chosen)},
        "handlers": handlers,
        "loggers": {name: {"level": level} for name, level in levels.items()},
        "root": {"level": root_level, "handlers": list(handlers)},
    }


def configure_logging(settings: Settings | None = None, **overrides: Any) -> None:
    """Have every record of the process leave as one line; call it before the app exists.

    Flask then adds no handler of its own. Handlers that root has are replaced, and those that
    Flask and Werkzeug have added by themselves are taken off.

    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown or unfit setting.
    """
    # It brings sockets and pickles along, which not everybody who imports us has asked for.
    from logging.config import dictConfig

    chosen = (settings or Settings()).replace(**overrides)
    config = logging_config(chosen)
    _require_stream(chosen.log_stream)
    dictConfig(config)
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LineHandler):
            handler.open()
    remove_default_handlers()
    capture_uncaught(chosen.capture_uncaught)


def _handlers(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the handlers by their names."""
    line = {"class": "wsgi_observe.logs.handler.LineHandler", "formatter": "wsgi_observe"}
    yield "wsgi_observe", {**line, "stream": settings.log_stream, "wait": settings.log_wait}
    if settings.mail_to:
        # Loaded for those alone who want mails: it brings e-mail and TLS along.
        mail = {"()": "wsgi_observe.logs.mail.MailHandler", "level": "ERROR"}
        options = {name: getattr(settings, name) for name in _MAIL}
        static = dict(settings.log_fields)
        yield "wsgi_observe_mail", {**mail, **options, "static_fields": static}


def root_handlers(settings: Settings) -> list[logging.Handler]:
    """Return the handlers that `configure_logging` puts on root, for who keeps the others.

    Unlike ``dictConfig``, which closes every handler of the process, this touches none of them.

    :raises SettingsError: for a stream that cannot be opened or does not fit the settings.
    """
    from logging.config import DictConfigurator

    config = logging_config(settings)
    _require_stream(settings.log_stream)
    maker = DictConfigurator(config)
    made = {name: maker.configure_formatter(one) for name, one in config["formatters"].items()}
    maker.config["formatters"] = made
    handlers = []
    for name, one in config["handlers"].items():
        handler = maker.configure_handler(dict(one))
        handler.name = name
        if isinstance(handler, LineHandler):
            handler.open()
        handlers.append(handler)
    return handlers


def set_levels(settings: Settings) -> None:
    """Set the levels of root and of those loggers that ``log_level`` names."""
    root_level, levels = _levels(settings)
    logging.getLogger().setLevel(root_level)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def _levels(settings: Settings) -> tuple[str, dict[str, str]]:
    """Return root's level, and those of the loggers that ``log_level`` names."""
    root_level, *levels = settings.log_level.split(",")
    return root_level, dict(item.split("=") for item in levels)


def _formatter(settings: Settings) -> dict[str, Any]:
    shared = {
        "static_fields": dict(settings.log_fields),
        "remote_addr": settings.remote_addr,
        "redact": settings.redact,
        "redact_add": list(settings.redact_add),
        "redact_keep": list(settings.redact_keep),
        "redact_personal": settings.redact_personal,
    }
    is_terminal = streams.is_terminal(settings.log_stream)
    if settings.log_format == "console" or (settings.log_format == "auto" and is_terminal):
        color = settings.log_color and is_terminal
        return {"()": "wsgi_observe.logs.console.ConsoleFormatter", **shared, "color": color}
    return {
        "()": "wsgi_observe.logs.json.JsonFormatter",
        **shared,
        "encoder": settings.log_encoder,
        "max_line_bytes": settings.max_line_bytes,
    }


def _require_whole_lines(settings: Settings) -> None:
    longest = settings.max_line_bytes
    if longest > PIPE_BYTES and streams.is_pipe(settings.log_stream):
        allowed = f"at most {PIPE_BYTES} for a pipe, which tears longer lines"
        raise SettingsError("max_line_bytes", allowed, longest)


def _require_stream(name: str) -> None:
    """Stop the start where a file cannot be opened."""
    try:
        streams.open_sink(name)[0].close()
    except OSError as error:
        raise SettingsError("log_stream", f"what can be opened ({error})", name) from error
