"""Record the scenes of the incidents: real requests to real servers, and the lines they leave."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection, HTTPException

from tests.gunicorn.serving import bare, boots
from tests.support import Server

SHOP = "tests.logreader.incidents.shop:app"
PAYMENTS = "tests.logreader.incidents.payments:app"
_COMMON = ("--logger-class", "wsgi_observe.gunicorn.Logger", "-k", "gthread", "--threads", "6")
_SHOP_SETTINGS = {
    "WSGI_OBSERVE_LOG_FIELDS": "service=shop,release=1.4.1",
    "WSGI_OBSERVE_DEBUG_ON_ERROR": "1",
    "WSGI_OBSERVE_SLOW_REQUEST_SECONDS": "0.4",
    "WSGI_OBSERVE_SLOW_QUERY_SECONDS": "0.4",
}
_SETTLE_SECONDS = 0.06

Scene = list[str]
"""The lines of what belongs together, of all services."""


class Recorder:
    """Two running services, and the scenes that were recorded."""

    def __init__(self, shop: Server, payments: Server) -> None:
        self.shop, self.payments = shop, payments
        self.scenes: dict[str, Scene] = {}

    @contextmanager
    def scene(self, name: str) -> Iterator[None]:
        """Record what is logged in the block."""
        marks = [len(server.lines) for server in (self.shop, self.payments)]
        yield
        time.sleep(_SETTLE_SECONDS)
        servers = zip((self.shop, self.payments), marks, strict=True)
        lines = [line for server, mark in servers for line in server.lines[mark:]]
        self.scenes[name] = [line for line in lines if line.startswith("{")]

    def record(self, name: str, *requests: str) -> None:
        """Record requests such as ``GET /``, one after the other."""
        with self.scene(name):
            for request in requests:
                self.ask(request)

    def ask(self, request: str, request_id: str = "") -> None:
        """Send a request, and wait until it is logged."""
        method, path = request.split()
        headers = {"X-Request-ID": request_id} if request_id else {}
        answer = self.shop.request(method, path, headers=headers)
        if path != "/ready":
            self.shop.log_of(answer.headers["X-Request-ID"])

    def give_up(self, request: str, request_id: str, seconds: float) -> None:
        """Send a request, and close the connection before it is answered."""
        method, path = request.split()
        connection = HTTPConnection("127.0.0.1", self.shop.port, timeout=seconds)
        with suppress(OSError, HTTPException):
            connection.request(method, path, headers={"X-Request-ID": request_id})
            connection.getresponse()
        connection.close()


def record_scenes() -> dict[str, Scene]:
    """Return the scenes of all incidents and of the traffic round them, by their names."""
    with ExitStack() as stack:
        fields = {"WSGI_OBSERVE_LOG_FIELDS": "service=payments,release=9"}
        payments = stack.enter_context(bare(*_COMMON, app=PAYMENTS, env=fields))
        settings = {**_SHOP_SETTINGS, "PAYMENTS": f"127.0.0.1:{payments.port}"}
        shop = stack.enter_context(bare(*_COMMON, app=SHOP, env=settings))
        for server in (shop, payments):
            server.wait_for(lambda: boots(server))  # noqa: B023 - called at once
        recorder = Recorder(shop, payments)
        _record_traffic(recorder)
        _record_incidents(recorder)
        return recorder.scenes


def _record_traffic(recorder: Recorder) -> None:
    for name in ("teapot", "kettle", "cup", "sugar-bowl"):
        recorder.record(f"traffic {name}", f"GET /products/{name}")
    recorder.record("traffic missing", "GET /wp-login.php")
    recorder.record("traffic search", "GET /search?page=2")
    recorder.record("noise search", "GET /search")
    recorder.record("noise download", "GET /download")


def _record_incidents(recorder: Recorder) -> None:
    recorder.record("slow query", "GET /reports/2026")
    recorder.record("old invoice", "GET /invoices/7?old")
    recorder.record("broken invoice", "GET /invoices/7")
    with recorder.scene("retries"):
        for seconds in (0.1, 0.1):
            recorder.give_up("POST /orders", "client-7f3a-0001", seconds)
        recorder.ask("POST /orders", "client-7f3a-0001")
        recorder.shop.wait_for(lambda: len(_access_lines(recorder.shop, "client-7f3a-0001")) == 3)
    with recorder.scene("flapping check"):
        for _ in range(4):
            recorder.shop.get("/ready")
    recorder.record("poisoned cache", "PUT /prices/teapot?value=n/a", "GET /prices/teapot")
    recorder.record("exception chain", "POST /payments")
    recorder.record("race", "POST /reservations")
    with recorder.scene("stuck lock"):
        _ask_at_once(recorder, "POST /refresh-prices", "GET /checkout", "GET /checkout")
    recorder.record("redirect loop", *["GET /account", "GET /login"] * 5)
    with recorder.scene("killed worker"):
        _kill_worker(recorder)


def _access_lines(server: Server, request_id: str) -> list[object]:
    lines = server.lines_of(request_id)
    return [line for line in lines if line["logger"] == "wsgi_observe.access"]


def _ask_at_once(recorder: Recorder, *requests: str) -> None:
    threads = [threading.Thread(target=recorder.ask, args=(one,)) for one in requests]
    for thread in threads:
        thread.start()
        time.sleep(_SETTLE_SECONDS)
    for thread in threads:
        thread.join()


def _kill_worker(recorder: Recorder) -> None:
    booted = len(boots(recorder.shop))
    requests = [("GET /basket", f"basket-{number:04d}") for number in range(3)]
    threads = [
        threading.Thread(target=recorder.give_up, args=(*request, 5.0))
        for request in [*requests, ("GET /export", "export-0001")]
    ]
    for thread in threads:
        thread.start()
        time.sleep(_SETTLE_SECONDS)
    for thread in threads:
        thread.join()
    recorder.shop.wait_for(lambda: len(boots(recorder.shop)) > booted)
