"""The log lines: what stands on one, how it looks, where it goes."""

from wsgi_observe.logs.config import logging_config
from wsgi_observe.logs.console import ConsoleFormatter
from wsgi_observe.logs.filter import ContextFilter
from wsgi_observe.logs.handler import LineHandler
from wsgi_observe.logs.json import JsonFormatter
from wsgi_observe.logs.parts import join

__all__ = [
    "ConsoleFormatter",
    "ContextFilter",
    "JsonFormatter",
    "LineHandler",
    "join",
    "logging_config",
]
