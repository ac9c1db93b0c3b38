"""The README's examples that change a process for good, each in a process of its own."""

from __future__ import annotations

import re

import pytest

from tests.sentry.child import ROOT, run
from tests.sentry.endpoint import sentry_endpoint

FOUND = re.findall(r"```py\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
SNIPPETS = [one for one in FOUND if "sentry" in one or "opentelemetry" in one]

FAIL = """
def app(environ, start_response):
    raise ValueError("password=hunter2-canary")
call(observe(app), HTTP_X_REQUEST_ID="abc")
"""


@pytest.mark.parametrize("snippet", [one for one in SNIPPETS if "sentry" in one])
def test_an_init_of_ones_own_sends_the_failure_without_its_secret(snippet: str) -> None:
    with sentry_endpoint() as endpoint:
        run(endpoint, snippet + FAIL)
        (event,) = endpoint.events
    assert event["tags"]["request_id"] == "abc"
    assert event["exception"]["values"][0]["value"] == "password=[REDACTED]"


@pytest.mark.parametrize("snippet", [one for one in SNIPPETS if "opentelemetry" in one])
def test_traces_are_on_the_lines(snippet: str) -> None:
    work = """
with log_context("job-7"), trace.get_tracer("shop").start_as_current_span("token=hunter2-canary"):
    logging.info("working")
"""
    with sentry_endpoint() as endpoint:
        process = run(endpoint, snippet + work)
    assert '"trace_flags":"0' in process.stdout
    assert '"request_id": "job-7"' in process.stdout
    assert "token=[REDACTED]" in process.stdout


def test_both_are_there() -> None:
    assert len(SNIPPETS) == 2
