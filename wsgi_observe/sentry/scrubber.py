"""The hooks that Sentry calls last, before anything leaves the process."""

from __future__ import annotations

from collections.abc import Callable
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
        self._redactor = redactor or Redactor(personal=True)

    def __call__(self, thing: Any, hint: Any = None) -> Any:
        """Return `thing` (an event, a transaction, a breadcrumb, a log, …) without secrets."""
        try:
            return payload.without_secrets(tag(thing), in_this_request(self._redactor))
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

    def hook(thing: Any, hint: Any) -> Any:
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

    return hook


def _blank(thing: Any) -> Any:
    """Return None, or what is left of a span, which cannot be dropped any more."""
    if isinstance(thing, dict) and "is_segment" in thing:
        return {**thing, "name": REDACTED, "attributes": {}}
    return None
