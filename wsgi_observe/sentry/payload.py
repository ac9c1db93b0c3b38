"""Sentry's payloads without secrets: which part is a name, a text, a query, a bag of values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from wsgi_observe.core.context import running
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.ids import is_fit
from wsgi_observe.core.masked import on_this_path
from wsgi_observe.core.redact import REDACTED, Budget, Redactor
from wsgi_observe.sentry.frames import stack_trace

_placeholder = re.compile(r"%(?:\(\w+\))?[a-z]")

_Part = Callable[[Redactor, Any], Any]

# Sentry's own, without which it cannot read the rest; the names of modules are no keys.
_KEPT = frozenset(
    {
        *("event_id", "timestamp", "start_timestamp", "type", "level", "platform"),
        *("release", "environment", "dist", "sdk", "modules", "_meta", "measurements"),
    }
)
_IDS = frozenset({"request_id", "trace_id", "span_id", "parent_span_id"})
_TEXTS = ("message", "formatted", "description", "body", "name")
_PARAMETER = "sentry.message.parameter."


def without_secrets(thing: Any, redactor: Redactor) -> Any:
    """Return what a hook of Sentry's is given, whichever it is, with its secrets redacted."""
    if not isinstance(thing, Mapping):
        return redactor.value(thing)
    if thing.get("type") == "check_in":
        thing = _without_data(thing)
    if "event_id" in thing or "exception" in thing:
        redactor = _on_its_path(redactor, thing.get("request"))
        return {name: _part(redactor, name, thing[name]) for name in thing}
    if "body" in thing and "attributes" in thing:
        return _log(redactor, thing)
    if "attributes" in thing:  # a metric, a span that is sent by itself
        return {**_named(redactor, thing), "attributes": _bag(redactor, thing["attributes"])}
    return _bag(redactor, thing)


