"""The table of metrics, compared with what a scrape has."""

import re

import pytest

from tests.calls import answering, call
from tests.docs.pages import PAGES, rows
from tests.prometheus.serving import scrape
from wsgi_observe import observe
from wsgi_observe.metrics import events, sources
from wsgi_observe.metrics.sources import MetricsSources, use_sources
from wsgi_observe.scoreboard.scoreboard import Scoreboard


def test_the_table_of_metrics_is_what_a_server_exports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "_sources", None)
    monkeypatch.setattr(events, "_table", None)
    server_sources = MetricsSources(is_server=True)
    server_sources.worker_entries = Scoreboard.make(1, 1).worker_entries
    use_sources(server_sources)
    events.use_table(server_sources.event_table(0))
    events.set_value(events.LOG_LINES_BUFFERED, "stdout", 0)
    events.set_value(events.LOG_STREAM_BLOCKED, "stdout", 0)
    app = observe(answering(), metrics_path="/metrics", checks={"db": dict})
    for path in ("/", "/ready"):
        call(app, path)
    exported: dict[str, set[str]] = {}
    for sample in scrape(app):
        name = re.sub(r"_(bucket|count|sum|created)$", "", sample.name)
        if name.startswith(("http_server_", "wsgi_observe_")) and not name.endswith("_created"):
            exported.setdefault(name, set()).update(sample.labels.keys() - {"le"})
    listed: dict[str, set[str]] = {}
    labels: set[str] = set()
    for name, named, _ in (row for row in rows(PAGES["metrics"]) if len(row) == 3):
        if re.match(r"`(http_server|wsgi_observe)_", name):
            labels = labels if named == "the same" else set(re.findall(r"`(\w+)`", named))
            listed[name.strip("`")] = labels
    assert listed == exported
