"""An app whose requests end in every way that there is."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
import threading
import time
from asyncio import CancelledError
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from flask import Flask, Response, g, request

from wsgi_observe import current_request_id, log_context, observe

app = Flask("dying")


@app.get("/ok")
def ok() -> str:
    return "ok"


@app.get("/pid")
def pid() -> str:
    return str(os.getpid())


@app.get("/sleep")
def sleep() -> str:
    """Wait, where signals get through."""
    for _ in range(int(float(request.args["seconds"]) / 0.02)):
        time.sleep(0.02)
    return "awake"


@app.get("/busy")
def busy() -> str:
    """Keep the thread, and under gevent all of its worker."""
    until = time.monotonic() + float(request.args["seconds"])
    while time.monotonic() < until:
        pass
    return "done"


@app.get("/deaf")
def deaf() -> str:
    """Keep Python's lock: no thread of the process runs, and no handler of a signal."""
    mutex = ctypes.create_string_buffer(64)
    for _ in range(2):
        ctypes.PyDLL(None).pthread_mutex_lock(mutex)
    return "awake"


@app.get("/abort")
def abort() -> str:
    """Die as a library does that finds its own state impossible."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


@app.get("/stubborn")
def stubborn() -> str:
    """Catch what is to end it, and go on."""
    for _ in range(1000):
        try:
            time.sleep(0.02)
        except BaseException:
            continue
    return "awake"


@app.get("/stream")
def stream() -> Response:
    def chunks() -> Iterator[str]:
        yield "begun\n" * 200
        # In the app all the time: what ends the request may not meet the server's code instead.
        for _ in range(1000):
            time.sleep(0.02)
        yield "more\n"

    return Response(chunks(), mimetype="text/plain")


@app.get("/raise/<kind>")
def fail(kind: str) -> str:
    raise _failure(kind)


@app.get("/first-chunk/<kind>")
def first_chunk(kind: str) -> Response:
    def chunks() -> Iterator[str]:
        raise _failure(kind)
        yield

    return Response(chunks())


@app.get("/mid-stream/<kind>")
def mid_stream(kind: str) -> Response:
    def chunks() -> Iterator[str]:
        yield "half"
        raise _failure(kind)

    return Response(chunks())


@app.get("/os-exit/<int:code>")
def os_exit(code: int) -> str:
    os._exit(code)


@app.get("/os-exit-mid-stream")
def os_exit_mid_stream() -> Response:
    def chunks() -> Iterator[str]:
        yield "half"
        time.sleep(0.1)
        os._exit(7)

    return Response(chunks())


@app.get("/reset/<token>")
def reset(token: str) -> str:
    os._exit(7)


@app.get("/signal/<name>")
def kill_itself(name: str) -> str:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.kill(os.getpid(), signal.Signals[name])
    time.sleep(20)
    return "alive"


@app.get("/segfault")
def segfault() -> str:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)
    return "alive"


@app.get("/recursion")
def recursion() -> str:
    def deeper() -> None:
        deeper()

    deeper()
    return "deep"


@app.get("/memory")
def memory() -> str:
    limit = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (2**31, limit[1]))
    try:
        return str(len(bytearray(2**34)))
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limit)


@app.get("/close/<kind>")
def close(kind: str) -> Response:
    class Closing(list[bytes]):
        def close(self) -> None:
            raise _failure(kind)

    return app.response_class(Closing([b"whole"]), direct_passthrough=True)


@app.get("/teardown")
def teardown() -> str:
    g.fails = True
    return "ok"


@app.teardown_request
def fail_in_teardown(error: BaseException | None) -> None:
    if g.pop("fails", False):
        raise ValueError("teardown")


@app.get("/signal-handler")
def signal_handler() -> str:
    """Have a handler raise in the thread that handlers run in."""
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    time.sleep(0.5)
    return "quiet"


@app.get("/thread")
def thread() -> str:
    """Fail in a thread beside the request."""
    beside = threading.Thread(target=_job, args=(current_request_id(),))
    beside.start()
    beside.join()
    return "ok"


def _job(caller: str | None) -> None:
    with log_context(caller):
        raise ValueError("beside")


@app.get("/thrown")
def thrown() -> str:
    """Be ended by another thread, as some libraries do for a timeout of their own."""
    target, error = ctypes.c_ulong(threading.get_ident()), ctypes.py_object(SystemExit)
    throw = ctypes.pythonapi.PyThreadState_SetAsyncExc
    threading.Thread(target=throw, args=(target, error)).start()
    for _ in range(500):
        time.sleep(0.01)
    return "unharmed"


@app.get("/greenlet")
def greenlet() -> str:
    """Fail in a greenlet beside the request."""
    import gevent

    beside = gevent.spawn(_job, current_request_id())
    beside.join()
    return "ok"


@app.get("/kill")
def kill_greenlet() -> str:
    """Have another greenlet kill the one of the request."""
    import gevent

    gevent.spawn(gevent.kill, gevent.getcurrent())
    gevent.sleep(20)
    return "unharmed"


@app.get("/exit-handler")
def exit_handler() -> str:
    """Have a handler exit, in the midst of the request's own code."""
    signal.signal(signal.SIGUSR2, lambda *_: sys.exit(7))
    signal.raise_signal(signal.SIGUSR2)
    return "unharmed"


@app.get("/fork/<how>")
def fork(how: str) -> str:
    child = os.fork()
    if not child:
        if how == "dies":
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(0)
    _wait_for(child)
    return "ok"


def _wait_for(child: int) -> None:
    # That of gevent misses a child that ends at once, now and then, on a bare Gunicorn too.
    monkey = sys.modules.get("gevent.monkey")
    waitpid = monkey.get_original("os", "waitpid") if monkey else os.waitpid
    with suppress(ChildProcessError):  # reaped by gevent
        waitpid(child, 0)


def _failure(kind: str) -> BaseException:
    if kind == "timeout":
        from gevent import Timeout

        return Timeout(1)
    if kind == "GreenletExit":
        from greenlet import GreenletExit

        return GreenletExit()
    kinds: dict[str, Any] = {
        **{f"exit-{code}": SystemExit(code) for code in (0, 1, 3, 4)},
        "error": ValueError("no"),
        "base": BaseException("no"),
        "memory": MemoryError(),
        "KeyboardInterrupt": KeyboardInterrupt(),
        "GeneratorExit": GeneratorExit(),
        "CancelledError": CancelledError(),
    }
    found: BaseException = kinds[kind]
    return found


_notes = os.open(os.environ.get("NOTES", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def noting(environ: Any, start_response: Any) -> list[bytes]:
    """Note that it was given a request, in one write that a kill leaves whole."""
    os.write(_notes, environ["HTTP_X_REQUEST_ID"].encode() + b"\n")
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]


own = Flask("own")
own.wsgi_app = observe(own.wsgi_app)  # type: ignore[method-assign,assignment]
own.add_url_rule("/ok", "ok", ok)
own.add_url_rule("/os-exit/<int:code>", "os_exit", os_exit)


class HandlerError(Exception):
    """Raised by the app's own handler of a signal."""


def _raise(number: int, frame: object) -> None:
    raise HandlerError


if "GUNICORN_TEST_HANDLER" in os.environ:
    signal.signal(signal.SIGALRM, _raise)
