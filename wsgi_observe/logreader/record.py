"""A record of a log: the fields of one line, under the names that this library gives them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from wsgi_observe.logreader.tracebacks import RaisedException, parse_traceback

Fields = dict[str, Any]

LEVELS = {"DEBUG": 10, "INFO": 20, "WARNING": 30, "ERROR": 40, "CRITICAL": 50}

_LEVEL_ALIASES = {
    "TRACE": "DEBUG",
    "NOTICE": "INFO",
    "INFORMATION": "INFO",
    "WARN": "WARNING",
    "ERR": "ERROR",
    "SEVERE": "ERROR",
    **dict.fromkeys(("CRIT", "FATAL", "PANIC", "ALERT", "EMERG", "EMERGENCY"), "CRITICAL"),
}
_PINO_LEVELS = {10: "DEBUG", 20: "DEBUG", 30: "INFO", 40: "WARNING", 50: "ERROR", 60: "CRITICAL"}

# Names of renamed fields, ECS, OpenTelemetry, Datadog, and the JSON loggers of other languages.
_ALIASES = {
    "timestamp": ("@timestamp", "time", "ts", "asctime", "datetime"),
    "level": ("levelname", "severity", "severity_text", "log.level", "lvl", "status"),
    "message": ("msg", "event", "body"),
    "logger": ("name", "logger_name", "log.logger"),
    "request_id": (
        *("requestId", "x_request_id", "x-request-id", "req_id", "reqId", "req.id"),
        *("correlation_id", "correlationId", "http.request.id"),
    ),
    "trace_id": ("traceId", "trace.id", "dd.trace_id", "otelTraceID"),
    "exc_type": ("error.type", "exception.type", "err.type", "error.kind"),
    "exc_info": (
        *("error.stack_trace", "exception.stacktrace", "error.stack", "err.stack"),
        *("stack_trace", "traceback", "exception"),
    ),
    "method": ("http.request.method", "http.method", "req.method"),
    "path": ("url.path", "http.target", "req.url", "url"),
    "route": ("http.route",),
    "status_code": ("http.response.status_code", "http.status_code", "res.statusCode"),
    "service": ("service.name", "service_name", "dd.service", "app"),
    "release": ("service.version", "dd.version", "version"),
    "pid": ("process.pid", "process"),
}
_MAX_DEPTH = 4
_MAX_FLAT_FIELDS = 500
_LONGEST = 1e9  # seconds
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


@dataclass(slots=True, eq=False)
class Record:
    """One record: a line's fields, and the name of where it comes from.

    Everything in it is untrusted; escape it for where it is shown.

    :ivar source: the pod, container or log stream that a wrapper names, or else the input.
    """

    fields: Fields
    source: str = ""

    def text(self, name: str) -> str:
        """Return a field as text; empty where it is missing."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else to_text(value)

    def number(self, name: str) -> float | None:
        """Return a field that is a finite number."""
        value = self.fields.get(name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        try:
            return float(value) if math.isfinite(value) else None
        except OverflowError:
            return None

    @property
    def time(self) -> float | None:
        """When it was logged, in seconds since the epoch."""
        return parse_time(self.fields.get("timestamp"))

    @property
    def level(self) -> str:
        """The name of its level."""
        return self.text("level")

    @property
    def severity(self) -> int:
        """Its level as `logging` numbers it; 0 for one that is unknown."""
        return LEVELS.get(self.level, 0)

    @property
    def request_id(self) -> str:
        """The ID of its request."""
        return self.text("request_id")

    @property
    def status(self) -> int | None:
        """The status code of an access line."""
        status = self.number("status_code")
        return int(status) if status is not None else None

    @property
    def service(self) -> str:
        """The service that has logged it, as far as it is known."""
        return self.text("service") or self.source

    @property
    def seconds(self) -> float | None:
        """How long its request took, or had run; None if that is no duration."""
        milliseconds, age = self.number("duration_ms"), self.number("age")
        seconds = milliseconds / 1000 if milliseconds is not None else age
        return seconds if seconds is not None and 0 <= seconds < _LONGEST else None

    @property
    def start(self) -> float | None:
        """When its request began, as far as it is known."""
        end = self.time
        return None if end is None else end - (self.seconds or 0.0)

    @property
    def release(self) -> str:
        """The version of the service."""
        return self.text("release") or self.text("version")

    @property
    def worker_pid(self) -> str:
        """The process ID of its worker, which another process may have reported."""
        return self.text("worker_pid") or self.text("pid")

    @property
    def is_access_line(self) -> bool:
        """Whether it reports the end of a request."""
        return "status_code" in self.fields and "duration_ms" in self.fields

    @property
    def is_death(self) -> bool:
        """Whether it reports a request that ended with its worker."""
        return self.fields.get("outcome") == "died"

    @property
    def is_end(self) -> bool:
        """Whether it reports the end of a request in either way."""
        return self.is_access_line or self.is_death

    @property
    def is_slow_report(self) -> bool:
        """Whether it reports a request that has run for long, with its stack."""
        return "age" in self.fields and "stack" in self.fields and not self.is_death

    @property
    def kind(self) -> str:
        """What it reports: ``access``, ``death``, ``slow``, ``error`` or ``log``."""
        if self.is_end:
            return "access" if self.is_access_line else "death"
        if self.is_slow_report:
            return "slow"
        return "error" if self.severity >= LEVELS["ERROR"] else "log"

    @property
    def is_part(self) -> bool:
        """Whether it is a continuation line."""
        return "continues" in self.fields and "part" in self.fields

    @property
    def is_buffered(self) -> bool:
        """Whether it is below the level, and was written because its request failed."""
        return self.fields.get("buffered") is True

    @property
    def exceptions(self) -> tuple[RaisedException, ...]:
        """The exceptions of its traceback."""
        return parse_traceback(self.text("exc_info")) if "exc_info" in self.fields else ()

    @property
    def stack(self) -> str:
        """The stack of a slow or dead request."""
        return self.text("stack") or self.text("stack_info")


def to_text(value: object) -> str:
    """Return a value as a person reads it: a text as it is, others as JSON, None as nothing."""
    if value is None or isinstance(value, str):
        return value or ""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (ValueError, RecursionError):
        return f"<{type(value).__name__}>"


def is_own_record(fields: Mapping[str, Any]) -> bool:
    """Return whether these are the fields of a line of this library, with its own names."""
    return (
        fields.get("level").__class__ is str
        and fields.get("timestamp").__class__ is str
        and "message" in fields
        and "logger" in fields
    )


def adopt_record(fields: Fields) -> Fields | None:
    """Return the fields of another program's line under our names; None if it is no log line.

    >>> adopt_record({"time": 1700000000000, "level": 50, "msg": "lost", "reqId": "a"})
    {'timestamp': 1700000000000, 'level': 'ERROR', 'message': 'lost', 'request_id': 'a'}
    """
    flat: Fields = {}
    for name, value in islice(_flatten(fields), _MAX_FLAT_FIELDS):
        flat.setdefault(name, value)
    for name, aliases in _ALIASES.items():
        for alias in aliases:
            if name not in flat and alias in flat:
                flat[name] = flat.pop(alias)
    if "message" not in flat or parse_time(flat.get("timestamp")) is None:
        return None
    flat["level"] = _parse_level(flat.get("level"))
    first = {name: flat[name] for name in ("timestamp", "level", "message")}
    return first | flat


def _flatten(fields: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[Any]:
    """Yield names and values, those of nested objects under dotted names."""
    for name, value in fields.items():
        if isinstance(value, dict) and depth < _MAX_DEPTH:
            # Datadog has the line's own fields in ``attributes``.
            nested = prefix if name == "attributes" else f"{prefix}{name}."
            yield from _flatten(value, nested, depth + 1)
        else:
            yield prefix + name, value


def _parse_level(level: object) -> str:
    if isinstance(level, int | float):
        return _PINO_LEVELS.get(int(level) if math.isfinite(level) else 0, "INFO")
    name = to_text(level).upper()
    return _LEVEL_ALIASES.get(name, name or "INFO")


def parse_time(value: object) -> float | None:
    """Return a timestamp in seconds since the epoch; None where it is none.

    :param value: RFC 3339, or a number of seconds, milliseconds, microseconds or nanoseconds.

    >>> parse_time("1970-01-01T00:01:00Z"), parse_time(1700000000123)
    (60.0, 1700000000.123)
    """
    if isinstance(value, str):
        if not value.isdecimal():
            return _parse_date(value)
        value = int(value) if len(value) < 30 else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e20:
        return None
    for unit in (1e9, 1e6, 1e3):  # at least of 1973
        if value >= 1e8 * unit:
            return value / unit
    return float(value)


def _parse_date(text: str) -> float | None:
    try:
        date = datetime.fromisoformat(text) if len(text) <= 40 else None
        if date is None:
            return None
        seconds = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds < _LATEST else None
