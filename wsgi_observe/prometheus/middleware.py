"""Metrics: the middleware that counts requests, and serves the metrics at ``metrics_path``."""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter, time
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from wsgi_observe._loggers import get_logger
from wsgi_observe.context import RequestContext
from wsgi_observe.metrics.series import MAX_SERIES, SeriesTable
from wsgi_observe.metrics.sources import process_sources
from wsgi_observe.prometheus.instruments import (
    BUCKETS,
    DURATION_BOUNDS,
    OTHER_METHOD,
    Histograms,
    make_active_requests,
    make_histograms,
    method_label,
)
from wsgi_observe.prometheus.metrics_app import MetricsApp
from wsgi_observe.prometheus.routes import get_route, install_route_recorders
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware

_log = get_logger("wsgi_observe.prometheus")

OVERFLOW = "overflow"
"""The route of requests for which there is no room; their status code is a class such as 5xx."""

_EXEMPLAR_INTERVAL_SECONDS = 1.0  # a bucket keeps one, and is scraped every few seconds


class Metrics(Middleware):
    """Count each request by method, route template and status code; probes are not counted.

    :param settings: the default of ``metrics_path``; empty for nowhere.
    :raises SettingsError: for an unknown setting or an invalid value.
    """

    def __init__(
        self,
        app: WSGIApplication,
        settings: Settings | None = None,
        **overrides: Any,
    ) -> None:
        settings = (settings or Settings()).replace(**overrides)
        super().__init__(app)
        sources = process_sources()
        self._path = settings.metrics_path or None
        self._metrics_app = MetricsApp(sources)
        self._series_by_labels = _SeriesByLabels(make_histograms(), sources.series)
        # A server has them in its scoreboard.
        self._active_requests = None if sources.is_server else make_active_requests()
        install_route_recorders(app)

    def process_request(
        self, exchange: Exchange, environ: WSGIEnvironment
    ) -> WSGIApplication | None:
        """Answer a scrape as a probe is, without an access line; start the clock of any other."""
        if environ.get("PATH_INFO") == self._path and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            exchange.context.is_probe = True
            return self._metrics_app
        started = perf_counter()
        series_by_labels = self._series_by_labels
        active_requests = None
        if self._active_requests is not None:
            active_requests = self._active_requests[environ.get("REQUEST_METHOD", "")]
            active_requests.inc()

        def record_request(exchange: Exchange) -> None:
            if active_requests is not None:
                active_requests.dec()
            context, response = exchange.context, exchange.response
            if context.is_probe:
                return
            now = perf_counter()
            series = series_by_labels[
                exchange.environ.get("REQUEST_METHOD", ""),
                get_route(exchange) if context.route is None else context.route,
                response.status[:3] if response.headers_sent_at else "",
            ]
            series.observe_duration(now - started)
            series.observe_size(response.bytes_written + response.bytes_yielded)
            if now >= series.exemplars_due[bisect_left(DURATION_BOUNDS, now - started)]:
                series.write_exemplar(context, now, now - started)

        exchange.on_close = (
            (record_request, *exchange.on_close) if exchange.on_close else (record_request,)
        )
        return None


class _Series:
    """The metrics of one label set.

    :ivar exemplars_due: when each bucket is to have another exemplar.
    """

    __slots__ = ("_labels", "_table", "exemplars_due", "observe_duration", "observe_size")

    def __init__(self, histograms: Histograms, table: SeriesTable, labels: tuple[str, ...]) -> None:
        self.observe_duration = histograms.duration.labels(*labels).observe
        self.observe_size = histograms.response_size.labels(*labels).observe
        self._table, self._labels = table, labels
        self.exemplars_due = [0.0] * len(BUCKETS)

    def write_exemplar(self, context: RequestContext, now: float, seconds: float) -> None:
        """Write a request as the example of its bucket."""
        bucket = bisect_left(DURATION_BOUNDS, seconds)
        self.exemplars_due[bucket] = now + _EXEMPLAR_INTERVAL_SECONDS
        ids = context.request_id or "", (context.trace or {}).get("trace_id", "")
        self._table.write_exemplar(self._labels, bucket, seconds, time(), ids)


class _SeriesByLabels(dict[tuple[str, str, str], _Series]):
    """The series of this process by what a request has: any method, its route, its status code."""

    def __init__(self, histograms: Histograms, table: SeriesTable) -> None:
        self._histograms, self._table = histograms, table

    def __missing__(self, key: tuple[str, str, str]) -> _Series:
        method, route, status = key
        labels = method_label(method), route, status
        if labels != key:
            return self[labels]
        if route != OVERFLOW and not self._table.add(labels):
            self._warn()
            return self[OTHER_METHOD, OVERFLOW, f"{status[:1]}xx" if status else ""]
        series = self[key] = _Series(self._histograms, self._table, labels)
        return series

    def _warn(self) -> None:
        if not self._table.has_warned:
            self._table.has_warned = True
            _log.warning(
                "metrics have %d label sets, which is the limit: further ones are counted with the "
                "route %r; check for routes that are added while the app serves",
                *(MAX_SERIES, OVERFLOW),
            )
