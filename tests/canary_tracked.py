"""The app full of secrets, with everything that tells others of a failure switched on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sentry_sdk
from flask import Flask
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from sentry_sdk.scrubber import EventScrubber

from tests.canaries import planted
from tests.canary_app import make_app as make_canary_app
from wsgi_observe.opentelemetry import RedactingSpanProcessor, instrument
from wsgi_observe.sentry import init_sentry

REDACT = os.environ["CANARY_REDACT"] == "on"


def make_app() -> Flask:
    start_sentry()
    start_traces(Path(os.environ["CANARY_SPANS"]))
    app = make_canary_app()
    FlaskInstrumentor().instrument_app(app)
    app.before_request(tell_trackers)
    return app


def start_sentry() -> None:
    """Have it send all it can, its own scrubber out of the way."""
    init_sentry(
        redact=REDACT,
        send_default_pii=True,
        include_local_variables=True,
        max_request_body_size="always",
        traces_sample_rate=1.0,
        enable_logs=True,
        event_scrubber=EventScrubber(denylist=[], pii_denylist=[]),
    )


def start_traces(path: Path) -> None:
    exporter: Any = SimpleSpanProcessor(ConsoleSpanExporter(out=path.open("w")))
    provider = TracerProvider()
    provider.add_span_processor(RedactingSpanProcessor(exporter) if REDACT else exporter)
    trace.set_tracer_provider(provider)
    instrument()


def tell_trackers() -> None:
    sentry_sdk.add_breadcrumb(message="step", data={"deep": {"er": [planted("breadcrumb")]}})
    sentry_sdk.set_context("payment", {"methods": [planted("context")]})
    sentry_sdk.set_user({"id": 42, "profile": planted("user")})
    sentry_sdk.set_extra("last", {"job": planted("sentry extra")})
    for name, secret in planted("tag").items():
        sentry_sdk.set_tag(name, secret)
    with sentry_sdk.start_span(op="pay") as one:
        for name, secret in planted("sentry span").items():
            one.set_data(name, secret)
    for name, secret in planted("span").items():
        trace.get_current_span().set_attribute(name, secret)
