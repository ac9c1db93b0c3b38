"""The set-ups that write log lines: ours, python-json-logger's, structlog's, the recipe."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.peers.recipe import JsonFormatter as RecipeFormatter
from benchmarks.requests import Call
from wsgi_observe.logs import JsonFormatter, LineHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FIELDS = ("request_id", "method", "path", "remote_addr")

_bound: ContextVar[Mapping[str, str]] = ContextVar("benchmarks.bound")


class Kind(NamedTuple):
    """A kind of line: its own fields, or the traceback of what is being handled."""

    fields: Mapping[str, object]
    traceback: bool = False


KINDS = {
    "short": Kind({}),
    "ten fields": Kind({f"field_{number}": f"value {number}" for number in range(10)}),
    "traceback": Kind({}, traceback=True),
    "secrets": Kind({"password": "hunter2", "authorization": "Bearer abcdefgh12345678"}),
}

Line = Callable[[Kind], Call]
"""Returns the call that writes a line of a kind, as an app would write it."""


def remember(environ: WSGIEnvironment) -> None:
    """Bind what every line of a request tells, for those who are not us."""
    _bound.set(
        {
            "request_id": environ["HTTP_X_REQUEST_ID"],
            "method": environ["REQUEST_METHOD"],
            "path": environ["PATH_INFO"],
            "remote_addr": environ["REMOTE_ADDR"],
        }
    )


class BoundFields(logging.Filter):
    """The usual recipe: what the request has bound becomes attributes of the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set them."""
        record.__dict__.update(_bound.get())
        return True


class BoundRecipeFormatter(RecipeFormatter):
    """The recipe's formatter, outside Flask: what is bound joins the line's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        record.fields = {**_bound.get(), **getattr(record, "fields", {})}
        return super().format(record)


def _ours(**options: Any) -> Line:
    return _by_logging(LineHandler("stdout"), JsonFormatter(**options))


def _recipe() -> Line:
    line = _by_logging(logging.StreamHandler(sys.stdout), BoundRecipeFormatter())
    return lambda kind: line(kind._replace(fields=kind.fields and {"fields": kind.fields}))


def _python_json_logger(module: str, name: str) -> Line:
    formatter = getattr(import_module(f"pythonjsonlogger.{module}"), name)(
        ["levelname", "name", "message", *FIELDS],
        rename_fields={"levelname": "level", "name": "logger"},
        timestamp=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.addFilter(BoundFields())
    return _by_logging(handler, formatter)


def _by_logging(handler: logging.Handler, formatter: logging.Formatter) -> Line:
    """Return the lines of an app's logger; its root, one of its own, has the handler."""
    handler.setFormatter(formatter)
    loggers = logging.Manager(logging.RootLogger(logging.INFO))
    loggers.root.addHandler(handler)
    log = loggers.getLogger("shop.orders")

    def line(kind: Kind) -> Call:
        if kind.traceback:
            return lambda: log.info("order %s failed", 7, exc_info=True)
        if not kind.fields:
            return lambda: log.info("order %s placed", 7)
        return lambda: log.info("order %s placed", 7, extra=kind.fields)

    return line


def _structlog() -> Line:
    """Set it up as its own page on performance says; it passes `logging` by."""
    import orjson
    import structlog

    structlog.configure(
        cache_logger_on_first_use=True,
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=orjson.dumps),
        ],
        logger_factory=structlog.BytesLoggerFactory(),
    )
    structlog.contextvars.bind_contextvars(**_bound.get())
    log = structlog.get_logger().bind(logger="shop.orders")

    def line(kind: Kind) -> Call:
        if kind.traceback:
            return lambda: log.info("order %s failed", 7, exc_info=True)
        return lambda: log.info("order %s placed", 7, **kind.fields)

    return line


def _nothing() -> Line:
    return _by_logging(logging.NullHandler(), logging.Formatter())


SETUPS: dict[str, Callable[[], Line]] = {
    "`logging` alone, nothing written": _nothing,
    "wsgi_observe, json": partial(_ours, encoder="json"),
    "wsgi_observe, orjson": partial(_ours, encoder="orjson"),
    "wsgi_observe, orjson, redaction off": partial(_ours, encoder="orjson", redact=False),
    "python-json-logger, json": partial(_python_json_logger, "json", "JsonFormatter"),
    "python-json-logger, orjson": partial(_python_json_logger, "orjson", "OrjsonFormatter"),
    "python-json-logger, msgspec": partial(_python_json_logger, "msgspec", "MsgspecFormatter"),
    "structlog, orjson": _structlog,
    "the recipe, json": _recipe,
}
"""By name; only ours redacts."""