def _without_data(check_in: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a check-in without the data of the span that it was sent in.

    Sentry takes the trace's ID from it alone; and it asks no event processor before it makes
    lists of namedtuples, which have no names any more.
    """
    contexts: Any = check_in.get("contexts") or {}
    trace = contexts.get("trace")
    if not isinstance(trace, Mapping):
        return check_in
    bare = {name: one for name, one in trace.items() if name != "data"}
    return {**check_in, "contexts": {**contexts, "trace": bare}}


def _on_its_path(redactor: Redactor, request: Any) -> Redactor:
    """Return a redactor that knows the secrets in the URL: a thread may outlive its request."""
    url = request.get("url") if isinstance(request, Mapping) else None
    if running() is not None or not isinstance(url, str):
        return redactor
    return on_this_path(redactor, urlsplit(url).path)


def _part(redactor: Redactor, name: str, value: Any) -> Any:
    if name in _KEPT:
        return value
    part = _PARTS.get(name)
    return redactor.field(name, value) if part is None else part(redactor, value)


def _bag(redactor: Redactor, value: Any) -> Any:
    """Return a bag of names and values; what is a query by its name is read as one."""
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = redactor.value(value)
    for name, inner in value.items():
        if name in _IDS and isinstance(inner, str) and is_fit(inner):
            clean[name] = inner  # by chance its digits may be those of a card
        elif isinstance(inner, str) and str(name).lower().endswith(("query", "query_string")):
            clean[name] = redactor.query(inner)
        elif isinstance(inner, str) and name in _TEXTS and clean[name] is not REDACTED:
            clean[name] = redactor.path(inner, Budget())  # of a line that names its request
        elif isinstance(inner, Mapping) and name == "data":
            clean[name] = _bag(redactor, inner)
    return clean


def _request(redactor: Redactor, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = _bag(redactor, value)
    if value.get("headers"):
        clean["headers"] = _headers(redactor, value["headers"])
    return clean


def _headers(redactor: Redactor, value: Any) -> Any:
    return dict(redactor.headers(value)) if isinstance(value, Mapping) else redactor.headers(value)


def _exceptions(redactor: Redactor, value: Any) -> Any:
    return _listed(redactor, value, _exception)


def _exception(redactor: Redactor, value: Any) -> Any:
    """Return an exception, or a thread: its text redacted, its frames as they are."""
    clean = redactor.value(value)
    if isinstance(value, Mapping):
        for name in ("type", "module"):
            if isinstance(value.get(name), str):
                clean[name] = value[name]
        if value.get("stacktrace"):
            clean["stacktrace"] = stack_trace(redactor, value["stacktrace"])
    return clean


def _bags(redactor: Redactor, value: Any) -> Any:
    return _listed(redactor, value, _bag)


def _contexts(redactor: Redactor, value: Any) -> Any:
    """Return the contexts; that of the trace has what its envelope is sent under."""
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = {name: redactor.field(name, inner) for name, inner in value.items()}
    trace = value.get("trace")
    if isinstance(trace, Mapping):
        clean["trace"] = _bag(redactor, trace)
        sampling = trace.get("dynamic_sampling_context")
        if isinstance(sampling, Mapping):  # goes into the envelope's header
            name = _url(redactor, sampling.get("transaction"))
            kept = {**sampling, "transaction": name} if name else sampling
            clean["trace"]["dynamic_sampling_context"] = kept
    return clean


def _log_entry(redactor: Redactor, value: Any) -> Any:
    if not isinstance(value, Mapping):
        return redactor.value(value)
    clean = _bag(redactor, value)
    # An argument has no name beside it; the message that it went into may have.
    if value.get("params") and _has_secrets(redactor, _formatted(value)):
        clean["params"] = [REDACTED]
    return clean


def _formatted(entry: Mapping[str, Any]) -> Any:
    """Return the message with its arguments in it, which old versions of Sentry leave out."""
    if entry.get("formatted") is not None:
        return entry["formatted"]
    params = entry["params"]
    try:
        return entry["message"] % (tuple(params) if isinstance(params, list) else params)
    except any_failure():  # they do not fit
        # As if each placeholder were an argument: one alone is no secret.
        return f"{_placeholder.sub('a1b2c3d4', str(entry.get('message')))} {params}"


def _log(redactor: Redactor, value: Mapping[str, Any]) -> Any:
    attributes = _bag(redactor, value["attributes"])
    if _has_secrets(redactor, value["body"]):
        named = {name: REDACTED for name in attributes if name.startswith(_PARAMETER)}
        attributes.update(named)
    return {**_named(redactor, value), "attributes": attributes}


def _named(redactor: Redactor, value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a log, a metric or a span with its own texts redacted."""
    return {
        name: redactor.path(inner, Budget()) if name in _TEXTS and isinstance(inner, str) else inner
        for name, inner in value.items()
    }


def _url(redactor: Redactor, value: Any) -> Any:
    """Return the name of a transaction, which may be the path of its request."""
    return redactor.url(value) if isinstance(value, str) else redactor.value(value)


def _has_secrets(redactor: Redactor, text: Any) -> bool:
    return isinstance(text, str) and redactor.text(text) != text


def _extra(redactor: Redactor, value: Any) -> Any:
    clean = _bag(redactor, value)
    arguments = value.get("sys.argv") if isinstance(value, Mapping) else None
    if isinstance(arguments, list):
        clean["sys.argv"] = _command_line(redactor, arguments)
    return clean


def _command_line(redactor: Redactor, arguments: list[Any]) -> list[Any]:
    """Return a command line: an option has its value in the same argument or in the next."""
    before = ["", *map(str, arguments)]
    return [
        REDACTED if _takes_a_secret(redactor, option) else redactor.value(argument)
        for option, argument in zip(before, arguments, strict=False)
    ]


def _takes_a_secret(redactor: Redactor, option: str) -> bool:
    is_bare = option.startswith("-") and "=" not in option
    return is_bare and redactor.is_sensitive(option.lstrip("-"))


def _pairs(redactor: Redactor, value: Any) -> Any:
    """Return tags, which Sentry also takes as a list of pairs."""
    if isinstance(value, list) and all(isinstance(one, list | tuple) for one in value):
        return [[name, redactor.field(str(name), inner)] for name, inner in value]
    return _bag(redactor, value)


def _listed(redactor: Redactor, value: Any, part: _Part) -> Any:
    """Return what Sentry keeps as ``{"values": […]}``, or as the list itself."""
    if isinstance(value, Mapping) and isinstance(value.get("values"), list):
        rest = {name: inner for name, inner in value.items() if name != "values"}
        values = [part(redactor, one) for one in value["values"]]
        return {**redactor.value(rest), "values": values}
    if isinstance(value, list):
        return [part(redactor, one) for one in value]
    return redactor.value(value)


_PARTS: dict[str, _Part] = {
    "request": _request,
    "exception": _exceptions,
    "threads": _exceptions,
    "breadcrumbs": _bags,
    "spans": _bags,
    "contexts": _contexts,
    "logentry": _log_entry,
    "extra": _extra,
    "tags": _pairs,
    "transaction": _url,
}
