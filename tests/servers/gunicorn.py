"""Gunicorn with one worker, serving the shop of these tests."""

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support import PATIENCE, Server, running

ROOT = Path(__file__).parents[2]

WORKERS = {
    "sync": ("-k", "sync"),
    "gthread": ("-k", "gthread", "--threads", "4"),
    "gevent": ("-k", "gevent"),
}


@contextmanager
def gunicorn(*options: str, **settings: object) -> Iterator[Server]:
    """Start it; its own messages come as JSON lines too."""
    env = {f"WSGI_OBSERVE_{name.upper()}": str(value) for name, value in settings.items()}
    command = [
        *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", "1"),
        *("--logger-class", "wsgi_observe.gunicorn.Logger", *options),
        "tests.servers.shop:app",
    ]
    with running(*command, cwd=ROOT, env={"WSGI_OBSERVE_LOG_FORMAT": "json", **env}) as server:
        yield server


@contextmanager
def connected(server: Server) -> Iterator[socket.socket]:
    """Talk to a server in bytes."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE) as sock:
        yield sock


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """Read until `end` has come."""
    data = b""
    while end not in data:
        more = sock.recv(4096)
        assert more, data
        data += more
    return data


def read_all(sock: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    data = b""
    while more := sock.recv(65536):
        data += more
    return data
