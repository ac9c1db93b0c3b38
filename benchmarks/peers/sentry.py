"""Sentry's WSGI wrapper with a transport that drops what it is given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sentry_sdk
from sentry_sdk.envelope import Envelope
from sentry_sdk.integrations.wsgi import SentryWsgiMiddleware
from sentry_sdk.transport import Transport

from benchmarks.apps import flask_hello

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


class Dropping(Transport):
    """Send nothing anywhere."""

    def capture_envelope(self, envelope: Envelope) -> None:
        """Drop it."""


def errors() -> WSGIApplication:
    """Return the hello whose errors alone would be sent."""
    return _wrapped(traces_sample_rate=None)


def traces() -> WSGIApplication:
    """Return the hello with a transaction for each request, as the page on WSGI has it."""
    return _wrapped(traces_sample_rate=1.0)


def _wrapped(traces_sample_rate: float | None) -> WSGIApplication:
    sentry_sdk.init(
        dsn="https://key@sentry.invalid/0",
        send_default_pii=True,
        traces_sample_rate=traces_sample_rate,
        transport=Dropping(),
        # The one for Flask would wrap every Flask app, the bare one too.
        auto_enabling_integrations=False,
    )
    return SentryWsgiMiddleware(flask_hello())
