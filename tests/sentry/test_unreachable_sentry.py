"""A Sentry that is dead, slow or refuses: no request waits for it, and the log says so once."""

from __future__ import annotations

import json

import pytest

from tests.marks import first_by_default
from tests.sentry.child import run
from tests.sentry.endpoint import sentry_endpoint

LONGER_THAN_ITS_QUEUE = 150
MANY = 30


def failing(times: int) -> str:
    return f"""
from flask import Flask
from wsgi_observe.flask import Observe
# Without what Sentry imports to look whether it is in use, which takes a second.
init_sentry(traces_sample_rate=1.0, shutdown_timeout=0.2, auto_enabling_integrations=False)
app = Flask("shop")
Observe(app)
@app.get("/")
def fail():
    raise ValueError("no")
print("answered", [call(app).code for _ in range({times})].count(500))
"""


@pytest.mark.slow
def test_while_it_hangs_every_request_is_answered_and_the_process_ends() -> None:
    with sentry_endpoint() as endpoint:
        endpoint.released.clear()
        process = run(
            endpoint, failing(LONGER_THAN_ITS_QUEUE)
        )  # it ends while the first event still hangs
        assert endpoint.bodies == []
        assert endpoint.requests <= 2
    assert f"answered {LONGER_THAN_ITS_QUEUE}" in process.stdout


@pytest.mark.parametrize("status", first_by_default([503, 429, 500]))
def test_while_it_refuses_every_request_is_answered(status: int) -> None:
    with sentry_endpoint() as endpoint:
        endpoint.status = status
        process = run(endpoint, failing(MANY))
    assert f"answered {MANY}" in process.stdout


def test_where_nobody_listens_one_line_says_so() -> None:
    with sentry_endpoint() as endpoint:
        pass
    process = run(endpoint, failing(MANY), dsn=f"http://public@127.0.0.1:{endpoint.port}/1")
    assert f"answered {MANY}" in process.stdout
    lines = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    warnings = [line["logger"] for line in lines if line["level"] == "WARNING"]
    assert warnings == ["urllib3.connectionpool"]
