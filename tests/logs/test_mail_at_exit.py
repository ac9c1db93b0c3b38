"""The last mails of a worker of Gunicorn, of whatever kind: they are sent before it is gone."""

from __future__ import annotations

import signal

import pytest

from tests.logs.mailbox import mailbox
from tests.marks import first_by_default
from tests.servers.gunicorn import WORKERS, gunicorn
from tests.support import Server, eventually


def fail(server: Server, number: int) -> None:
    assert server.get("/raise/error", {"X-Request-ID": f"mailed-{number}"}).status == 500
    server.log_of(f"mailed-{number}")


@pytest.mark.slow
@pytest.mark.parametrize("kind", first_by_default(["gthread", "sync", "gevent"]))
@pytest.mark.parametrize("seconds", first_by_default([0.3, 0.0]), ids=["slow", "idle"])
def test_the_last_mails_leave_before_the_worker_does(kind: str, seconds: float) -> None:
    with mailbox() as box:
        box.delay = seconds
        at = {"mail_host": f"127.0.0.1:{box.port}", "mail_from": "a@example.com"}
        with gunicorn(*WORKERS[kind], mail_to="ops@example.com", **at) as server:
            for number in range(4):
                fail(server, number)
            if not seconds:
                eventually(lambda: len(box.envelopes) == 4)  # the thread waits for more by then
            assert server.stop(signal.SIGTERM) == 0
        assert len(box.envelopes) == 4
        errors = [line for line in server.records if line["level"] in ("ERROR", "CRITICAL")]
        assert {line["request_id"] for line in errors} == {f"mailed-{n}" for n in range(4)}
        assert len(errors) == 4
        assert [line for line in server.lines if "Traceback" in line[:20]] == []
