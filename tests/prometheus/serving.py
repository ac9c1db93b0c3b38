"""What a scrape of an app has, with metrics counted in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from tests.calls import call

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"
_LABELS = ("http_request_method", "http_route", "http_response_status_code")

Counts = dict[tuple[str, ...], float]


def parse(text: str) -> list[Sample]:
    """Return the samples of the text format."""
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]


def parse_openmetrics(text: str) -> list[Sample]:
    """Return the samples of OpenMetrics; its parser is strict."""
    families = openmetrics.text_string_to_metric_families(text)
    return [sample for family in families for sample in family.samples]


def scrape(app: Any, path: str = "/metrics") -> list[Sample]:
    return parse(call(app, path).body.decode())


def scrape_openmetrics(app: Any) -> list[Sample]:
    return parse_openmetrics(call(app, "/metrics", HTTP_ACCEPT=OPENMETRICS).body.decode())


def counts(samples: Iterable[Sample]) -> Counts:
    """Return how many requests of each method, route and status were counted."""
    return {
        tuple(sample.labels[name] for name in _LABELS): sample.value
        for sample in samples
        if sample.name == COUNT
    }


def value(samples: Iterable[Sample], name: str, **labels: str) -> float:
    """Return the sum of the samples with these labels; 0.0 where there is none."""
    return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())


def added(app: Any, run: Callable[[], object]) -> Counts:
    """Return what `run` adds to the counts."""
    before = counts(scrape(app))
    run()
    after = counts(scrape(app))
    return {key: n - before.get(key, 0) for key, n in after.items() if n != before.get(key, 0)}
