"""An app that knows nothing of wsgi_observe, for Gunicorn to serve."""

import logging
import os
import threading
import time
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, abort, request

app = Flask("plain")
log = logging.getLogger("shop")

warnings.warn("said at import", stacklevel=1)


@app.get("/")
def hello() -> str:
    log.info("hello")
    return "hello"


@app.get("/orders")
def orders() -> dict[str, object]:
    return {"orders": list(range(10))}


@app.get("/pid")
def pid() -> str:
    return str(os.getpid())


@app.get("/missing")
def missing() -> str:
    abort(404, "No such order")


@app.get("/crash")
def crash() -> str:
    raise ValueError("private")


@app.get("/half")
def half() -> Response:
    def chunks() -> Iterator[str]:
        yield "half"
        raise KeyError("private")

    return Response(chunks(), mimetype="text/plain")


@app.get("/stream")
def stream() -> Response:
    return Response((f"{number}\n" for number in range(20)), mimetype="text/plain")


@app.get("/errors")
def errors() -> str:
    """Write to wsgi.errors whole lines, pieces of one, a traceback, and what has no end."""
    stream = request.environ["wsgi.errors"]
    print("a", "line", file=stream)
    stream.writelines(["two\n", "three\n"])
    try:
        raise KeyError("caught")
    except KeyError:
        traceback.print_exc(file=stream)
    stream.write("no end")
    return "written"


@app.get("/warning")
def warn() -> str:
    warnings.warn(f"warned in {os.getpid()}", stacklevel=1)
    return "warned"


@app.post("/upload")
def upload() -> dict[str, int]:
    log.info("reading")
    return {"length": len(request.get_data())}


@app.post("/unread")
def unread() -> str:
    """Leave the body unread, and fail where Flask itself does not answer for it."""
    return "fine so far"


@app.teardown_request
def fail(_error: BaseException | None) -> None:
    if request.path == "/unread":
        raise ValueError("private")


@app.post("/swallowed")
def swallowed() -> tuple[str, int]:
    """Answer as an app does whose handler takes every exception."""
    try:
        return str(len(request.get_data())), 200
    except Exception:
        return "sorry", 500


@app.get("/busy")
def busy() -> tuple[dict[str, str], int]:
    return {"state": "busy"}, 503


@app.get("/thread")
def thread() -> str:
    """Let a thread fail that nobody waits for."""
    worker = threading.Thread(target=lambda: 1 / 0)
    worker.start()
    worker.join()
    return "done"


@app.get("/wait")
def wait() -> str:
    """Take as long as it takes the client to make a file."""
    gate = Path(request.args["gate"])
    log.info("waiting")
    for _ in range(4000):
        if gate.exists():
            return "waited"
        time.sleep(0.005)
    raise TimeoutError(gate)
