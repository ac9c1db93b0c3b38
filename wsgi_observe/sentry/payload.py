"""Redaction of Sentry payloads: which of their parts are names, texts, queries or mappings."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from wsgi_observe.context import current_context
from wsgi_observe.ids import is_valid_id
from wsgi_observe.redaction import REDACTED, Budget, Redactor
from wsgi_observe.redaction.path_secrets import with_path_secrets
from wsgi_observe.wsgi.exceptions import any_failure

_placeholder = re.compile(r"%(?:\(\w+\))?[a-z]")

_RedactPart = Callable[[Redactor, Any], Any]

# Sentry's own fields, which it needs; modules are named by their keys, which may look sensitive.
_UNREDACTED_NAMES = frozenset(
    {
        *("event_id", "timestamp", "start_timestamp", "type", "level", "platform"),
        *("release", "environment", "dist", "sdk", "modules", "_meta", "measurements"),
    }
)
_ID_NAMES = frozenset({"request_id", "trace_id", "span_id", "parent_span_id"})
_TEXTS = ("message", "formatted", "description", "body", "name")
_PARAMETER_PREFIX = "sentry.message.parameter."


def redact_payload(thing: Any, redactor: Redactor) -> Any:
    """Return the argument of any Sentry hook (an event, a log, a span, …) redacted."""
    if not isinstance(thing, Mapping):
        return redactor.value(thing)
    if thing.get("type") == "check_in":
        thing = _without_data(thing)
    if "event_id" in thing or "exception" in thing:
        redactor = _with_path_secrets(redactor, thing.get("request"))
        return {name: _redact_part(redactor, name, thing[name]) for name in thing}
    if "attributes" in thing:
        return _redact_item(redactor, thing)
    return _redact_mapping(redactor, thing)


def _without_data(check_in: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a check-in without the data of the span in which it was sent.

    Sentry uses only the trace ID of it. Check-ins pass no event processor before namedtuples are
    serialized as lists without names.
    """
    contexts: Any = check_in.get("contexts") or {}
    trace = contexts.get("trace")
    if not isinstance(trace, Mapping):
        return check_in
    bare = {name: item for name, item in trace.items() if name != "data"}
    return {**check_in, "contexts": {**contexts, "trace": bare}}


def _with_path_secrets(redactor: Redactor, request: Any) -> Redactor:
    """Return a redactor for the secrets in the URL too: a thread may outlive its request."""
    url = request.get("url") if isinstance(request, Mapping) else None
    if current_context() is not None or not isinstance(url, str):
        return redactor
    return with_path_secrets(redactor, urlsplit(url).path)


def _redact_part(redactor: Redactor, name: str, value: Any) -> Any:
    if name in _UNREDACTED_NAMES:
        return value
    part = _PART_REDACTORS.get(name)
    return redactor.field(name, value) if part is None else part(redactor, value)


# ---- parts of any kind


def _keep(redactor: Redactor, value: Any) -> Any:
    return value


def _keep_text(redactor: Redactor, value: Any) -> Any:
    return value if isinstance(value, str) else redactor.value(value)


def _redact_url(redactor: Redactor, value: Any) -> Any:
    """Return the name of a transaction redacted; it may be the path of its request."""
    return redactor.url(value) if isinstance(value, str) else redactor.value(value)


def _redact_mapping(redactor: Redactor, value: Any) -> Any:
    """Return a mapping redacted; a value whose name ends in ``query`` is redacted as a query."""
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = redactor.value(value)
    for name, inner in value.items():
        if name in _ID_NAMES and isinstance(inner, str) and is_valid_id(inner):
            clean[name] = inner  # its digits may happen to be a valid card number
        elif isinstance(inner, str) and str(name).lower().endswith(("query", "query_string")):
            clean[name] = redactor.query(inner)
        elif isinstance(inner, str) and name in _TEXTS and clean[name] is not REDACTED:
            # A log message may contain the request's path.
            clean[name] = redactor.path(inner, Budget())
        elif isinstance(inner, Mapping) and name == "data":
            clean[name] = _redact_mapping(redactor, inner)
    return clean


def _redact_pairs(redactor: Redactor, value: Any) -> Any:
    """Return headers or tags redacted; Sentry also accepts them as a list of pairs."""
    if isinstance(value, list) and all(isinstance(p, list | tuple) and len(p) == 2 for p in value):
        return redactor.headers(value)
    return _redact_mapping(redactor, value)


