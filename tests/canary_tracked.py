"""The app full of secrets, with everything that tells others of a failure switched on."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import sentry_sdk
from flask import Flask, request
from opentelemetry import trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.trace import StatusCode
from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.crons import capture_checkin
from sentry_sdk.scrubber import EventScrubber

from tests.canaries import planted
from tests.canary_app import make_app as make_canary_app
from tests.canary_objects import made
from wsgi_observe.opentelemetry import RedactingSpanProcessor, instrument
from wsgi_observe.sentry import init_sentry

HAS_LOGS = "enable_logs" in DEFAULT_OPTIONS  # sentry-sdk 2.18 has none
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
        **({"enable_logs": True} if HAS_LOGS else {}),
        event_scrubber=EventScrubber(denylist=[], pii_denylist=[]),
    )


def start_traces(path: Path) -> None:
    exporter: Any = SimpleSpanProcessor(ConsoleSpanExporter(out=path.open("w")))
    provider = TracerProvider()
    provider.add_span_processor(RedactingSpanProcessor(exporter) if REDACT else exporter)
    trace.set_tracer_provider(provider)
    instrument()


def tell_trackers() -> None:
    if request.endpoint == "follow":
        return
    tell_objects()
    tell_spans()
    sentry_sdk.get_current_scope().add_attachment(
        bytes=_pairs("attachment").encode(), filename="a.txt"
    )
    capture_checkin(monitor_slug=_pairs("check-in"), status="ok")
    with sentry_sdk.start_transaction(name=f"GET /pay?{_pairs('transaction')}"):
        pass
    sentry_sdk.add_breadcrumb(message="step", data={"deep": {"er": [planted("breadcrumb")]}})
    sentry_sdk.set_context("payment", {"methods": [planted("context")]})
    sentry_sdk.set_user({"id": 42, "profile": planted("user")})
    sentry_sdk.set_extra("last", {"job": planted("sentry extra")})
    for name, secret in planted("tag").items():
        sentry_sdk.set_tag(name, secret)
    with sentry_sdk.start_span(op="pay") as one:
        for name, secret in planted("sentry span").items():
            one.set_data(name, secret)
        for name, held in made(planted("span object")).items():
            one.set_data(f"held by {name}", held)
    for name, secret in planted("span").items():
        trace.get_current_span().set_attribute(name, secret)


def tell_objects() -> None:
    for name, held in made(planted("breadcrumb object")).items():
        sentry_sdk.add_breadcrumb(message=name, data={"held": held})
    sentry_sdk.set_context("held", made(planted("context object")))
    for name, held in made(planted("tag object")).items():
        sentry_sdk.set_tag(f"held by {name}", held)
    sentry_sdk.set_user({"id": 42, "held": made(planted("user object"))})
    held = [*made(planted("extra object")).values()]
    sentry_sdk.set_extra("first", held[:7])  # Sentry shows ten of each list
    sentry_sdk.set_extra("second", held[7:])


def tell_spans() -> None:
    with trace.get_tracer("canary").start_as_current_span("pay") as span:
        span.add_event("asked", planted("span event"))
        span.record_exception(ValueError(_pairs("span exception")))
        span.set_status(StatusCode.ERROR, _pairs("span status"))


def _pairs(place: str) -> str:
    return ", ".join(f"{name}={secret}" for name, secret in planted(place).items())
