"""Metrics: what they add to a request, beside prometheus-flask-exporter.

``python -m benchmarks.metrics``
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence

from benchmarks.apps import flask_hello, observed_hello
from benchmarks.commands import measure_children, parse_options, print_costs
from benchmarks.costs import Cost
from benchmarks.processes import ChildProcess
from benchmarks.timing import Subject, repeated, request

PLACES = ("memory", "files")
"""Where the client counts: in one process, or as under Gunicorn in files of the worker."""

COSTS = [
    Cost("metrics", f"metrics ÷ exporter, in {place}", f"{place}: added", by=f"{place}: exporter's")
    for place in PLACES
]


def main() -> None:
    """Measure and print."""
    options = parse_options("metrics")
    with tempfile.TemporaryDirectory() as folder:
        children = [
            ChildProcess(one, ("benchmarks.metrics:subjects", one, folder)) for one in PLACES
        ]
        series = dict(measure_children(children, options))
    for place in PLACES:
        for name, more, less in (("added", "metrics", "stack"), ("exporter's", "exporter", "bare")):
            series[f"{place}: {name}"] = _subtract(
                series[f"{place}: {more}"], series[f"{place}: {less}"]
            )
    print_costs(COSTS, series)


def subjects(place: str, folder: str) -> dict[str, Subject]:
    """Return the hello, bare and observed, each without metrics and with them."""
    if place == "files":
        _count_as_a_worker(folder)
    from benchmarks.peers import prometheus  # only now: it imports the client

    apps = {
        "bare": flask_hello(),
        "exporter": prometheus.app(),
        "stack": observed_hello(access_log=False),
        "metrics": observed_hello(access_log=False, metrics_path="/metrics"),
    }
    return {name: repeated(request(app)) for name, app in apps.items()}


def _count_as_a_worker(folder: str) -> None:
    from wsgi_observe.metrics.sources import MetricsSources, use_sources

    os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
    use_sources(MetricsSources(is_server=True))
    from wsgi_observe.prometheus import count_by_worker

    count_by_worker("1-0")


def _subtract(more: Sequence[float], less: Sequence[float]) -> list[float]:
    return [one - other for one, other in zip(more, less, strict=True)]


if __name__ == "__main__":
    main()
