"""Logging configuration: as a dict for ``dictConfig``, or installed in this process."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

from wsgi_observe.logs.debug_buffer import debug_capture
from wsgi_observe.logs.handlers import sink_selection
from wsgi_observe.logs.handlers.stream import LineHandler
from wsgi_observe.logs.installation import installation
from wsgi_observe.logs.uncaught import capture_uncaught
from wsgi_observe.settings import Settings, SettingsError
from wsgi_observe.validators import validate_mail_settings

_REDACTION_SETTINGS = ("remote_addr", "redact_add", "redact_keep", "redact_patterns")
_LINE_SETTINGS = ("redact", "redact_personal", *_REDACTION_SETTINGS)
_MAIL_SETTINGS = (
    *("mail_to", "mail_from", "mail_host", "mail_user", "mail_password", "mail_tls"),
    *_REDACTION_SETTINGS,
)

PIPE_BUF = 4096
"""The longest write to a pipe that is atomic: PIPE_BUF of pipe(7) on Linux."""


def logging_config(settings: Settings | None = None, **overrides: Any) -> dict[str, Any]:
    """Return a dict for ``logging.config.dictConfig``: one handler on root, or mail's too.

    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown setting or an invalid value.
    """
    chosen = (settings or Settings()).replace(**overrides)
    _check_line_limit(chosen)
    validate_mail_settings(chosen)
    levels = _parse_levels(chosen)
    handlers = dict(_handler_configs(chosen))
    return {
        "version": 1,
        # Loggers of modules that are imported already stay enabled.
        "disable_existing_loggers": False,
        "formatters": {"wsgi_observe": _formatter_config(chosen)},
        "handlers": handlers,
        "loggers": {name: {"level": level} for name, level in levels.items() if name},
        "root": {"level": levels[""], "handlers": list(handlers)},
    }


def configure_logging(settings: Settings | None = None, **overrides: Any) -> None:
    """Write every record of the process as one line; call it before the app exists.

    Flask then adds no handler of its own. Handlers of the standard library that write to the
    console are replaced; those that write elsewhere, and those of a class of the user's, stay.
    What other code changes later is restored, and logged once.

    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown setting or an invalid value.
    """
    install_handlers((settings or Settings()).replace(**overrides))
    installation.check()


def install_handlers(settings: Settings, *, sets_levels: bool = True) -> None:
    """Install the handlers and levels of `settings`.

    Unlike ``dictConfig``, which closes every handler of the process, this closes only those of
    an earlier installation. A ``log_level`` that was set takes precedence over levels that other
    code sets later.

    :param sets_levels: whether ``log_level`` is applied.
    :raises SettingsError: for a stream that cannot be opened, or settings that it cannot have.
    """
    server = installation.server
    settings = settings.with_defaults(server.settings)
    if "log_stream" not in settings.fields_set:
        settings = settings.replace(log_stream=server.stream)
    handlers = _make_handlers(settings, server.owner)
    levels = _parse_levels(settings) if sets_levels else {}
    if levels:
        # Set on our own too: Alembic's `fileConfig` sets root's to WARNING, an access line is INFO.
        levels.setdefault("wsgi_observe", levels[""])
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    is_set = "log_level" in settings.fields_set
    installation.install([*handlers, *server.handlers], levels if is_set else ())
    if settings.debug_on_error:
        debug_capture.install(lambda: installation.handlers, levels)
    else:
        debug_capture.uninstall()
    capture_uncaught(settings.capture_uncaught)


def _handler_configs(settings: Settings) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each handler's name and its part of the dict."""
    line = {"class": "wsgi_observe.logs.handlers.stream.LineHandler", "formatter": "wsgi_observe"}
    yield "wsgi_observe", {**line, "stream": settings.log_stream, "wait": settings.log_wait}
    if settings.mail_to:
        # By name: only with mail are `email` and `ssl` imported.
        mail = {"()": "wsgi_observe.logs.handlers.mail.MailHandler", "level": "ERROR"}
        yield "wsgi_observe_mail", {**mail, **_get_options(settings, _MAIL_SETTINGS)}


def _get_options(settings: Settings, names: Iterable[str]) -> dict[str, Any]:
    """Return settings in the types of JSON, as a file for ``dictConfig`` has them."""
    options = {name: getattr(settings, name) for name in names}
    options = {name: list(one) if type(one) is tuple else one for name, one in options.items()}
    return {**options, "static_fields": dict(settings.log_fields)}


def _make_handlers(settings: Settings, owner: tuple[int, int] | None) -> list[logging.Handler]:
    # Here, since it imports `socket` and `pickle`.
    from logging.config import DictConfigurator

    config = logging_config(settings)
    config["handlers"]["wsgi_observe"]["owner"] = owner
    configurator = DictConfigurator(config)
    made = configurator.configure_formatter(config["formatters"]["wsgi_observe"])
    configurator.config["formatters"] = {"wsgi_observe": made}
    handlers = []
    for name, one in config["handlers"].items():
        try:
            handler = configurator.configure_handler(dict(one))
        except OSError as error:
            allowed = f"a stream that can be opened ({error})"
            raise SettingsError("log_stream", allowed, settings.log_stream) from error
        handler.name = name
        if isinstance(handler, LineHandler):
            handler.open()
        handlers.append(handler)
    return handlers


def _parse_levels(settings: Settings) -> dict[str, str]:
    """Return levels by logger; root's name is empty."""
    root_level, *levels = settings.log_level.split(",")
    return {"": root_level, **dict(item.split("=") for item in levels)}


def _formatter_config(settings: Settings) -> dict[str, Any]:
    options = _get_options(settings, _LINE_SETTINGS)
    is_terminal = sink_selection.is_terminal(settings.log_stream)
    if settings.log_format == "console" or (settings.log_format == "auto" and is_terminal):
        console = {"()": "wsgi_observe.logs.formatters.console.ConsoleFormatter"}
        return {**console, **options, "color": settings.log_color and is_terminal}
    json = {"()": "wsgi_observe.logs.formatters.json.JsonFormatter"}
    more = {"encoder": settings.log_encoder, "max_line_bytes": settings.max_line_bytes}
    return {**json, **options, **more}


def _check_line_limit(settings: Settings) -> None:
    longest = settings.max_line_bytes
    if longest > PIPE_BUF and sink_selection.is_pipe_stream(settings.log_stream):
        allowed = f"at most {PIPE_BUF} for a pipe, in which longer lines are not atomic"
        raise SettingsError("max_line_bytes", allowed, longest)
