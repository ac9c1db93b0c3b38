"""Log lines: one application line inside a request, as ours and other loggers write it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Mapping
from contextvars import Context, ContextVar, copy_context
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from werkzeug.test import create_environ

from benchmarks.apps import flask_hello
from benchmarks.costs import Cost
from benchmarks.peers.recipe import JsonFormatter as RecipeFormatter
from benchmarks.timing import Call, Subject, repeated, request
from wsgi_observe import observe
from wsgi_observe.logs import JsonFormatter, LineHandler

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

LINES = "One log line"

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


def bind_fields(environ: WSGIEnvironment) -> None:
    """Bind the request's fields, which every line has, for the other loggers."""
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


def subjects(setup: str) -> dict[str, Subject]:
    """Return each kind of line by a set-up of `SETUPS`."""
    inside = running_request_context()
    line = inside.run(SETUPS[setup])
    calls: dict[str, Call] = {"Flask": request(flask_hello())}
    calls["none"] = partial(inside.run, lambda: None)
    for name, kind in KINDS.items():
        call = line(kind)
        calls[name] = partial(inside.run, failing(call) if kind.traceback else call)
    return {name: repeated(call) for name, call in calls.items()}


def running_request_context() -> Context:
    """Return the context of a request that has not ended: its fields are bound for all loggers."""
    contexts: list[Context] = []

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        bind_fields(environ)
        contexts.append(copy_context())
        start_response("200 OK", [])
        return [b"ok"]

    environ = create_environ("/orders", environ_base={"REMOTE_ADDR": "127.0.0.1"})
    # Its body is never closed, so it does not end.
    copy_context().run(observe(app), environ, lambda *start: lambda data: None)
    return contexts[0]


def failing(call: Call) -> Call:
    """Return a call that is made while an exception is handled."""

    def fail() -> None:
        try:
            _outer()
        except ValueError:
            call()

    return fail


def _outer() -> None:
    _inner({})


def _inner(order: dict[str, int]) -> None:
    if "total" not in order:
        raise ValueError("an order without a total")


def costs() -> list[Cost]:
    """Return what a line of each kind costs by each set-up."""
    return [
        Cost(LINES, f"{kind}, {name}", f"{its}: {kind}", f"{its}: none", f"{its}: Flask")
        for kind in KINDS
        for name, its in ((name, f"line by {name}") for name in SETUPS)
    ]
