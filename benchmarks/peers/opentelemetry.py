"""OpenTelemetry's WSGI middleware with the SDK, whose spans go nowhere."""

from __future__ import annotations

from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.wsgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider

from benchmarks.apps import flask_hello


def app() -> Flask:
    """Return the hello with a span for each request."""
    trace.set_tracer_provider(TracerProvider())
    app = flask_hello()
    app.wsgi_app = OpenTelemetryMiddleware(app.wsgi_app)  # type: ignore[method-assign]
    return app
