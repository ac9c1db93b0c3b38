"""Instruments: the metrics of requests, with the names and labels of OpenTelemetry's conventions.

https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
"""

from __future__ import annotations

import os
from functools import cache
from typing import NamedTuple

from prometheus_client import Gauge, Histogram
from prometheus_client.utils import floatToGoString

DURATION = "http_server_request_duration_seconds"
RESPONSE_SIZE = "http_server_response_body_size_bytes"
ACTIVE_REQUESTS = "http_server_active_requests"
ACTIVE_REQUESTS_HELP = "Requests that are running."

LABELS = ("http_request_method", "http_route", "http_response_status_code")

# The boundaries that the conventions ask for.
DURATION_BOUNDS = (
    *(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75),
    *(1.0, 2.5, 5.0, 7.5, 10.0),
)
_SIZE_BOUNDS = (1e3, 1e4, 1e5, 1e6, 1e7)

BUCKETS = {
    floatToGoString(bound): number for number, bound in enumerate((*DURATION_BOUNDS, float("inf")))
}
"""The number of each bucket of the durations by its label ``le``."""

OTHER_METHOD = "_OTHER"
# RFC 9110, RFC 5789 (PATCH), and QUERY, which OpenTelemetry knows too.
_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")


@cache
def known_methods() -> frozenset[str]:
    """Return the methods that are a label's value; OpenTelemetry asks for this variable."""
    names = os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "")
    return frozenset(name.strip() for name in names.split(",") if name.strip()) or frozenset(
        _METHODS
    )


def method_label(method: str) -> str:
    """Return a method as the value of a label.

    >>> method_label("GET"), method_label("BREW"), method_label("get")
    ('GET', '_OTHER', '_OTHER')
    """
    return method if method in known_methods() else OTHER_METHOD


class Histograms(NamedTuple):
    """What the middleware counts of a request that has ended."""

    duration: Histogram
    response_size: Histogram


@cache
def make_histograms() -> Histograms:
    """Return the histograms of this process, which all observed apps in it share.

    Made late: the client decides then whether it counts in memory or in the server's files.
    """
    duration = Histogram(
        DURATION,
        "Duration of requests, from the call of the app to the end of the response.",
        LABELS,
        buckets=DURATION_BOUNDS,
    )
    response_size = Histogram(
        RESPONSE_SIZE, "Size of response bodies as the app made them.", LABELS, buckets=_SIZE_BOUNDS
    )
    return Histograms(duration, response_size)


class GaugeByMethod(dict[str, Gauge]):
    """The gauge of running requests for each method; any may be asked for."""

    def __missing__(self, method: str) -> Gauge:
        return self[OTHER_METHOD]


@cache
def make_active_requests() -> GaugeByMethod:
    """Return the gauge of running requests; a server has them in its scoreboard."""
    gauge = Gauge(ACTIVE_REQUESTS, ACTIVE_REQUESTS_HELP, LABELS[:1], multiprocess_mode="livesum")
    return GaugeByMethod({one: gauge.labels(one) for one in (*known_methods(), OTHER_METHOD)})
