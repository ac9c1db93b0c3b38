"""Logging: configuration, filters, formatters and handlers of the log lines."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from wsgi_observe.logs.config import logging_config
    from wsgi_observe.logs.filters import ContextFilter
    from wsgi_observe.logs.formatters.console import ConsoleFormatter
    from wsgi_observe.logs.formatters.continuation import join
    from wsgi_observe.logs.formatters.json import JsonFormatter
    from wsgi_observe.logs.handlers.stream import LineHandler

_MODULES = {
    "ConsoleFormatter": "formatters.console",
    "ContextFilter": "filters",
    "JsonFormatter": "formatters.json",
    "LineHandler": "handlers.stream",
    "join": "formatters.continuation",
    "logging_config": "config",
}

__all__ = [
    "ConsoleFormatter",
    "ContextFilter",
    "JsonFormatter",
    "LineHandler",
    "join",
    "logging_config",
]


def __getattr__(name: str) -> Any:
    """Import a name when it is first used (PEP 562): one that only binds fields needs none."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
