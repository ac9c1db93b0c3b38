"""Gunicorn as a user starts it: an app of theirs, and wsgi_observe by configuration alone."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support import Server, descendants, eventually, running

ROOT = Path(__file__).parents[2]
BY_LOGGER = ("--logger-class", "wsgi_observe.gunicorn.Logger")
BY_CONFIG = ("-c", "python:wsgi_observe.gunicorn")
PLAIN = "tests.gunicorn.plain:app"

KINDS = {
    "sync": ("-k", "sync"),
    "gthread": ("-k", "gthread", "--threads", "4"),
    "gevent": ("-k", "gevent"),
}


@contextmanager
def gunicorn(*options: str, door: tuple[str, ...] = BY_LOGGER, **more: Any) -> Iterator[Server]:
    """Start it with our door, and wait until a worker serves."""
    with bare(*door, *options, **more) as server:
        server.wait_for(lambda: boots(server))
        yield server


@contextmanager
def bare(
    *options: str, app: str = PLAIN, env: Mapping[str, str] | None = None, cwd: Path = ROOT
) -> Iterator[Server]:
    """Start one worker, or as many as the options say, and stop it however the block ends."""
    # The script: what `python -m gunicorn` executes anew (USR2) finds Gunicorn's own `http` first.
    script = str(Path(sys.executable).with_name("gunicorn"))
    command = [sys.executable, script, "-b", "127.0.0.1:0", *options, app]
    environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **(env or {})}
    with running(*command, cwd=cwd, env=environment) as server:
        yield server


def boots(server: Server) -> list[dict[str, Any]]:
    """The boot lines so far."""
    return [line for line in server.records if line["message"].startswith("worker booted")]


def lines_with(server: Server, text: str) -> list[dict[str, Any]]:
    """The lines with `text` in their message so far."""
    return [line for line in server.records if text in line["message"]]


def access_of(server: Server, request_id: str) -> dict[str, Any]:
    """The one access line of a request, ours."""
    lines = server.log_of(request_id)
    (access,) = [line for line in lines if line["logger"] == "wsgi_observe.access"]
    return access


def workers(server: Server) -> list[int]:
    return descendants(server.process.pid)


def reload(server: Server) -> None:
    """Have every worker replaced, and wait until the old ones have been reaped.

    A signal to all workers that reaches one while its interpreter ends would kill it: Python has
    put the default handlers back by then, and Gunicorn reports such a death as an ERROR.
    """
    before, booted = set(workers(server)), len(boots(server))
    os.kill(server.process.pid, signal.SIGHUP)
    server.wait_for(lambda: len(boots(server)) >= booted + len(before))
    eventually(lambda: before.isdisjoint(descendants(server.process.pid)))
