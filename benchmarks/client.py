"""A small HTTP client that asks the same again and again, for so long or so often."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from statistics import quantiles
from time import perf_counter

REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: benchmark\r\n\r\n"
PATIENCE = 30.0


def ask(
    port: int, connections: int, *, seconds: float = PATIENCE, requests: int | None = None
) -> tuple[int, float, float, float]:
    """Return answers, how many in a second, and the median and 99th percentile of microseconds.

    :param seconds: when to stop.
    :param requests: how many to stop after, if that is sooner; each connection has its share.
    :raises RuntimeError: for an answer that is no 200.
    """
    began = perf_counter()
    share = None if requests is None else -(-requests // connections)

    def is_over(done: int) -> bool:
        return done == share or (done > 0 and perf_counter() - began > seconds)

    def work(_: int) -> list[float]:
        return _ask_on_one(port, is_over)

    with ThreadPoolExecutor(connections) as pool:
        spent = [each for one in pool.map(work, range(connections)) for each in one]
    rate = len(spent) / (perf_counter() - began)
    percentiles = quantiles(spent, n=100, method="inclusive")
    return len(spent), rate, percentiles[49] * 1e6, percentiles[98] * 1e6


def _ask_on_one(port: int, is_over: Callable[[int], bool]) -> list[float]:
    """Return the seconds of each answer; a new connection is made where the server closes one."""
    spent: list[float] = []
    while not is_over(len(spent)):
        began = perf_counter()
        with socket.create_connection(("127.0.0.1", port), PATIENCE) as sock:
            is_kept = True
            while is_kept and not is_over(len(spent)):
                is_kept = _ask_once(sock)
                now = perf_counter()
                spent.append(now - began)
                began = now
    return spent


def _ask_once(sock: socket.socket) -> bool:
    """Ask, read the answer, and say whether the connection stays."""
    sock.sendall(REQUEST)
    return b"connection: close" not in _read_answer(sock).lower()


def _read_answer(sock: socket.socket) -> bytes:
    """Read one answer whole, and return its head."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(sock)
    head, _, body = data.partition(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise RuntimeError(head.decode("latin-1"))
    (length,) = (
        int(line.split(b":")[1])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    )
    while len(body) < length:
        body += _more(sock)
    return head


def _more(sock: socket.socket) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise RuntimeError("the server closed the connection")
    return data