def _members(parts: Mapping[str, _RedactPart], rest: _RedactPart = Redactor.value) -> _RedactPart:
    """Return what redacts a mapping: some members by `parts`, the others by `rest`."""

    def redact(redactor: Redactor, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return redactor.value(value)
        clean = rest(redactor, {name: value[name] for name in value if name not in parts})
        own = {name: part(redactor, value[name]) for name, part in parts.items() if name in value}
        return {**clean, **own}

    return redact


def _each(part: _RedactPart) -> _RedactPart:
    """Return what redacts a list, or ``{"values": […]}``, with each item redacted by `part`."""

    def redact(redactor: Redactor, value: Any) -> Any:
        return (
            [part(redactor, item) for item in value]
            if isinstance(value, list)
            else redact_values(redactor, value)
        )

    redact_values = _members({"values": redact})
    return redact


# ---- messages and logs


def _redact_log_entry(redactor: Redactor, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = _redact_mapping(redactor, value)
    # An argument alone has no name; the message that it was formatted into may have one.
    if value.get("params") and _has_secrets(redactor, _formatted(value)):
        clean["params"] = [REDACTED]
    return clean


def _formatted(entry: Mapping[str, Any]) -> Any:
    """Return the formatted message, which old versions of sentry-sdk do not send."""
    if entry.get("formatted") is not None:
        return entry["formatted"]
    params = entry["params"]
    try:
        return entry["message"] % (tuple(params) if isinstance(params, list) else params)
    except any_failure():  # the arguments do not match the message
        # As if each placeholder were a secret: a placeholder as such would not be redacted.
        return f"{_placeholder.sub('a1b2c3d4', str(entry.get('message')))} {params}"


def _redact_item(redactor: Redactor, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a log, a metric, or a span that is sent by itself, redacted."""
    attributes = _redact_mapping(redactor, value["attributes"])
    if _has_secrets(redactor, value.get("body")):
        named = {name: REDACTED for name in attributes if name.startswith(_PARAMETER_PREFIX)}
        attributes.update(named)
    texts = {
        name: redactor.path(inner, Budget())
        for name, inner in value.items()
        if name in _TEXTS and isinstance(inner, str)
    }
    return {**value, **texts, "attributes": attributes}


def _has_secrets(redactor: Redactor, text: Any) -> bool:
    return isinstance(text, str) and redactor.text(text) != text


# ---- stack traces

# Their frames hold the parameters of statements, in variables of other names.
_DATABASE_MODULES = frozenset(
    {
        *("sqlalchemy", "psycopg", "psycopg2", "asyncpg", "pymysql", "MySQLdb", "mysql"),
        *("oracledb", "pyodbc", "peewee", "pymongo", "redis"),
    }
)
_SOURCE_NAMES = ("pre_context", "context_line", "post_context")
_redact_frame_members = _members(
    {
        **dict.fromkeys(("filename", "abs_path", "function", "module"), _keep_text),
        **dict.fromkeys(_SOURCE_NAMES, _keep),
    }
)


def _redact_frame(redactor: Redactor, value: Any) -> Any:
    """Return a frame with the secrets of its variables and of its lines of source redacted."""
    clean = _redact_frame_members(redactor, value)
    if not isinstance(value, Mapping):
        return clean
    module = str(value.get("module") or "").partition(".")[0]
    if module in _DATABASE_MODULES and isinstance(value.get("vars"), Mapping):
        clean["vars"] = dict.fromkeys(value["vars"], REDACTED)
    parts = {name: value[name] for name in _SOURCE_NAMES if name in value}
    # Searched at once, since each search has a fixed cost.
    if _has_secrets(redactor, "\n".join(line for part in parts.values() for line in _lines(part))):
        clean.update({name: redactor.value(part) for name, part in parts.items()})
    return clean


def _lines(part: Any) -> list[str]:
    lines = part if isinstance(part, list) else [part]
    return [line for line in lines if isinstance(line, str)]


# ---- parts of an event

_STACK_TRACE = _members({"frames": _each(_redact_frame)})
# An exception or a thread.
_EXCEPTION = _members({"type": _keep_text, "module": _keep_text, "stacktrace": _STACK_TRACE})
# Sent in the header of the envelope.
_SAMPLING = _members({"transaction": _redact_url}, rest=_keep)
_TRACE = _members({"dynamic_sampling_context": _SAMPLING}, rest=_redact_mapping)

_PART_REDACTORS: dict[str, _RedactPart] = {
    "request": _members({"headers": _redact_pairs}, rest=_redact_mapping),
    "exception": _each(_EXCEPTION),
    "threads": _each(_EXCEPTION),
    "breadcrumbs": _each(_redact_mapping),
    "spans": _each(_redact_mapping),
    "contexts": _members({"trace": _TRACE}),
    "logentry": _redact_log_entry,
    "extra": _redact_mapping,
    "tags": _redact_pairs,
    "transaction": _redact_url,
}
