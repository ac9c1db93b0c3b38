"""Sentry hooks (``before_send`` and others) that redact what is sent, and objects before that."""

from __future__ import annotations

from copy import copy
from functools import partial
from itertools import islice
from typing import Any

import sentry_sdk
from sentry_sdk.utils import AnnotatedValue, safe_repr  # type: ignore[attr-defined]

from wsgi_observe._safely import warn_once
from wsgi_observe.context import current_request_id
from wsgi_observe.redaction import REDACTED, Redactor
from wsgi_observe.redaction.path_secrets import with_request_secrets
from wsgi_observe.sentry.payload import redact_payload
from wsgi_observe.wsgi.exceptions import any_failure


class Scrubber:
    """A hook for any ``before_…`` option of ``sentry_sdk.init`` that redacts what it is given.

    What cannot be redacted is dropped, logged once and counted in `dropped`.

    :param redactor: decides what is secret; by default one that also removes e-mail addresses and
        phone numbers.

    >>> from wsgi_observe.redaction import Redactor
    >>> scrub = Scrubber(Redactor(patterns=["EMP-[0-9]{5}"], personal=True))
    >>> scrub({"type": "http", "message": "EMP-00042 by jane@shop.example"})
    {'type': 'http', 'message': '[REDACTED] by [REDACTED]'}
    """

    dropped = 0
    """The number of events and other items dropped in this process, by all scrubbers."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        self.redactor = redactor or Redactor(personal=True)

    def __call__(self, thing: Any, hint: Any = None) -> Any:
        """Return an event, a transaction, a breadcrumb, a log, … without secrets."""
        try:
            redactor = with_request_secrets(self.redactor)
            if isinstance(hint, dict) and hint.get("attachments"):
                hint["attachments"] = [_clean_attachment(a, redactor) for a in hint["attachments"]]
            return redact_payload(add_request_id(thing), redactor)
        except any_failure():
            Scrubber.dropped += 1
            warn_once("redacting a Sentry event, which is dropped,")
            return _make_blank(thing)


scrub = Scrubber()
"""A `Scrubber` for your own ``sentry_sdk.init(…, before_send=scrub)``, and for any other hook."""


def add_request_id(thing: Any, hint: Any = None) -> Any:
    """Add the request ID to the attributes of a log, metric or span, which have no tags."""
    attributes = thing.get("attributes") if isinstance(thing, dict) else None
    request_id = current_request_id()
    if isinstance(attributes, dict) and request_id is not None:
        attributes.setdefault("request_id", request_id)
    return thing


def _clean_attachment(attachment: Any, redactor: Redactor) -> Any:
    """Redact a text that is attached to an event; an attached file stays as it is."""
    data = attachment.bytes() if callable(attachment.bytes) else attachment.bytes
    try:
        text = bytes(data or b"").decode()
    except UnicodeDecodeError:  # not text: a picture, an archive
        return attachment
    clean = copy(attachment)  # the original belongs to Sentry's scope, for later events too
    clean.bytes = data and redactor.text(text).encode()
    return clean


def _make_blank(thing: Any) -> Any:
    """Return None; for a span, which cannot be dropped any more, an empty one."""
    if isinstance(thing, dict) and "is_segment" in thing:
        return {**thing, "name": REDACTED, "attributes": {}}
    return None


# Sentry serializes an event before `before_send`, and a frame's variables when the exception is
# captured: a namedtuple becomes a list, an object its repr. So they are redacted before that, while
# the names of their attributes are known.

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
    hooks = (hook, *hook.args) if isinstance(hook, partial) else (hook,)  # by init_sentry()
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
