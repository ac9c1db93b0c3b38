"""What grows with the service: threads, bound fields, checks, headers; flat or linear."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.apps import flask_hello, passing_check, trivial
from benchmarks.costs import Cost, Row, Series
from benchmarks.timing import Call, Subject, in_threads, repeated, request
from wsgi_observe import bind, configure_logging, observe

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

SCALING = "What grows with the service"

THREADS = (1, 8, 64)
FIELDS = (1, 10, 50)
CHECKS = (0, 1, 50)
HEADERS = (10, 100)

GROWING = {
    "threads": (THREADS, "for each thread more"),
    "bound fields": (FIELDS, "for each bound field more"),
    "checks": (CHECKS, "for each check more"),
    "checks, readiness": (CHECKS, "for each check more, readiness"),
    "headers in": (HEADERS, "for each request header more"),
    "headers out": (HEADERS, "for each response header more"),
}
"""What grows, at which counts, and what its slope is called."""

FLAT = 0.1
"""A cost is flat that moves by no more than this part of itself over the whole range."""

BENT = 0.15
"""A cost is linear whose middle point is no further than this part of itself off the line."""


def subjects() -> dict[str, Subject]:
    """Return each, bare and observed."""
    configure_logging(log_format="json", capture_uncaught=False)
    subjects: dict[str, Subject] = {"Flask": repeated(request(flask_hello()))}
    for count in THREADS:
        subjects[f"{count} threads, bare"] = in_threads(request(trivial), count)
        subjects[f"{count} threads"] = in_threads(request(observe(trivial)), count)
    return subjects | {name: repeated(call) for name, call in _growing_calls().items()}


def _growing_calls() -> dict[str, Call]:
    calls = {"trivial": request(trivial)}
    for count in FIELDS:
        calls[f"{count} bound fields"] = request(observe(_binding_app(count)))
    for count in CHECKS:
        checked = observe(
            trivial, checks={f"c{n}": passing_check for n in range(count)}, check_ttl=600.0
        )
        calls[f"{count} checks"] = request(checked)
        calls[f"{count} checks, readiness"] = request(checked, "/ready")
    for count in HEADERS:
        sent, app = _make_headers(count), _headers_app(count)
        calls[f"{count} headers in, bare"] = request(trivial, headers=sent)
        calls[f"{count} headers in"] = request(observe(trivial), headers=sent)
        calls[f"{count} headers out, bare"] = request(app)
        calls[f"{count} headers out"] = request(observe(app))
    return calls


def _make_checks(count: int) -> dict[str, Call]:
    return {f"c{number}": passing_check for number in range(count)}


def _binding_app(count: int) -> WSGIApplication:
    fields = {f"field_{number}": number for number in range(count)}

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        bind(**fields)
        return trivial(environ, start_response)

    return app


def _headers_app(count: int) -> WSGIApplication:
    headers = [("Content-Length", "2"), *_make_headers(count - 1).items()]

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", headers.copy())
        return [b"ok"]

    return app


def _make_headers(count: int) -> dict[str, str]:
    return {f"X-Field-{number}": str(number) for number in range(count)}


def costs() -> list[Cost]:
    """Return what each adds at each count, and for one more of it."""
    rows = []
    for name, (counts, what) in GROWING.items():
        added = {f"{count} {name}": f"added: {count} {name}" for count in counts}
        added[f"slope: {what}"] = f"slope: {name}"
        rows += [Cost(SCALING, title, of, by="scaling: Flask") for title, of in added.items()]
    return rows


def derive(series: Series) -> Series:
    """Return what each growing thing adds at each count, and for one more of it."""
    derived: dict[str, Sequence[float]] = {}
    for name, (counts, _) in GROWING.items():
        if f"scaling: {counts[0]} {name}" not in series:
            continue
        for count in counts:
            derived[f"added: {count} {name}"] = _added(series, f"{count} {name}")
        first, last = counts[0], counts[-1]
        ends = zip(derived[f"added: {first} {name}"], derived[f"added: {last} {name}"], strict=True)
        derived[f"slope: {name}"] = [(end - start) / (last - first) for start, end in ends]
    return derived


def _added(series: Series, name: str) -> list[float]:
    """Return a cost less that of the bare app under the same; readiness has no bare one."""
    observed = series[f"scaling: {name}"]
    if name.endswith("readiness"):
        return list(observed)
    bare = series.get(f"scaling: {name}, bare") or series["scaling: trivial"]
    return [more - less for more, less in zip(observed, bare, strict=True)]


class Growth(NamedTuple):
    """What grows, the counts it was measured at, the cost at each, and what one more adds."""

    name: str
    counts: tuple[int, ...]
    amounts: tuple[float, ...]
    slope: Row

    @property
    def verdict(self) -> str:
        """Return how it grows.

        >>> Growth("fields", (1, 10, 50), (11.0, 20.0, 60.0), None).verdict
        'linear'
        """
        first, *between, last = self.amounts
        if abs(last - first) <= FLAT * first:
            return "flat"
        steps = zip(self.counts[1:-1], between, strict=True)
        is_straight = all(abs(seen - self._line(at)) <= BENT * seen for at, seen in steps)
        return "linear" if is_straight else "neither"

    def _line(self, count: int) -> float:
        share = (count - self.counts[0]) / (self.counts[-1] - self.counts[0])
        return self.amounts[0] + share * (self.amounts[-1] - self.amounts[0])


def find_growths(rows: Iterable[Row]) -> list[Growth]:
    """Return how each in `GROWING` grows, where it was measured."""
    known = {row.what: row for row in rows if row.topic == SCALING}
    growths = []
    for name, (counts, what) in GROWING.items():
        slope = known.get(f"slope: {what}")
        if slope:
            amounts = tuple(known[f"{count} {name}"].amount for count in counts)
            growths.append(Growth(name, counts, amounts, slope))
    return growths
