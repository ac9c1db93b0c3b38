"""The examples for Sentry and OpenTelemetry: what they send, each in a process of its own."""

from __future__ import annotations

from tests.docs.pages import blocks
from tests.sentry.child import run
from tests.sentry.endpoint import sentry_endpoint

OWN_INIT, OWN_RULES = [text for text in blocks("sentry", "python") if "sentry_sdk.init" in text]
(TRACING,) = [text for text in blocks("tracing", "python") if "instrument()" in text]

FAIL = """
def app(environ, start_response):
    raise ValueError("password=hunter2-canary")
call(observe(app), HTTP_X_REQUEST_ID="abc")
"""


def test_an_init_of_ones_own_sends_the_failure_without_its_secret() -> None:
    with sentry_endpoint() as endpoint:
        run(endpoint, OWN_INIT + FAIL)
        (event,) = endpoint.events
    assert event["tags"]["request_id"] == "abc"
    assert event["exception"]["values"][0]["value"] == "password=[REDACTED]"


def test_an_init_of_ones_own_redacts_by_rules_of_ones_own_objects_included() -> None:
    work = """
from collections import namedtuple
sentry_sdk.set_context("shop", {"order": namedtuple("Order", "order_note")("hunter2-canary")})
sentry_sdk.capture_message("EMP-00042 of jane@shop.example")
"""
    with sentry_endpoint() as endpoint:
        run(endpoint, OWN_RULES + work)
        (event,) = endpoint.events
    assert event["message"] == "[REDACTED] of [REDACTED]"
    assert b"hunter2-canary" not in endpoint.raw
    assert event["contexts"]["shop"]["order"]


def test_traces_are_on_the_lines() -> None:
    work = """
with log_context("job-7"), trace.get_tracer("shop").start_as_current_span("token=hunter2-canary"):
    logging.info("working")
"""
    with sentry_endpoint() as endpoint:
        process = run(endpoint, TRACING + work)
    assert '"trace_flags":"0' in process.stdout
    assert '"request_id": "job-7"' in process.stdout
    assert "token=[REDACTED]" in process.stdout
