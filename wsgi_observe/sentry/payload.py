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
    if "body" in thing and "attributes" in thing:
        return _redact_log(redactor, thing)
    if "attributes" in thing:  # a metric, a span that is sent by itself
        return {
            **_redact_texts(redactor, thing),
            "attributes": _redact_mapping(redactor, thing["attributes"]),
        }
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
            clean[name] = redactor.path(
                inner, Budget()
            )  # a log message may contain the request's path
        elif isinstance(inner, Mapping) and name == "data":
            clean[name] = _redact_mapping(redactor, inner)
    return clean


def _redact_request(redactor: Redactor, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = _redact_mapping(redactor, value)
    if value.get("headers"):
        clean["headers"] = _redact_headers(redactor, value["headers"])
    return clean


def _redact_headers(redactor: Redactor, value: Any) -> Any:
    return dict(redactor.headers(value)) if isinstance(value, Mapping) else redactor.headers(value)


def _redact_exceptions(redactor: Redactor, value: Any) -> Any:
    return _redact_values(redactor, value, _redact_exception)


def _redact_exception(redactor: Redactor, value: Any) -> Any:
    """Return an exception or a thread with its text and its frames redacted."""
    clean = redactor.value(value)
    if isinstance(value, Mapping):
        for name in ("type", "module"):
            if isinstance(value.get(name), str):
                clean[name] = value[name]
        if value.get("stacktrace"):
            clean["stacktrace"] = redact_stack_trace(redactor, value["stacktrace"])
    return clean


def _redact_mappings(redactor: Redactor, value: Any) -> Any:
    return _redact_values(redactor, value, _redact_mapping)


def _redact_contexts(redactor: Redactor, value: Any) -> Any:
    """Return the contexts redacted; the trace's also holds the header of the envelope."""
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = {name: redactor.field(name, inner) for name, inner in value.items()}
    trace = value.get("trace")
    if isinstance(trace, Mapping):
        clean["trace"] = _redact_mapping(redactor, trace)
        sampling = trace.get("dynamic_sampling_context")
        if isinstance(sampling, Mapping):  # sent in the envelope's header
            name = _redact_url(redactor, sampling.get("transaction"))
            shown = {**sampling, "transaction": name} if name else sampling
            clean["trace"]["dynamic_sampling_context"] = shown
    return clean


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


def _redact_log(redactor: Redactor, value: Mapping[str, Any]) -> Any:
    attributes = _redact_mapping(redactor, value["attributes"])
    if _has_secrets(redactor, value["body"]):
        named = {name: REDACTED for name in attributes if name.startswith(_PARAMETER_PREFIX)}
        attributes.update(named)
    return {**_redact_texts(redactor, value), "attributes": attributes}


def _redact_texts(redactor: Redactor, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a log, a metric or a span with its own texts redacted."""
    return {
        name: redactor.path(inner, Budget()) if name in _TEXTS and isinstance(inner, str) else inner
        for name, inner in value.items()
    }


def _redact_url(redactor: Redactor, value: Any) -> Any:
    """Return the name of a transaction redacted; it may be the path of its request."""
    return redactor.url(value) if isinstance(value, str) else redactor.value(value)


def _has_secrets(redactor: Redactor, text: Any) -> bool:
    return isinstance(text, str) and redactor.text(text) != text


def _redact_extra(redactor: Redactor, value: Any) -> Any:
    clean = _redact_mapping(redactor, value)
    argv = value.get("sys.argv") if isinstance(value, Mapping) else None
    if isinstance(argv, list):
        clean["sys.argv"] = _redact_command_line(redactor, argv)
    return clean


def _redact_command_line(redactor: Redactor, argv: list[Any]) -> list[Any]:
    """Return a command line redacted; an option's value is in the same argument or the next."""
    options = ["", *map(str, argv)]
    return [
        REDACTED if _is_secret_option(redactor, option) else redactor.value(argument)
        for option, argument in zip(options, argv, strict=False)
    ]


def _is_secret_option(redactor: Redactor, option: str) -> bool:
    has_separate_value = option.startswith("-") and "=" not in option
    return has_separate_value and redactor.is_sensitive(option.lstrip("-"))


def _redact_tags(redactor: Redactor, value: Any) -> Any:
    """Return tags redacted; Sentry also accepts them as a list of pairs."""
    if isinstance(value, list) and all(isinstance(item, list | tuple) for item in value):
        return [[name, redactor.field(str(name), inner)] for name, inner in value]
    return _redact_mapping(redactor, value)


def _redact_values(redactor: Redactor, value: Any, part: _RedactPart) -> Any:
    """Return ``{"values": […]}``, or a list, with each item redacted by `part`."""
    if isinstance(value, Mapping) and isinstance(value.get("values"), list):
        rest = {name: inner for name, inner in value.items() if name != "values"}
        values = [part(redactor, item) for item in value["values"]]
        return {**redactor.value(rest), "values": values}
    if isinstance(value, list):
        return [part(redactor, item) for item in value]
    return redactor.value(value)


_PART_REDACTORS: dict[str, _RedactPart] = {
    "request": _redact_request,
    "exception": _redact_exceptions,
    "threads": _redact_exceptions,
    "breadcrumbs": _redact_mappings,
    "spans": _redact_mappings,
    "contexts": _redact_contexts,
    "logentry": _redact_log_entry,
    "extra": _redact_extra,
    "tags": _redact_tags,
    "transaction": _redact_url,
}


# Their frames hold the parameters of statements, in variables of other names.
_DATABASE_MODULES = frozenset(
    {
        *("sqlalchemy", "psycopg", "psycopg2", "asyncpg", "pymysql", "MySQLdb", "mysql"),
        *("oracledb",),
        *("pyodbc", "peewee", "pymongo", "redis"),
    }
)
_LOCATION_NAMES = frozenset({"filename", "abs_path", "function", "module"})
_SOURCE_NAMES = ("pre_context", "context_line", "post_context")


def redact_stack_trace(redactor: Redactor, value: Any) -> Any:
    """Return a stack trace with the secrets of its frames redacted."""
    if not isinstance(value, Mapping) or not isinstance(value.get("frames"), list):
        return redactor.value(value)
    rest = {name: inner for name, inner in value.items() if name != "frames"}
    return {
        **redactor.value(rest),
        "frames": [_redact_frame(redactor, item) for item in value["frames"]],
    }


def _redact_frame(redactor: Redactor, value: Any) -> Any:
    """Return a frame with the secrets of its variables and of its lines of source redacted."""
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = {
        name: inner
        if name in _LOCATION_NAMES and isinstance(inner, str)
        else redactor.field(name, inner)
        for name, inner in value.items()
        if name not in _SOURCE_NAMES and name != "vars"
    }
    if "vars" in value:
        clean["vars"] = _redact_variables(redactor, value)
    clean.update(
        _redact_source(redactor, {name: value[name] for name in _SOURCE_NAMES if name in value})
    )
    return clean


def _redact_variables(redactor: Redactor, value: Mapping[str, Any]) -> Any:
    module = str(value.get("module") or "").partition(".")[0]
    if module in _DATABASE_MODULES and isinstance(value["vars"], Mapping):
        return dict.fromkeys(value["vars"], REDACTED)
    return redactor.value(value["vars"])


def _redact_source(redactor: Redactor, parts: dict[str, Any]) -> dict[str, Any]:
    """Return lines of source redacted; searched at once, since each search has a fixed cost."""
    source = "\n".join(line for part in parts.values() for line in _get_lines(part))
    if redactor.text(source) == source:
        return parts
    return {name: redactor.value(part) for name, part in parts.items()}


def _get_lines(part: Any) -> list[str]:
    lines = part if isinstance(part, list) else [part]
    return [line for line in lines if isinstance(line, str)]
