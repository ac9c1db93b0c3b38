"""Fifty thousand requests while a worker is killed every second: each one leaves a record."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.servers.gunicorn import ROOT
from tests.support import PATIENCE, URL, descendants, eventually, strict_json
from wsgi_observe.scoreboard.scoreboard import Scoreboard

REQUESTS, CONNECTIONS = 50_000, 8
WORKERS, THREADS = 2, 4


class Client(threading.Thread):
    """Asks on a kept connection, and on a new one when that breaks."""

    def __init__(self, port: int, number: int) -> None:
        super().__init__()
        self.port, self.number = port, number
        self.unanswered: list[str] = []
        self.answered = 0

    def run(self) -> None:
        sock = None
        for number in range(REQUESTS // CONNECTIONS):
            one = f"killed-{self.number}-{number}"
            try:
                sock = sock or self._connect()
                sock.sendall(
                    b"GET /note HTTP/1.1\r\nHost: a\r\nX-Request-ID: %b\r\n\r\n" % one.encode()
                )
                closes = self._read_answer(sock, one.encode())
                self.answered += 1
            except (OSError, EOFError):
                self.unanswered.append(one)
                closes = True
            if closes and sock is not None:
                sock.close()
                sock = None
        if sock is not None:
            sock.close()

    def _connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE)

    def _read_answer(self, sock: socket.socket, one: bytes) -> bool:
        """Return whether the server closes the connection after this answer."""
        data = b""
        while not data.endswith(b"\r\n\r\nok"):
            more = sock.recv(4096)
            if not more:
                raise EOFError
            data += more
        assert data.startswith(b"HTTP/1.1 200 ")
        assert b"X-Request-ID: " + one + b"\r\n" in data
        return b"Connection: close" in data


def kill_a_worker_every_second(arbiter: int, done: threading.Event, kills: list[int]) -> None:
    while not done.wait(1.0):
        workers = descendants(arbiter)
        if workers:
            with suppress(ProcessLookupError):
                os.kill(workers[len(kills) % len(workers)], signal.SIGKILL)
                kills.append(workers[0])


def records_of(lines: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for line in lines:
        if line["logger"] in ("wsgi_observe.access", "wsgi_observe.inflight"):
            yield line["request_id"], line["logger"]


@pytest.mark.soak
def test_every_request_that_an_app_was_given_has_a_record(tmp_path: Path) -> None:
    out, err, entered = tmp_path / "out", tmp_path / "err", tmp_path / "entered"
    command = [
        *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", str(WORKERS)),
        *("-k", "gthread", "--threads", str(THREADS), "--keep-alive", "20"),
        *("--logger-class", "wsgi_observe.gunicorn.Logger", "tests.servers.dying:noting"),
    ]
    env = {
        **os.environ,
        "XDG_RUNTIME_DIR": str(tmp_path),
        "WSGI_OBSERVE_LOG_FORMAT": "json",
        "NOTES": str(entered),
    }
    kills: list[int] = []
    done = threading.Event()
    with out.open("w") as stdout, err.open("w") as stderr:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=stdout, stderr=stderr)
        killer = threading.Thread(
            target=kill_a_worker_every_second, args=(process.pid, done, kills)
        )
        try:
            port = int(eventually(lambda: URL.search(out.read_text()))[1])
            clients = [Client(port, number) for number in range(CONNECTIONS)]
            before = resident(process.pid)
            for thread in (*clients, killer):
                thread.start()
            for client in clients:
                client.join(400)
            done.set()
            killer.join()
            eventually(lambda: seats_taken(process.pid) == WORKERS)
            assert flying(process.pid) == 0
            assert resident(process.pid) - before < 4 * 1024 * 1024
            process.terminate()
            assert process.wait(PATIENCE) == 0
        finally:
            done.set()
            for pid in [*descendants(process.pid), process.pid]:
                if process.poll() is None:
                    os.kill(pid, signal.SIGKILL)
            process.wait(PATIENCE)
    lines = [strict_json(line) for line in out.read_text().splitlines()]
    records = list(records_of(lines))
    of_each = Counter(request_id for request_id, _ in records)
    with_access = {one for one, logger in records if logger == "wsgi_observe.access"}
    given = set(entered.read_text().split())
    assert len(kills) >= 5
    assert sum(client.answered for client in clients) > REQUESTS * 0.9
    assert given - set(of_each) == set(), "an app was given it, and no line tells of it"
    doubles = [one for one, count in of_each.items() if count > 1]
    assert max(of_each.values()) <= 2
    assert len(doubles) <= len(kills) * THREADS
    # Counted: one or the other had its answer, and its worker no time for the line.
    unanswered = sum(len(client.unanswered) for client in clients)
    assert len(given - with_access) <= unanswered
    assert err.read_text() == ""


def resident(pid: int) -> int:
    text = Path(f"/proc/{pid}/statm").read_text()
    return int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE")


def seats_taken(pid: int) -> int:
    return sum(worker_entry.pid != 0 for worker_entry in Scoreboard.of_process(pid).worker_entries)


def flying(pid: int) -> int:
    worker_entries = Scoreboard.of_process(pid).worker_entries
    return sum(
        len(worker_entry.read_requests().requests) + worker_entry.overflow
        for worker_entry in worker_entries
    )
