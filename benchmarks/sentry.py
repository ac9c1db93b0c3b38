"""A Sentry that is slow, hangs or refuses: what it adds to a failing request.

``python -m benchmarks.sentry``
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from statistics import median
from typing import NoReturn

import sentry_sdk
from flask import Flask

from benchmarks.processes import ROOT, silence_output
from benchmarks.timing import Call, InProcess, Subject, measure, repeated, request
from wsgi_observe import configure_logging
from wsgi_observe.flask import Observe
from wsgi_observe.sentry import init_sentry

BASELINE = "answers"
_RESAMPLES = 2000

GOOD, SLOW, HANGING, REFUSING = "1", "2", "3", "4"
"""The projects of the endpoint, each with its own behaviour."""

_DELAYS = {SLOW: 1.0, HANGING: 3600.0}
_SERVE = "from benchmarks.sentry import serve_endpoint; serve_endpoint()"


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sentry")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=5, help="of each subject in a round")
    options = parser.parse_args()
    shown = silence_output()
    with endpoint() as port:
        configure_logging(log_format="json")
        program = InProcess(subjects(failing_app(), clients(port)))
        rounds = list(measure([program], options.rounds, options.calls))
    print(table(rounds), file=shown, flush=True)


@contextmanager
def endpoint() -> Iterator[int]:
    """Start the endpoint beside this process, so that the two share no lock."""
    command = [sys.executable, "-c", _SERVE]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def clients(port: int) -> dict[str, sentry_sdk.client.BaseClient]:
    """Return a client for each kind of endpoint."""
    here = f"http://public@127.0.0.1:{port}"
    dsns = {
        BASELINE: f"{here}/{GOOD}",
        "is slow (1 s)": f"{here}/{SLOW}",
        "hangs": f"{here}/{HANGING}",
        "refuses (503)": f"{here}/{REFUSING}",
        "is not there": "http://public@127.0.0.1:9/1",
    }
    made = {}
    for name, dsn in dsns.items():
        init_sentry(dsn, traces_sample_rate=1.0, shutdown_timeout=0)
        made[name] = sentry_sdk.get_client()
    return made


def failing_app() -> Call:
    """Return a call that makes one event and one transaction."""
    app = Flask(__name__)
    Observe(app)

    @app.get("/")
    def index() -> NoReturn:
        raise ValueError("no")

    return request(app)


def subjects(call: Call, known: Mapping[str, sentry_sdk.client.BaseClient]) -> dict[str, Subject]:
    """Return the same request with each of the clients."""

    def with_client(client: sentry_sdk.client.BaseClient) -> Subject:
        def run() -> None:
            sentry_sdk.get_global_scope().set_client(client)
            call()

        return repeated(run)

    return {name: with_client(client) for name, client in known.items()}


def table(rounds: Sequence[Mapping[str, float]]) -> str:
    """Return what each bad endpoint adds, with the interval of 95 % of resampled medians."""
    base = median(one[BASELINE] for one in rounds) * 1e6
    lines = [f"{'a failing request, Sentry ' + BASELINE:40}{base:10.0f} µs"]
    for name in rounds[0]:
        if name != BASELINE:
            added = [(one[name] - one[BASELINE]) * 1e6 for one in rounds]
            low, high = interval(added)
            lines.append(
                f"{'more when it ' + name:40}{median(added):10.0f} µs  {low:.0f} to {high:.0f}"
            )
    return "\n".join(lines)


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Return where 95 % of the medians of resamples lie (bootstrap)."""
    chance = random.Random(7)
    medians = sorted(median(chance.choices(values, k=len(values))) for _ in range(_RESAMPLES))
    return medians[_RESAMPLES // 40], medians[-_RESAMPLES // 40]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        project = self.path.split("/")[2]  # /api/<project>/envelope/
        time.sleep(_DELAYS.get(project, 0.0))
        self.send_response(503 if project == REFUSING else 200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        pass


def serve_endpoint() -> None:
    """Serve on a free port, which is printed, until the process is ended."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
