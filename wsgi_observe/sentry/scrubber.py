"""Sentry hooks (``before_send`` and others) that redact what is sent."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

from wsgi_observe._safely import warn_once
from wsgi_observe.context import current_request_id
from wsgi_observe.redaction import REDACTED, Redactor
from wsgi_observe.redaction.path_secrets import with_request_secrets
from wsgi_observe.sentry import payload
from wsgi_observe.sentry.dedupe import unmark_sent
from wsgi_observe.wsgi.exceptions import any_failure

Hook = Callable[[Any, Any], Any]

# sentry-sdk keeps or sends what it gave to these if they fail; other hooks drop it.
_NEVER_DROPPED_HOOKS = ("before_send_span", "before_breadcrumb")


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
            if isinstance(hint, dict) and hint.get("attachments"):
                _clean_attachments(hint, with_request_secrets(self.redactor))
            return payload.redact_payload(
                add_request_id(thing), with_request_secrets(self.redactor)
            )
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


def chain_hooks(user_hook: Hook | None, final_hook: Hook, name: str) -> Hook:
    """Return a hook that calls the user's own hook, then `final_hook` with its result."""
    if user_hook is None:
        return final_hook

    return partial(_call_both, user_hook, final_hook, name)


def _call_both(user_hook: Hook, final_hook: Hook, name: str, thing: Any, hint: Any) -> Any:
    try:
        result = user_hook(thing, hint)
    except any_failure():
        if name not in _NEVER_DROPPED_HOOKS:
            raise  # Sentry drops it, and counts it
        result = thing
    if result is None:
        unmark_sent(hint)
        return None
    return final_hook(result, hint)


def _clean_attachments(hint: dict[str, Any], redactor: Redactor) -> None:
    """Redact the texts attached to an event; attached files stay as they are."""
    hint["attachments"] = [_clean_attachment(one, redactor) for one in hint["attachments"]]


def _clean_attachment(attachment: Any, redactor: Redactor) -> Any:
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
