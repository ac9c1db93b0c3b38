"""The logging configuration as a plain dict, and its being applied."""

from __future__ import annotations

import logging.config
import sys
from dataclasses import replace
from typing import Any

from wsgi_observe.settings import Settings


def logging_config(settings: Settings | None = None, **overrides: Any) -> dict[str, Any]:
    """Return a dict for ``logging.config.dictConfig``: one handler, on root.

    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown or unfit setting.
    """
    chosen = replace(settings or Settings(), **overrides)
    return {
        "version": 1,
        # Loggers made before, by an import say, go on.
        "disable_existing_loggers": False,
        "formatters": {
            "wsgi_observe": {
                "()": _formatter(chosen),
                "static_fields": dict(chosen.log_fields),
            }
        },
        "handlers": {
            "wsgi_observe": {
                "class": "logging.StreamHandler",
                "formatter": "wsgi_observe",
                "stream": f"ext://sys.{chosen.log_stream}",
            }
        },
        "root": {"level": chosen.log_level, "handlers": ["wsgi_observe"]},
    }


def configure_logging(settings: Settings | None = None, **overrides: Any) -> None:
    """Have every record of the process leave as one line; call it before the app exists.

    Flask then adds no handler of its own. Handlers that root has are replaced.

    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown or unfit setting.
    """
    logging.config.dictConfig(logging_config(settings, **overrides))


def _formatter(settings: Settings) -> str:
    form = settings.log_format
    if form == "auto":
        stream = getattr(sys, settings.log_stream, None)
        form = "console" if stream is not None and stream.isatty() else "json"
    if form == "console":
        return "wsgi_observe.logs.console.ConsoleFormatter"
    return "wsgi_observe.logs.json.JsonFormatter"
