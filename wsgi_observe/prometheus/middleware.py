"""Metrics: the middleware that counts requests, and serves the metrics at ``metrics_path``."""

from __future__ import annotations

from bisect import bisect_left
from time import perf_counter, time
from typing import TYPE_CHECKING, Any

from wsgi_observe._loggers import get_logger
from wsgi_observe.metrics.series import MAX_SERIES, SeriesTable
from wsgi_observe.metrics.sources import process_sources
from wsgi_observe.prometheus.exposition import MetricsApp
from wsgi_observe.prometheus.instruments import (
    BUCKETS,
    DURATION_BOUNDS,
    OTHER_METHOD,
    Instruments,
    known_methods,
    make_instruments,
    method_label,
)
from wsgi_observe.prometheus.routes import get_route, install_route_recorders
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_log = get_logger("wsgi_observe.prometheus")

OVERFLOW = "overflow"
"""The route of requests for which there is no room; their status code is a class such as 5xx."""

_OVERFLOW_STATUSES = ("1xx", "2xx", "3xx", "4xx", "5xx", "")
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
        instruments = make_instruments(has_scoreboard=sources.is_server)
        self._path = settings.metrics_path or None
        self._metrics_app = MetricsApp(sources)
        self._active_requests = instruments.active_requests
        self._series = _SeriesByLabels(instruments, sources.memory.series)
        install_route_recorders(app)

    def process_request(
        self, exchange: Exchange, environ: WSGIEnvironment
    ) -> WSGIApplication | None:
        """Answer a scrape as a probe is, without an access line; start the clock of any other."""
        if environ.get("PATH_INFO") == self._path and environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            exchange.context.is_probe = True
            return self._metrics_app
        started = perf_counter()
        active = self._active_requests
        if active is not None:
            active = active.labels(method_label(environ.get("REQUEST_METHOD", "")))
            active.inc()
        series = self._series

        def record_request(exchange: Exchange) -> None:
            if active is not None:
                active.dec()
            if not exchange.context.is_probe:
                series.observe(exchange, perf_counter() - started)

        exchange.on_close = (
            (record_request, *exchange.on_close) if exchange.on_close else (record_request,)
        )
        return None


class _Series:
    """The metrics of one label set."""

    __slots__ = ("_due", "_position", "_table", "observe_duration", "observe_size")

    def __init__(
        self, instruments: Instruments, table: SeriesTable, labels: tuple[str, ...]
    ) -> None:
        self.observe_duration = instruments.duration.labels(*labels).observe
        self.observe_size = instruments.response_size.labels(*labels).observe
        self._table, self._position = table, table.find(labels)
        self._due = [0.0] * len(BUCKETS)

    def observe(self, exchange: Exchange, seconds: float) -> None:
        """Count a request."""
        self.observe_duration(seconds)
        response = exchange.response
        self.observe_size(response.bytes_written + response.bytes_yielded)
        bucket, now = bisect_left(DURATION_BOUNDS, seconds), perf_counter()
        if now >= self._due[bucket] and self._position is not None:
            self._due[bucket] = now + _EXEMPLAR_INTERVAL_SECONDS
            context = exchange.context
            ids = context.request_id or "", (context.trace or {}).get("trace_id", "")
            self._table.write_exemplar(self._position, bucket, seconds, time(), ids)


class _SeriesByLabels:
    """The series of this process, found by what a request has."""

    def __init__(self, instruments: Instruments, table: SeriesTable) -> None:
        self._instruments, self._table = instruments, table
        self._known: dict[tuple[str, str, str], _Series] = {}
        self._methods = {name: name for name in known_methods()}

    def observe(self, exchange: Exchange, seconds: float) -> None:
        """Count a request in its series."""
        method = self._methods.get(exchange.environ.get("REQUEST_METHOD", ""), OTHER_METHOD)
        response = exchange.response
        status = response.status[:3] if response.headers_sent_at else ""
        labels = method, get_route(exchange), status
        series = self._known.get(labels)
        if series is None:
            series = self._add(labels)
        series.observe(exchange, seconds)

    def _add(self, labels: tuple[str, str, str]) -> _Series:
        if self._table.find_or_add(labels) is None:
            if self._table.is_first_warning():
                _log.warning(
                    "metrics have %d label sets, which is the limit: further ones are counted with "
                    "the route %r; check for routes that are added while the app serves",
                    *(MAX_SERIES, OVERFLOW),
                )
            status = labels[2]
            labels = OTHER_METHOD, OVERFLOW, f"{status[:1]}xx" if status else ""
            if labels in self._known:
                return self._known[labels]
        series = self._known[labels] = _Series(self._instruments, self._table, labels)
        return series
