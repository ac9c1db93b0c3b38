"""One exception is one event, wherever it was raised and whoever else looks for it."""

from __future__ import annotations

import json
import os
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.fork_server import fork_server
from tests.marks import mark_slow
from tests.sentry.endpoint import sentry_endpoint
from tests.support import PATIENCE

IN_FLASK = ("view.7", "logged", "handled", "captured", "leave", "teardown", "first", "midway")
EXPECTED = Counter(
    [
        *(f"{host}.{name}" for host in ("observe", "extension") for name in IN_FLASK),
        "extension.spoilt",
        *("bare.crash", "outside.crash", "inside.crash", "one.again", "two.again", "job.request"),
    ]
)


@cache
def fail_in_every_way(*integrations: str) -> list[dict[str, Any]]:
    with sentry_endpoint() as endpoint:
        fork_server().run(
            "import runpy; runpy.run_module('tests.sentry.failures', run_name='__main__')",
            json.dumps(integrations),
            env={**os.environ, "SENTRY_DSN": endpoint.dsn},
            timeout=PATIENCE * 3,
        ).check_returncode()
    return endpoint.events


@pytest.mark.parametrize(
    "integrations",
    [
        pytest.param(("defaults",), id="all"),
        pytest.param((), id="none"),
        *map(
            mark_slow,
            [
                pytest.param(("flask",), id="flask"),
                pytest.param(("logging",), id="logging"),
                pytest.param(("threading",), id="threading"),
                pytest.param(("flask", "logging"), id="flask and logging"),
                pytest.param(("logging", "observe", "flask"), id="ours added after theirs"),
            ],
        ),
    ],
)
def test_each_failure_is_one_event_under_its_request_id(integrations: tuple[str, ...]) -> None:
    events = fail_in_every_way(*integrations)
    assert Counter(event["tags"]["request_id"] for event in events) == EXPECTED


def test_an_event_is_complete() -> None:
    events = fail_in_every_way("defaults")
    by_id = {event["tags"]["request_id"]: event for event in events}
    for host in ("observe", "extension"):
        event = by_id[f"{host}.view.7"]
        (error,) = event["exception"]["values"]
        frames = error["stacktrace"]["frames"]
        last = frames[-1]
        assert (error["type"], error["value"]) == ("FailureError", f"failure:view:{host}")
        assert (last["function"], Path(last["filename"]).name) == ("fail", "failures.py")
        assert isinstance(last["lineno"], int)
        assert not [f for f in frames if f["module"].startswith("wsgi_observe") and f["in_app"]]
        assert "raise FailureError" in last["context_line"]
        assert (event["release"], event["environment"]) == ("shop@1.2", "test")
        assert event["request"]["method"] == "GET"
        assert event["request"]["url"] == f"http://{host}/view/7"
        assert event["transaction"] == "view"
        assert event["user"] == {"id": "ab12"}
        assert event["contexts"]["bound"]["order_id"] == 7
    assert by_id["extension.view.7"]["tags"]["route"] == "/view/<int:number>"
    assert by_id["bare.crash"]["request"] == {"method": "GET", "url": "http://bare/crash"}
    assert by_id["bare.crash"]["exception"]["values"][0]["mechanism"]["handled"] is False
