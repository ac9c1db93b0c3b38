"""Whether a bad Sentry slows a request: ``python -m benchmarks.sentry``."""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from typing import NoReturn

import sentry_sdk
from flask import Flask

from benchmarks import ingest
from benchmarks.quiet import hush
from benchmarks.requests import Call, request
from benchmarks.rounds import Here, Subject, measure, repeated
from wsgi_observe import configure_logging
from wsgi_observe.flask import Observe
from wsgi_observe.sentry import init_sentry

GOOD = "answers"
_RESAMPLES = 2000


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sentry")
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=5, help="of each subject in a round")
    options = parser.parse_args()
    shown = hush()
    with endpoint() as port:
        configure_logging(log_format="json")
        program = Here(subjects(failing_app(), clients(port)))
        rounds = list(measure([program], options.rounds, options.calls))
    print(table(rounds), file=shown, flush=True)


@contextmanager
def endpoint() -> Iterator[int]:
    """Start the endpoint beside this process, so that the two share no lock."""
    command = [sys.executable, "-m", "benchmarks.ingest"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.kill()


def clients(port: int) -> dict[str, sentry_sdk.client.BaseClient]:
    """Return a client for each kind of endpoint."""
    here = f"http://public@127.0.0.1:{port}"
    dsns = {
        GOOD: f"{here}/{ingest.GOOD}",
        "is slow (1 s)": f"{here}/{ingest.SLOW}",
        "hangs": f"{here}/{ingest.HANGING}",
        "refuses (503)": f"{here}/{ingest.REFUSING}",
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
    base = median(one[GOOD] for one in rounds) * 1e6
    lines = [f"{'a failing request, Sentry ' + GOOD:40}{base:10.0f} µs"]
    for name in rounds[0]:
        if name != GOOD:
            added = [(one[name] - one[GOOD]) * 1e6 for one in rounds]
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


if __name__ == "__main__":
    main()
