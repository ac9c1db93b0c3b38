"""Objects before Sentry makes texts and lists of them, which have no names any more.

Sentry serializes an event before ``before_send``, and a frame's variables when the exception is
captured: a namedtuple becomes a list, an object its repr.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any

import sentry_sdk
from sentry_sdk.utils import AnnotatedValue, safe_repr  # type: ignore[attr-defined]

from wsgi_observe.core.masked import in_this_request
from wsgi_observe.core.redact import REDACTED, Redactor
from wsgi_observe.sentry.payload import without_secrets
from wsgi_observe.sentry.scrubber import Scrubber

_PLAIN = frozenset({str, int, float, bool, type(None), bytes})
_BY_SENTRY = _PLAIN | {dict, set, frozenset, AnnotatedValue}
_PARTS = ("contexts", "tags", "user", "logentry")
_MOST = 32  # items of a list that are looked at: Sentry shows ten


def redact_objects(event: Any) -> None:
    """Take secrets out of the parts of an event whose values no ``repr`` processor is asked of."""
    redactor = _redactor_here()
    if redactor is None:
        return
    parts = {name: event[name] for name in _PARTS if event.get(name)}
    spans = event.get("spans")
    if isinstance(spans, list) and any(map(_holds_objects, spans)):
        parts["spans"] = spans
    clean = without_secrets({**parts, "event_id": ""}, redactor)
    event.update({name: clean[name] for name in parts})


def shown(value: Any, hint: Any) -> Any:
    """Return what is shown of a value, or NotImplemented where Sentry may decide itself.

    One of Sentry's ``repr`` processors, which are asked of each value in variables, in extra data
    and in breadcrumbs.
    """
    if type(value) in _BY_SENTRY:
        return NotImplemented
    redactor = _redactor_here()
    if redactor is None:
        return NotImplemented
    if issubclass(type(value), (list, tuple)):
        return _sequence(redactor, value)
    clean = redactor.shown(value, safe_repr)
    return NotImplemented if clean is None else clean


def _redactor_here() -> Redactor | None:
    """Return what the hooks of this process's Sentry redact with, None where they do not."""
    hook = sentry_sdk.get_client().options.get("before_send")
    hooks = (hook, *hook.args) if isinstance(hook, partial) else (hook,)  # that of `chained`
    found = next((one for one in hooks if isinstance(one, Scrubber)), None)
    return None if found is None else in_this_request(found.redactor)


def _sequence(redactor: Redactor, value: Any) -> Any:
    """Return a sequence that has names in it, or of fields, where one of them is sensitive."""
    names = getattr(type(value), "_fields", ())
    if any(map(redactor.is_sensitive, names)):
        return safe_repr(redactor.value(value))
    first = list(islice(value, _MOST))
    if type(value) is tuple and len(first) == 2 and type(first[0]) is str:
        clean = redactor.value(value)
        return list(clean) if clean[1] is REDACTED else NotImplemented
    if _PLAIN.issuperset(map(type, first)) and any(str(one).startswith("-") for one in first):
        return redactor.value(list(value))
    return NotImplemented


def _holds_objects(span: Any) -> bool:
    bags = (span.get("data"), span.get("tags"))
    return any(not _PLAIN.issuperset(map(type, (bag or {}).values())) for bag in bags)
