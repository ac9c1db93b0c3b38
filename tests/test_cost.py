"""What a request costs, counted instead of timed: calls made, objects left."""

import gc
import io
import logging
import subprocess
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.counting import python_calls
from wsgi_observe import configure_logging, observe
from wsgi_observe.context import activate

App = Callable[..., Iterable[bytes]]

# Without an access line one is for the logging configuration, which that line compares else; with
# one, one is for the descriptor, which may have been reused since the last write.
CALLS = {"no access line": 19, "access line": 28, "health": 12}


def hello(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return iter((b"ok",))


def crash(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    raise ValueError("no")


def late_crash(environ: dict[str, Any], start_response: Callable[..., object]) -> Iterable[bytes]:
    start_response("200 OK", [])
    yield b"some"
    raise ValueError("no")


def request(app: App, path: str = "/") -> None:
    environ = {"REQUEST_METHOD": "GET", "SCRIPT_NAME": "", "PATH_INFO": path}
    body = app(environ, _start)
    try:
        for _ in body:
            pass
    except ValueError:
        pass
    finally:
        if hasattr(body, "close"):
            body.close()


def _start(status: str, headers: list[tuple[str, str]], exc_info: object = None) -> None:
    pass


def calls_of(app: App, path: str) -> int:
    """Count the Python-level calls and resumptions of one request."""
    request(app, path)
    activate(None)  # an ended request may have been left here, which is looked at
    return python_calls(request, app, path) - BARE_CALLS


BARE_CALLS = 3  # request, hello or the probe's answer, _start


@pytest.fixture
def lines(clean_logging: None) -> Callable[[], io.StringIO]:
    """Return a call after which log lines are made and written, where nobody reads them."""

    def begin() -> io.StringIO:
        configure_logging(log_format="json")
        root = logging.getLogger()
        # Those that pytest adds for each phase of a test keep every record.
        root.handlers[:] = [one for one in root.handlers if one.name == "wsgi_observe"]
        stream = io.StringIO()
        root.handlers[0].setStream(stream)  # type: ignore[attr-defined]
        return stream

    return begin


@pytest.mark.parametrize(
    ("what", "app", "path"),
    [
        pytest.param("no access line", observe(hello, access_log=False), "/", id="no access line"),
        pytest.param("access line", observe(hello), "/", id="access line"),
        pytest.param("health", observe(hello), "/health", id="health"),
    ],
)
def test_a_request_makes_no_more_calls_than_it_did(
    what: str, app: App, path: str, lines: Callable[[], io.StringIO]
) -> None:
    lines()
    assert calls_of(app, path) <= CALLS[what]


@pytest.mark.parametrize("app", [hello, crash, late_crash])
def test_ten_thousand_requests_leave_nothing_for_the_garbage_collector(
    app: App, lines: Callable[[], io.StringIO]
) -> None:
    observed, stream = observe(app), lines()
    for _ in range(50):
        request(observed)
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(10_000):
            request(observed)
            stream.seek(0)
            stream.truncate()
        growth = len(gc.get_objects()) - before
    finally:
        gc.enable()
        activate(None)
    assert growth < 50


def test_the_import_loads_nothing_that_only_some_need() -> None:
    code = "import sys, wsgi_observe; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
    heavy = {"asyncio", "difflib", "ipaddress", "logging.config"}
    heavy |= {"pickle", "pythonjsonlogger", "queue", "socket", "urllib.parse", "uuid"}
    heavy |= {"wsgi_observe.logs.formatters.json", "wsgi_observe.health.runner"}
    assert heavy.isdisjoint(done.stdout.decode().split())
