"""The app that the real servers of these tests serve."""

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, request, send_file
from flask_sock import Sock

from wsgi_observe import Settings, bind, configure_logging, current_request_id, observe

configure_logging(Settings.from_env(os.environ), log_format="json")

shop = Flask("shop")
sock = Sock(shop)
log = logging.getLogger("shop")

sent_natively = 0
_sendfile = os.sendfile


def _counting(*args: int) -> int:
    global sent_natively
    sent_natively += 1
    return _sendfile(*args)


os.sendfile = _counting  # type: ignore[assignment]


@shop.get("/id")
def show_id() -> str:
    log.info("asked")
    return str(current_request_id())


@shop.get("/pid")
def show_pid() -> str:
    return str(os.getpid())


@shop.get("/raise/<kind>")
def fail(kind: str) -> str:
    raise failure(kind)


@shop.get("/break/<kind>")
def break_off(kind: str) -> Response:
    def chunks() -> Iterator[str]:
        yield "half"
        raise failure(kind)

    return Response(chunks(), mimetype="text/plain")


@shop.get("/stream")
def stream() -> Response:
    """Stream in step with the client: each chunk waits for a file that the client makes."""
    gate = Path(request.args["gate"])
    count = int(request.args["count"])

    def chunks() -> Iterator[str]:
        for number in range(count):
            wait_for(gate / str(number))
            bind(chunk=number)
            log.info("chunk %s", number)
            yield f"{current_request_id()}\n"

    return Response(chunks(), mimetype="text/plain")


@shop.get("/events")
def events() -> Response:
    """Flush the headers by an empty chunk, and wait until the client has seen them."""
    gate = Path(request.args["gate"])

    def chunks() -> Iterator[bytes]:
        yield b""
        wait_for(gate / "0")
        yield b"data: 1\n\n"

    return Response(chunks(), mimetype="text/event-stream")


@shop.get("/file")
def file() -> Response:
    return send_file(request.args["path"])


@shop.get("/sent-natively")
def count_sent() -> str:
    return str(sent_natively)


@shop.post("/unread")
def leave_unread() -> str:
    return "ok"


@sock.route("/echo")
def echo(ws) -> None:
    while True:
        ws.send(f"{current_request_id()} {ws.receive()}")


def wait_for(gate: Path) -> None:
    """Wait for the client, but not for ever."""
    for _ in range(4000):
        if gate.exists():
            return
        time.sleep(0.005)
    raise TimeoutError(gate)


def failure(kind: str) -> BaseException:
    if kind == "exit":
        return SystemExit(1)
    if kind == "timeout":
        from gevent import Timeout

        return Timeout(1)
    return ValueError(kind)


app = observe(shop.wsgi_app)
