"""Two instances behind a client that obeys readiness: one of them stops, no request fails."""

import http.client
import os
import signal
import threading
import time
from contextlib import suppress

import pytest

from tests.gunicorn.serving import KINDS, gunicorn
from tests.marks import mark_rows_slow
from tests.support import PATIENCE, Server

DRAIN = 1.5
BETWEEN_PROBES = 0.1


class Balancer:
    """Sends requests in turn to those instances whose last probe was good.

    :param keeps: whether a connection is used again, as a pool does; an answer that says
        ``Connection: close`` ends it. A request is never sent twice.
    """

    def __init__(self, servers: list[Server], keeps: bool) -> None:
        self.ports = {server.port: True for server in servers}
        self.keeps = keeps
        self.statuses: list[int] = []
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._probe)]
        self._threads += [threading.Thread(target=self._ask) for _ in range(2)]

    def __enter__(self) -> "Balancer":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)

    def _probe(self) -> None:
        while not self._over.wait(BETWEEN_PROBES):
            for port in self.ports:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
                try:
                    connection.request("GET", "/ready")
                    self.ports[port] = connection.getresponse().status == 200
                except OSError:
                    self.ports[port] = False
                finally:
                    connection.close()

    def _ask(self) -> None:
        pool: dict[int, http.client.HTTPConnection] = {}
        turn = 0
        while not self._over.wait(0.01):
            ready = [port for port, is_ready in self.ports.items() if is_ready]
            turn += 1
            port = ready[turn % len(ready)] if ready else 0
            connection = pool.get(port) or http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            try:
                connection.request("GET", "/orders")
                answer = connection.getresponse()
                answer.read()
                self.statuses.append(answer.status)
                # Once http.client has closed it, this one connects anew at its next request.
                pool[port] = connection
                if not self.keeps:
                    connection.close()
            except Exception as error:
                self.failures.append(f"{port}: {error!r}")
                with suppress(OSError):
                    connection.close()
        for connection in pool.values():
            connection.close()


@pytest.mark.parametrize(
    ("kind", "keeps"),
    [
        pytest.param("gthread", True, id="gthread-kept"),
        *mark_rows_slow(("gthread", False), ("sync", False), ("gevent", True)),
    ],
)
@pytest.mark.slow
def test_a_rolling_stop_fails_no_request(kind: str, keeps: bool) -> None:
    options = (*KINDS[kind], "--workers", "2", "--keep-alive", "5")
    env = {"WSGI_OBSERVE_DRAIN_SECONDS": str(DRAIN), "WSGI_OBSERVE_LOG_LEVEL": "INFO"}
    with gunicorn(*options, env=env) as one, gunicorn(*options, env=env) as other:
        with Balancer([one, other], keeps) as balancer:
            time.sleep(0.5)
            os.kill(one.process.pid, signal.SIGTERM)
            assert one.end() == 0
            before = len(balancer.statuses)
            time.sleep(0.5)
        assert balancer.failures == []
        assert set(balancer.statuses) == {200}
        assert len(balancer.statuses) > before > 20
        served = [line for line in one.records if line.get("path") == "/orders"]
        assert served
