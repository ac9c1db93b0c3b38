"""What noting a running request costs, as under Gunicorn: ``python -m benchmarks.noting``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rich.console import Console

from benchmarks.apps import flask_hello, trivial
from benchmarks.costs import Cost, row
from benchmarks.processors import on_processor
from benchmarks.report import cells
from benchmarks.requests import request
from benchmarks.rounds import Here, Subject, measure, repeated
from benchmarks.series import in_microseconds
from wsgi_observe import ErrorEnvelope, observe
from wsgi_observe.scoreboard.recorder import Recorder, ScoreboardMiddleware
from wsgi_observe.scoreboard.scoreboard import Scoreboard
from wsgi_observe.scoreboard.watchdog import Watchdog

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

APPS = {"a trivial app": trivial, "Flask": flask_hello()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.noting", description=__doc__)
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=50, help="of each subject in a round")
    options = parser.parse_args()
    with on_processor(-1):
        series = in_microseconds(measure([Here(subjects())], options.rounds, options.calls))
    for name in APPS:
        what = f"noting a running request, on {name}"
        found = row(Cost("noting", what, f"{name}, noted", f"{name}, stack", "bare"), series)
        assert found is not None
        Console().print(" | ".join(cells(found)), highlight=False)


def subjects() -> dict[str, Subject]:
    """Return the stack with and without; no access line, next to which so little is not seen."""
    found = {"bare": repeated(request(flask_hello()))}
    for name, app in APPS.items():
        found[f"{name}, stack"] = repeated(request(observe(app, access_log=False)))
        found[f"{name}, noted"] = repeated(request(noted(app)))
    return found


def noted(app: WSGIApplication) -> WSGIApplication:
    """Return `app` with the stack round it, its requests noted and watched as under Gunicorn."""
    recorder = Recorder(Scoreboard.make(worker_count=1, max_requests=8).worker_entry(0))
    Watchdog(recorder, slow_seconds=22.5).start()
    observed = observe(app, access_log=False)
    observed.insert(ScoreboardMiddleware(observed, recorder), before=ErrorEnvelope)
    return observed


if __name__ == "__main__":
    main()
