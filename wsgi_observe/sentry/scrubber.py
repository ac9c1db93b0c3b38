"""The hooks that Sentry calls last, before anything leaves the process."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from functools import partial
from typing import Any

from wsgi_observe.core.context import current_request_id
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.masked import in_this_request
from wsgi_observe.core.once import warn_once
from wsgi_observe.core.redact import REDACTED, Redactor
from wsgi_observe.sentry import payload
from wsgi_observe.sentry.occurrence import forget

Hook = Callable[[Any, Any], Any]

# With these, what a hook does not give back is sent, or kept, as it was.
_NEVER_DROPPED = ("before_send_span", "before_breadcrumb")


class Scrubber:
    """Take secrets out of whatever Sentry's ``before_…`` hooks are given; for any of them.

    What it cannot read is dropped; that is said once, and counted in `dropped`.

    :param redactor: knows what is secret; by default also cards and e-mail addresses.
    """

    dropped = 0
    """How many things of this process nobody could read; one count for all scrubbers."""

    def __init__(self, redactor: Redactor | None = None) -> None:
        self.redactor = redactor or Redactor(personal=True)

    def __call__(self, thing: Any, hint: Any = None) -> Any:
        """Return `thing` (an event, a transaction, a breadcrumb, a log, …) without secrets."""
        try:
            if isinstance(hint, dict) and hint.get("attachments"):
                _clean_attachments(hint, in_this_request(self.redactor))
            return payload.without_secrets(tag(thing), in_this_request(self.redactor))
        except any_failure():
            Scrubber.dropped += 1
            warn_once("taking secrets out of what goes to Sentry, so it is dropped,")
            return _blank(thing)


scrub = Scrubber()
"""For an ``init`` of your own: ``sentry_sdk.init(…, before_send=scrub)``, and any other hook."""


def tag(thing: Any, hint: Any = None) -> Any:
    """Return `thing` with the request's ID, where it is one that has no tags: a log, a span."""
    attributes = thing.get("attributes") if isinstance(thing, dict) else None
    request_id = current_request_id()
    if isinstance(attributes, dict) and request_id is not None:
        attributes.setdefault("request_id", request_id)
    return thing


def chained(own: Hook | None, last: Hook, name: str) -> Hook:
    """Return the hook that asks the user's own first."""
    if own is None:
        return last

    return partial(_ask_both, own, last, name)


def _ask_both(own: Hook, last: Hook, name: str, thing: Any, hint: Any) -> Any:
    try:
        kept = own(thing, hint)
    except any_failure():
        if name not in _NEVER_DROPPED:
            raise  # Sentry drops it, and counts it
        kept = thing
    if kept is None:
        forget(hint)
        return None
    return last(kept, hint)


def _clean_attachments(hint: dict[str, Any], redactor: Redactor) -> None:
    """Take secrets out of the texts that are attached to an event; files stay what they are."""
    hint["attachments"] = [_clean_attachment(one, redactor) for one in hint["attachments"]]


def _clean_attachment(attachment: Any, redactor: Redactor) -> Any:
    data = attachment.bytes() if callable(attachment.bytes) else attachment.bytes
    try:
        text = bytes(data or b"").decode()
    except UnicodeDecodeError:  # no text: a picture, an archive
        return attachment
    clean = copy(attachment)  # the scope's own is for its other events too
    clean.bytes = data and redactor.text(text).encode()
    return clean


def _blank(thing: Any) -> Any:
    """Return None, or what is left of a span, which cannot be dropped any more."""
    if isinstance(thing, dict) and "is_segment" in thing:
        return {**thing, "name": REDACTED, "attributes": {}}
    return None
