"""Gunicorn with the app whose requests die, and what one sees of it."""

from __future__ import annotations

import http.client
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.servers.gunicorn import ROOT, WORKERS
from tests.support import Answer, Server, eventually, running
from wsgi_observe.scoreboard.client import iter_worker_reports
from wsgi_observe.scoreboard.scoreboard import Scoreboard


@contextmanager
def mortal(kind: str, *options: str, app: str = "app", **env: str) -> Iterator[Server]:
    """Start it, with timeouts that a test can wait for; all that it says has to be JSON."""
    command = [
        *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", "1"),
        *("--timeout", "3", "--graceful-timeout", "1", *WORKERS[kind]),
        # gevent patches in the worker, too late for what is imported before.
        *(() if kind == "gevent" else ("-c", "python:tests.servers.early_conf")),
        *("--logger-class", "wsgi_observe.gunicorn.Logger", *options, f"tests.servers.dying:{app}"),
    ]
    env = {"WSGI_OBSERVE_LOG_FORMAT": "json", "GUNICORN_TEST_HANDLER": "1", **env}
    with running(*command, cwd=ROOT, env=env) as server:
        await_service(server)
        yield server
    assert [line for line in server.lines if not line.startswith("{")] == []


def await_service(server: Server) -> None:
    """Wait until it serves: a signal to a worker that is about to boot would be lost."""

    def asks() -> bool:
        with suppress(OSError, http.client.HTTPException):
            return server.get("/ok").status == 200
        return False

    eventually(asks)


def flying(server: Server) -> dict[str | None, int]:
    """The requests that run there now, each with its worker."""
    return {
        request.request_id: worker_entry.pid
        for worker_entry in Scoreboard.of_process(server.process.pid).worker_entries
        for request in worker_entry.read_requests().requests.values()
    }


def is_in_the_app(worker: int, request_id: str) -> bool:
    """Whether a request has come as far as its view."""
    return any(
        "dying.py" in (one.stack or "")
        for report in iter_worker_reports(worker)
        for one in report.requests
        if one.request.request_id == request_id
    )


def see(server: Server, path: str, request_id: str) -> Answer | None:
    """Ask, and return the answer, None for a connection that broke."""
    try:
        return server.request("GET", path, headers={"X-Request-ID": request_id})
    except (http.client.HTTPException, ConnectionError):
        return None


def errors(server: Server, request_id: str) -> list[dict[str, Any]]:
    """The lines that name a request as a failure."""
    grave = ("ERROR", "CRITICAL")
    return [line for line in server.lines_of(request_id) if line["level"] in grave]
