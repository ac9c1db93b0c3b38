"""Sentry by configuration alone: each failure arrives once, from each kind of worker."""

import pytest

from tests.gunicorn.serving import KINDS, gunicorn
from tests.marks import first_by_default
from tests.sentry.endpoint import sentry_endpoint


@pytest.mark.parametrize("kind", first_by_default(["gthread", "sync", "gevent"]))
@pytest.mark.parametrize("preload", first_by_default([("--preload",), ()]), ids=["preload", ""])
def test_a_failure_is_one_event_under_its_request_id(kind: str, preload: tuple[str, ...]) -> None:
    with sentry_endpoint() as endpoint:
        env = {"WSGI_OBSERVE_SENTRY": "1", "SENTRY_DSN": endpoint.dsn}
        with gunicorn(*KINDS[kind], *preload, env=env) as server:
            for path in ("/", "/crash", "/missing"):
                server.get(path, {"X-Request-ID": f"sentry{path.replace('/', '-')}"})
            endpoint.wait_for_events(1)
            assert server.stop() == 0
            assert [line for line in server.lines if not line.startswith("{")] == []
    (event,) = endpoint.events
    assert event["exception"]["values"][-1]["type"] == "ValueError"
    assert event["tags"]["request_id"] == "sentry-crash"
