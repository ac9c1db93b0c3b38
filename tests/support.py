"""A real server as a child process: started, asked, read, and always stopped."""

import http.client
import json
import os
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TypeVar

T = TypeVar("T")

PATIENCE = 20.0  # seconds, for what takes one or two on an idle machine
URL = re.compile(r"(?:http://|TCP address )127\.0\.0\.1:(\d+)")  # uWSGI says it the second way


@dataclass(frozen=True)
class Answer:
    """What a client received."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def json(self) -> Any:
        return strict_json(self.body)


def send(
    port: int, method: str, path: str, body: bytes | None, headers: Mapping[str, str]
) -> tuple[Answer, http.client.IncompleteRead | None]:
    """Send a request on a connection of its own; return also how its response body broke off."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request(method, path, body, dict(headers))
        response = connection.getresponse()
        try:
            received, error = response.read(), None
        except http.client.IncompleteRead as incomplete:
            received, error = incomplete.partial, incomplete
        return Answer(response.status, response.headers, received), error
    finally:
        connection.close()


class Server:
    """A running server, its output as it comes, and a client for it."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._news = threading.Condition()
        self._ended = False
        self._is_read = threading.Event()
        self._is_read.set()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def port(self) -> int:
        """The first port of this machine that its output names."""
        return int(self.wait_for(lambda: URL.search("\n".join(self.lines)))[1])

    @property
    def records(self) -> list[dict[str, Any]]:
        """The JSON log lines so far."""
        return [strict_json(line) for line in self.lines if line.startswith("{")]

    def log_of(self, request_id: str) -> list[dict[str, Any]]:
        """All log lines of a request, once its access line is there."""
        self.wait_for(lambda: "wsgi_observe.access" in self._loggers_of(request_id))
        return self.lines_of(request_id)

    def lines_of(self, request_id: str) -> list[dict[str, Any]]:
        """The log lines of a request so far."""
        return [record for record in self.records if record.get("request_id") == request_id]

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self.request("GET", path, headers=headers)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request; a response body that breaks off raises `IncompleteRead`."""
        answer, error = send(self.port, method, path, body, headers or {})
        if error is not None:
            raise error
        return answer

    def wait_for(self, look: Callable[[], T | None], seconds: float = PATIENCE) -> T:
        """Look at every new line of output until something is found in them."""
        with self._news:
            found = self._news.wait_for(lambda: look() or self._ended, seconds) and look()
        if not found:
            raise AssertionError("not in the output, which ends:\n" + "\n".join(self.lines[-40:]))
        return found

    @contextmanager
    def unread(self) -> Iterator[None]:
        """Leave its output where it is, so that its pipe fills."""
        self._is_read.clear()
        try:
            yield
        finally:
            self._is_read.set()

    def stop(self, stopper: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to stop, and return its exit code once all of its output is read."""
        with suppress(ProcessLookupError):
            self.process.send_signal(stopper)
        return self.end()

    def end(self) -> int:
        """Wait until it has stopped by itself."""
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        return code

    def kill(self) -> None:
        """Make an end of whatever is left of it."""
        for pid in [*descendants(self.process.pid), self.process.pid]:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.end()

    def _loggers_of(self, request_id: str) -> set[str]:
        return {record["logger"] for record in self.lines_of(request_id)}

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                self._tell(line.rstrip("\n"))
                self._is_read.wait()
        with self._news:
            self._ended = True
            self._news.notify_all()

    def _tell(self, line: str) -> None:
        with self._news:
            self.lines.append(line)
            self._news.notify_all()


@contextmanager
def running(
    *command: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start a server that prints its URL, and stop it however the block ends."""
    # Gunicorn 25.1 and later keep a control socket there, one for all servers of a user.
    with tempfile.TemporaryDirectory(prefix="run-") as runtime:
        server = start(command, cwd, {"XDG_RUNTIME_DIR": runtime, **(env or {})})
        try:
            assert server.port
            yield server
        finally:
            _stop_or_kill(server)


def start(command: Sequence[str], cwd: Path | None, env: Mapping[str, str]) -> Server:
    """Start a server in a session of its own, with `env` over this process's environment."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    return Server(process)


def _stop_or_kill(server: Server) -> None:
    try:
        server.stop()
    except subprocess.TimeoutExpired:
        server.kill()
        raise
    finally:
        with suppress(ProcessLookupError):  # a worker may have outlived its master
            os.killpg(server.process.pid, signal.SIGKILL)


def eventually(holds: Callable[[], T], seconds: float = PATIENCE) -> T:
    """Ask again and again until it holds."""
    deadline = time.monotonic() + seconds
    while not (answer := holds()):
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)
    return answer


def descendants(pid: int) -> list[int]:
    """Every process below one, from `/proc`."""
    children = [child for child, parent in _parents() if parent == pid]
    return [found for child in children for found in [child, *descendants(child)]]


def alive(pid: int) -> bool:
    """Whether a process is there."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _parents() -> Iterator[tuple[int, int]]:
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it ended while we read
            _, _, facts = stat.read_text().rpartition(")")
            yield int(stat.parent.name), int(facts.split()[1])


def strict_json(text: str | bytes) -> Any:
    """Parse JSON as RFC 8259 has it, without Python's NaN and Infinity."""
    return json.loads(text, parse_constant=_no_constant)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
