"""One application line inside a request, as our set-up writes it and as others do."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Mapping
from contextvars import Context, ContextVar, copy_context
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

from werkzeug.test import create_environ

from wsgi_observe import observe
from wsgi_observe.logs import JsonFormatter, LineHandler

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

Call = Callable[[], object]

FIELDS = ("request_id", "method", "path", "remote_addr")

_bound: ContextVar[Mapping[str, str]] = ContextVar("benchmarks.bound")


class BoundFields(logging.Filter):
    """The usual recipe: what the request has bound becomes attributes of the record."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Set them."""
        record.__dict__.update(_bound.get())
        return True


def lines() -> dict[str, Call]:
    """Return each set-up's call by its name; one whose library is not installed is left out."""
    inside = request_in_flight()
    found: dict[str, Call] = {"line, none": partial(inside.run, lambda: None)}
    for name, make in SETUPS.items():
        try:
            info = make(inside)
        except ModuleNotFoundError:
            continue
        found[name] = partial(inside.run, info)
    return found


def request_in_flight() -> Context:
    """Return the context of a request that goes on: its fields are bound, for us and for others."""
    seen: list[Context] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        _bound.set(
            {
                "request_id": environ["HTTP_X_REQUEST_ID"],
                "method": environ["REQUEST_METHOD"],
                "path": environ["PATH_INFO"],
                "remote_addr": environ["REMOTE_ADDR"],
            }
        )
        seen.append(copy_context())
        start_response("200 OK", [])
        return [b"ok"]

    environ = create_environ("/orders", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    # Its body is never closed, so it does not end.
    copy_context().run(observe(app), environ, lambda *start: lambda data: None)
    return seen[0]


def _ours(encoder: str) -> Callable[[Context], Call]:
    def make(inside: Context) -> Call:
        return _logger(LineHandler("stdout"), JsonFormatter(encoder=encoder))

    return make


def _python_json_logger(module: str, name: str) -> Callable[[Context], Call]:
    def make(inside: Context) -> Call:
        formatter = getattr(import_module(f"pythonjsonlogger.{module}"), name)(
            ["levelname", "name", "message", *FIELDS],
            rename_fields={"levelname": "level", "name": "logger"},
            timestamp=True,
        )
        handler = logging.StreamHandler(sys.stdout)
        handler.addFilter(BoundFields())
        return _logger(handler, formatter)

    return make


def _logger(handler: logging.Handler, formatter: logging.Formatter) -> Call:
    """Return a call of an app's logger; its root, one of its own, has the handler."""
    handler.setFormatter(formatter)
    loggers = logging.Manager(logging.RootLogger(logging.INFO))
    loggers.root.addHandler(handler)
    log = loggers.getLogger("shop.orders")
    return lambda: log.info("order %s placed", 7)


def _structlog(inside: Context) -> Call:
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
    inside.run(lambda: structlog.contextvars.bind_contextvars(**_bound.get()))
    log = structlog.get_logger().bind(logger="shop.orders")

    return lambda: log.info("order %s placed", 7)


SETUPS = {
    "line, json": _ours("json"),
    "line, orjson": _ours("orjson"),
    "line, python-json-logger, json": _python_json_logger("json", "JsonFormatter"),
    "line, python-json-logger, orjson": _python_json_logger("orjson", "OrjsonFormatter"),
    "line, structlog, orjson": _structlog,
}
