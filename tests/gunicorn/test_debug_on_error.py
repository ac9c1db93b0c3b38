"""``debug_on_error`` under Gunicorn: the lines of requests that fail, are slow or die."""

from __future__ import annotations

from contextlib import suppress
from http.client import HTTPException

import pytest

from tests.gunicorn.serving import KINDS, gunicorn
from tests.marks import first_by_default

APP = "tests.gunicorn.debugging:app"
ON = {"WSGI_OBSERVE_DEBUG_ON_ERROR": "1"}


@pytest.mark.parametrize("kind", first_by_default(KINDS))
def test_a_request_that_fails_has_its_debug_lines_and_another_has_none(kind: str) -> None:
    with gunicorn(*KINDS[kind], app=APP, env=ON) as server:
        server.get("/ok", {"X-Request-ID": "good"})
        server.get("/boom", {"X-Request-ID": "bad"})
        server.wait_for(lambda: len(server.log_of("bad")) == 3)
        assert [line["message"] for line in server.log_of("bad")] == [
            "reading /boom",
            "GET /boom failed",
            "GET /boom 500",
        ]
        assert [line["message"] for line in server.log_of("good")] == ["GET /ok 200"]


@pytest.mark.parametrize("kind", first_by_default(KINDS))
def test_a_request_that_a_signal_ends_has_its_debug_lines_before_the_line_of_its_death(
    kind: str,
) -> None:
    env = {**ON, "WSGI_OBSERVE_SLOW_REQUEST_SECONDS": "0"}
    with gunicorn(
        *KINDS[kind], "--timeout", "1", "--graceful-timeout", "1", app=APP, env=env
    ) as server:
        with suppress(OSError, HTTPException):
            server.get("/kill", {"X-Request-ID": "dying"})
        # gthread waits for its threads, until the arbiter kills it.
        server.wait_for(lambda: "ERROR" in [one["level"] for one in server.lines_of("dying")])
        held, death, *_ = server.lines_of("dying")
    assert (held["message"], held["buffered"], held["path"]) == ("reading /kill", True, "/kill")
    assert (death["level"], death["outcome"]) == ("ERROR", "died")


@pytest.mark.parametrize("kind", first_by_default(KINDS))
def test_a_slow_request_has_its_debug_lines_before_the_line_that_names_it(kind: str) -> None:
    slow = {**ON, "WSGI_OBSERVE_SLOW_REQUEST_SECONDS": "0.2"}
    with gunicorn(*KINDS[kind], app=APP, env=slow) as server:
        server.get("/slow", {"X-Request-ID": "slow"})
        held, warning, access = server.log_of("slow")
    assert (held["message"], held["buffered"]) == ("reading /slow", True)
    assert "has run for" in warning["message"]
    assert access["message"] == "GET /slow 200"
