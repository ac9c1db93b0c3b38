"""The WSGI app that serves the metrics: the client library's with exemplars, and our own."""

from __future__ import annotations

import gzip
import os
import struct
from collections.abc import Iterable, Iterator, Mapping
from time import sleep, time
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector

from wsgi_observe.metrics import events
from wsgi_observe.metrics.series import SeriesTable
from wsgi_observe.metrics.sources import MetricsSources
from wsgi_observe.prometheus.instruments import (
    ACTIVE_REQUESTS,
    ACTIVE_REQUESTS_HELP,
    BUCKETS,
    DURATION,
    LABELS,
    method_label,
)
from wsgi_observe.scoreboard.scoreboard import WorkerEntry

_ATTEMPTS = 5


class MetricsApp:
    """Serve the metrics as Prometheus text, or as OpenMetrics with exemplars.

    At any path: a server or a middleware decides which requests it gets.
    """

    def __init__(self, sources: MetricsSources) -> None:
        self._sources = sources

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to GET and HEAD."""
        registry: Any = self
        encode, content_type = choose_encoder(environ.get("HTTP_ACCEPT", ""))
        body = encode(registry)
        headers = [("Content-Type", content_type), ("Cache-Control", "no-store")]
        if "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
            body = gzip.compress(body, compresslevel=1)
            headers.append(("Content-Encoding", "gzip"))
        headers.append(("Content-Length", str(len(body))))
        start_response("200 OK", headers)
        return [] if environ.get("REQUEST_METHOD") == "HEAD" else [body]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics, as a registry does for the functions that format it."""
        for metric in _collect_client_metrics():
            if metric.name == DURATION:
                _add_exemplars(metric, self._sources.series)
            yield metric
        yield from _collect_events(self._sources)
        yield from _collect_checks(self._sources)
        if self._sources.is_server:
            yield from _collect_workers(self._sources.worker_entries)
        draining = any(state.draining for state in self._sources.states)
        yield _gauge("wsgi_observe_draining", "Whether the server drains.", {(): float(draining)})


def _collect_client_metrics() -> Iterable[Metric]:
    """Return the metrics of the client library, the app's own included, of all processes."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return REGISTRY.collect()
    for attempt in range(_ATTEMPTS):
        try:
            return list(MultiProcessCollector(CollectorRegistry()).collect())
        except (struct.error, RuntimeError, FileNotFoundError):
            # A process is creating its file, which is empty for a moment.
            if attempt == _ATTEMPTS - 1:
                raise
            sleep(0.02)
    raise AssertionError


def _add_exemplars(metric: Metric, table: SeriesTable) -> None:
    for number, sample in enumerate(metric.samples):
        if not sample.name.endswith("_bucket"):
            continue
        labels = tuple(sample.labels[name] for name in LABELS)
        exemplar = table.read_exemplar(labels, BUCKETS[sample.labels["le"]])
        if exemplar is not None and exemplar.labels:
            own: Any = Exemplar(exemplar.labels, exemplar.value, exemplar.at)
            metric.samples[number] = sample._replace(exemplar=own)


_HELP_AND_LABELS = {
    events.REQUESTS_DIED: (
        "Requests that died with their worker or were ended by it, by the cause.",
        ["cause"],
    ),
    events.REQUESTS_SLOW: (
        "Requests that were logged as slow while they ran (slow_request_seconds).",
        [],
    ),
    events.REQUESTS_REJECTED: (
        "Requests that the server has rejected before it called the app.",
        ["http_response_status_code"],
    ),
    events.LOG_LINES_LOST: (
        "Log lines that were dropped since their stream was full or failed.",
        ["stream"],
    ),
    events.LOG_LINES_BUFFERED: ("Log lines that wait for room in their stream.", ["stream"]),
    events.LOG_STREAM_BLOCKED: ("Processes whose stream takes no log lines.", ["stream"]),
}


def _collect_events(sources: MetricsSources) -> Iterator[Metric]:
    tables = sources.event_tables()
    for event, (help_text, labels) in _HELP_AND_LABELS.items():
        values = events.sum_events(tables, event)
        is_count = event not in events.OF_LIVING_PROCESS
        if is_count:  # whose sum would begin at 1 and have no increase
            values.setdefault(events.OTHER if labels else "", 0.0)
        family = CounterMetricFamily if is_count else GaugeMetricFamily
        metric = family(f"wsgi_observe_{event}", help_text, labels=labels)
        for value in values:
            metric.add_metric([value] if labels else [], values[value])
        yield metric


def _collect_checks(sources: MetricsSources) -> Iterator[Metric]:
    """Yield the last result of each readiness check, whichever worker has run it."""
    latest: dict[str, events.Event] = {}
    for table in sources.event_tables():
        for event in table.read():
            earlier = latest.get(event.label)
            if event.name == events.READINESS_CHECK and (earlier is None or event.at > earlier.at):
                latest[event.label] = event
    now = time()
    labels = {label: (label[1:], "true" if label[0] == "1" else "false") for label in latest}
    names = ("check", "critical")
    yield _gauge(
        "wsgi_observe_readiness_check_passed",
        "Whether the last run of a readiness check has passed.",
        {labels[label]: event.value for label, event in latest.items()},
        names,
    )
    yield _gauge(
        "wsgi_observe_readiness_check_age_seconds",
        "Time since the last run of a readiness check: without probes none is run.",
        {labels[label]: max(0.0, now - event.at) for label, event in latest.items()},
        names,
    )


def _collect_workers(worker_entries: Iterable[WorkerEntry]) -> Iterator[Metric]:
    workers: dict[tuple[str, ...], float] = {("busy",): 0.0, ("idle",): 0.0}
    active: dict[tuple[str, ...], float] = {("GET",): 0.0}
    for entry in worker_entries:
        if not entry.booted:
            continue
        snapshot = entry.read_requests()
        methods = [method_label(request.method) for request in snapshot.requests.values()]
        methods += [method_label("")] * snapshot.overflow
        workers["busy" if methods else "idle",] += 1
        for method in methods:
            active[method,] = active.get((method,), 0.0) + 1
    yield _gauge(
        "wsgi_observe_workers",
        "Workers, busy if they run a request.",
        workers,
        ("state",),
    )
    yield _gauge(ACTIVE_REQUESTS, ACTIVE_REQUESTS_HELP, active, LABELS[:1])


def _gauge(
    name: str,
    help_text: str,
    values: Mapping[tuple[str, ...], float],
    labels: tuple[str, ...] = (),
) -> Metric:
    metric = GaugeMetricFamily(name, help_text, labels=labels)
    for label_values, value in values.items():
        metric.add_metric(label_values, value)
    return metric
