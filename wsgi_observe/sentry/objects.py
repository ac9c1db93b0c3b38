"""Redaction of objects before Sentry serializes them and their attributes' names are lost.

Sentry serializes an event before ``before_send``, and a frame's variables when the exception is
captured: a namedtuple becomes a list, an object its repr.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any

import sentry_sdk
from sentry_sdk.utils import AnnotatedValue, safe_repr  # type: ignore[attr-defined]

from wsgi_observe.redaction import REDACTED, Redactor
from wsgi_observe.redaction.path_secrets import with_request_secrets
from wsgi_observe.sentry.payload import redact_payload
from wsgi_observe.sentry.scrubber import Scrubber

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})
_BY_SENTRY = _PLAIN | {dict, set, frozenset, AnnotatedValue}
_PARTS = ("contexts", "tags", "user", "logentry")
_MAX_ITEMS = 32  # of a list that are searched: Sentry shows ten


def redact_objects(event: Any) -> None:
    """Redact the parts of an event for whose values Sentry calls no ``repr`` processor."""
    redactor = _get_redactor()
    if redactor is None:
        return
    parts = {name: event[name] for name in _PARTS if event.get(name)}
    spans = event.get("spans")
    if isinstance(spans, list) and any(map(_holds_objects, spans)):
        parts["spans"] = spans
    clean = redact_payload({**parts, "event_id": ""}, redactor)
    event.update({name: clean[name] for name in parts})


def redact_object(value: Any, hint: Any) -> Any:
    """Return a redacted form of a value, or NotImplemented if Sentry may serialize it as it is.

    This is a ``repr`` processor: Sentry calls it for each value in variables, in extra data and
    in breadcrumbs.
    """
    if type(value) in _BY_SENTRY:
        return NotImplemented
    redactor = _get_redactor()
    if redactor is None:
        return NotImplemented
    if issubclass(type(value), (list, tuple)):
        return _redact_sequence(redactor, value)
    clean = redactor.object_text(value, safe_repr)
    return NotImplemented if clean is None else clean


def _get_redactor() -> Redactor | None:
    """Return the redactor of the `Scrubber` in ``before_send``; None if there is none."""
    hook = sentry_sdk.get_client().options.get("before_send")
    hooks = (hook, *hook.args) if isinstance(hook, partial) else (hook,)  # made by chain_hooks()
    scrubber = next((one for one in hooks if isinstance(one, Scrubber)), None)
    return None if scrubber is None else with_request_secrets(scrubber.redactor)


def _redact_sequence(redactor: Redactor, value: Any) -> Any:
    """Return a namedtuple, pair or command line without the values of its sensitive names."""
    names = getattr(type(value), "_fields", ())
    if any(map(redactor.is_sensitive, names)):
        return safe_repr(redactor.value(value))
    first = list(islice(value, _MAX_ITEMS))
    if type(value) is tuple and len(first) == 2 and type(first[0]) is str:
        clean = redactor.value(value)
        return list(clean) if clean[1] is REDACTED else NotImplemented
    if _PLAIN.issuperset(map(type, first)) and any(str(one).startswith("-") for one in first):
        return redactor.value(list(value))
    return NotImplemented


def _holds_objects(span: Any) -> bool:
    bags = (span.get("data"), span.get("tags"))
    return any(not _PLAIN.issuperset(map(type, (bag or {}).values())) for bag in bags)
