"""The scoreboard: what recording a running request costs, as under Gunicorn.

``python -m benchmarks.scoreboard``
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.apps import flask_hello, trivial
from benchmarks.commands import parse_options, print_costs
from benchmarks.costs import Cost, to_microseconds
from benchmarks.processes import on_processor
from benchmarks.timing import InProcess, Subject, measure, repeated, request
from wsgi_observe import ErrorEnvelope, observe
from wsgi_observe.scoreboard.recorder import Recorder
from wsgi_observe.scoreboard.scoreboard import Scoreboard
from wsgi_observe.scoreboard.watchdog import Watchdog

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

APPS = {"a trivial app": trivial, "Flask": flask_hello()}

COSTS = [
    Cost(
        "scoreboard",
        f"recording a running request, on {name}",
        *(f"{name}, recorded", f"{name}, stack", "bare"),
    )
    for name in APPS
]


def main() -> None:
    """Measure and print."""
    options = parse_options("scoreboard")
    with on_processor(-1):
        rounds = measure([InProcess(subjects())], options.rounds, options.calls)
        series = to_microseconds(rounds)
    print_costs(COSTS, series)


def subjects() -> dict[str, Subject]:
    """Return the stack with and without it; no access line, beside which so little is lost."""
    subjects = {"bare": repeated(request(flask_hello()))}
    for name, app in APPS.items():
        subjects[f"{name}, stack"] = repeated(request(observe(app, access_log=False)))
        subjects[f"{name}, recorded"] = repeated(request(recorded(app)))
    return subjects


def recorded(app: WSGIApplication) -> WSGIApplication:
    """Return `app` with the stack round it, its requests recorded and watched as under Gunicorn."""
    worker_entry = Scoreboard.make(worker_count=1, max_requests=8).worker_entries[0]
    recorder = Recorder(app, worker_entry)
    Watchdog(recorder, slow_seconds=22.5).start()
    observed = observe(app, access_log=False)
    observed.insert(recorder, before=ErrorEnvelope)
    return observed


if __name__ == "__main__":
    main()
