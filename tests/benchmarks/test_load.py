"""The load: what is sent, and what is read of it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from benchmarks.load import read_wrk, send_requests

WRK = """Running 1s test @ http://127.0.0.1:8000/
  1 threads and 4 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.26ms    0.91ms  12.30ms   88.00%
    Req/Sec     3.50k   120.00     3.70k    70.00%
  Latency Distribution
     50%  {p50}
     75%    1.40ms
     90%    2.05ms
     99%    {p99}
  3501 requests in 1.00s, 0.62MB read
Requests/sec:   3480.75
Transfer/sec:    632.00KB
"""


@pytest.mark.parametrize(
    ("p50", "p99", "expected"),
    [
        pytest.param("890.00us", "4.36ms", (3501, 3480.75, 890.0, 4360.0), id="milliseconds"),
        pytest.param("12.00ms", "1.02s", (3501, 3480.75, 12_000.0, 1_020_000.0), id="seconds"),
    ],
)
def test_wrks_report_is_read(p50: str, p99: str, expected: tuple[float, ...]) -> None:
    found = read_wrk(WRK.format(p50=p50, p99=p99))
    assert (found.answers, found.rate, found.p50, found.p99) == pytest.approx(expected)


def test_an_answer_that_is_no_200_ends_the_run() -> None:
    with pytest.raises(RuntimeError, match="Non-2xx"):
        read_wrk(WRK + "  Non-2xx or 3xx responses: 12\n")


@contextmanager
def serving(status: int, keep: bool) -> Iterator[tuple[int, Callable[[], int]]]:
    """Serve on loopback; give the port, and how often it was asked."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.send_header("Content-Length", "5")
            if not keep:
                self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, lambda: len(asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("keep", [True, False], ids=["kept connections", "closed connections"])
def test_our_own_client_asks_as_often_as_it_is_told(keep: bool) -> None:
    with serving(200, keep) as (port, asked):
        answers, rate, p50, p99 = send_requests(port, 3, requests=30)
        assert answers == asked() == 30
    assert rate > 0
    assert 0 < p50 <= p99


def test_our_own_client_does_not_count_errors_as_answers() -> None:
    with serving(503, True) as (port, _), pytest.raises(RuntimeError, match="503"):
        send_requests(port, 1, requests=2)
