"""A worker as a child process, and the requests that ask it for jobs."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.calls import call
from tests.support import Server, start
from wsgi_observe import bind_user, observe

ROOT = Path(__file__).parents[2]
KEY = "k" * 32
TRACE = "0af7651916cd43dd8448eb211c80319c"
JANE = "4f55462a"  # how the pseudonym of Jane begins


@contextmanager
def working(*command: str, env: Mapping[str, str]) -> Iterator[Server]:
    """Start a worker in a session of its own, and end whatever is left of it."""
    worker = start(command, ROOT, {"PYTHONPATH": str(ROOT), **env})
    try:
        yield worker
    finally:
        _stop_or_kill(worker)


def _stop_or_kill(worker: Server) -> None:
    try:
        worker.stop()
    except subprocess.TimeoutExpired:
        worker.kill()
        raise
    finally:
        with suppress(ProcessLookupError):
            os.killpg(worker.process.pid, signal.SIGKILL)


def request(work: Callable[[], Any], request_id: str) -> Any:
    """Do `work` in a request of Jane's that has a trace, and return its result."""
    results = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        bind_user("jane")
        results.append(work())
        start_response("204 No Content", [])
        return []

    traceparent = f"00-{TRACE}-b7ad6b7169203331-01"
    observed = observe(app, user_key=KEY)
    trace = {"HTTP_TRACEPARENT": traceparent, "HTTP_TRACESTATE": "congo=t61"}
    call(observed, HTTP_X_REQUEST_ID=request_id, **trace)
    return results[0]


def lines_of(worker: Server, request_id: str, *messages: str) -> list[dict[str, Any]]:
    """All lines under an ID, once each of the texts is in one of them; each has the whole context.

    :param messages: what to wait for.
    """

    def has_all() -> bool:
        texts = [line["message"] for line in worker.lines_of(request_id)]
        return all(any(wanted in text for text in texts) for wanted in messages)

    worker.wait_for(has_all)
    return worker.lines_of(request_id)


def errors_of(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if line["level"] in ("ERROR", "CRITICAL")]
