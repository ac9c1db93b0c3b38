"""Twenty thousand requests while workers come and go: each answer and each line has its partner."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

from tests.gunicorn.serving import BY_LOGGER, PLAIN, ROOT
from tests.support import PATIENCE, URL, descendants, eventually, strict_json

REQUESTS = 20_000
CLIENTS = 6
ROUTES = ("/", "/orders", "/missing", "/orders", "/crash", "/stream", "/orders", "/half")
STATUSES = {"/": 200, "/orders": 200, "/missing": 404, "/crash": 500, "/stream": 200, "/half": 200}


class Client(threading.Thread):
    """Asks for each route in turn on a kept connection; every other request brings an ID."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__()
        self.port, self.number = port, number
        self.ids: list[str] = []
        self.wrong: list[str] = []
        self.refused = 0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        for number in range(REQUESTS // CLIENTS + 1):
            path = ROUTES[number % len(ROUTES)]
            own = f"soak-{self.number}-{number}" if number % 2 else ""
            try:
                answer = self._ask(connection, path, own)
            except (ConnectionError, http.client.BadStatusLine):
                # A worker that has served enough has closed it under us; nobody saw the request.
                connection.close()
                self.refused += 1
                continue
            found = answer.headers["X-Request-ID"]
            self.ids.append(found)
            if answer.status != STATUSES[path] or found is None or (own and own != found):
                self.wrong.append(f"{path} {answer.status} {own} {found}")
        connection.close()

    def _ask(
        self, connection: http.client.HTTPConnection, path: str, own: str
    ) -> http.client.HTTPResponse:
        connection.request("GET", path, headers={"X-Request-ID": own} if own else {})
        answer = connection.getresponse()
        try:
            answer.read()
        except http.client.IncompleteRead:
            if path != "/half":
                self.wrong.append(f"{path} broke off")
            connection.close()
        return answer


@pytest.mark.soak
def test_every_answer_has_its_id_and_every_id_its_access_line(tmp_path: Path) -> None:
    out, err = tmp_path / "out", tmp_path / "err"
    options = ("-k", "gthread", "--threads", "4", "-w", "2", "--max-requests", "500")
    command = [*(sys.executable, "-m", "gunicorn"), *("-b", "127.0.0.1:0"), *BY_LOGGER]
    env = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path), "WSGI_OBSERVE_LOG_FORMAT": "json"}
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(
            [*command, *options, PLAIN], cwd=ROOT, env=env, stdout=stdout, stderr=stderr
        )
        try:
            port = int(eventually(lambda: URL.search(out.read_text()))[1])
            clients = [Client(port, number) for number in range(CLIENTS)]
            for client in clients:
                client.start()
            eventually(lambda: sum(len(client.ids) for client in clients) > REQUESTS / 2, 120)
            process.send_signal(signal.SIGHUP)
            for client in clients:
                client.join(120)
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            for pid in [*descendants(process.pid), process.pid]:
                if process.poll() is None:
                    os.kill(pid, signal.SIGKILL)
            process.wait(PATIENCE)
    assert [wrong for client in clients for wrong in client.wrong] == []
    # Those that met a connection which a leaving worker was closing.
    assert sum(client.refused for client in clients) < REQUESTS / 100
    answered = Counter(found for client in clients for found in client.ids)
    assert answered.total() >= REQUESTS - sum(client.refused for client in clients)
    assert set(answered.values()) == {1}
    lines = [strict_json(line) for line in out.read_text().splitlines()]
    access = Counter(
        line["request_id"] for line in lines if line["logger"] == "wsgi_observe.access"
    )
    assert access == answered
    assert err.read_text() == ""
    failures = Counter(line["request_id"] for line in lines if "exc_info" in line)
    assert set(failures.values()) == {1}
