"""Failures: what ``error_id`` and ``debug_on_error`` cost, beside what `logging` itself takes.

``python -m benchmarks.failures``
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from benchmarks.apps import flask_hello, trivial
from benchmarks.commands import measure_children, parse_options, print_costs
from benchmarks.costs import Cost
from benchmarks.log_lines import KINDS, SETUPS, failing, running_request_context
from benchmarks.processes import ChildProcess
from benchmarks.timing import Call, Subject, repeated, request
from wsgi_observe import configure_logging, observe
from wsgi_observe.logs.error_id import get_error_id

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_DEBUG_CALLS = 100  # of a request: fewer than are held

COSTS = (
    Cost("failures", "100 debug calls held ÷ made", "on: debug", "on: request", "off: made"),
    Cost("failures", "a request without them, more", "on: request", "off: request", "off: Flask"),
    Cost("failures", "error_id ÷ an ERROR line", "off: error_id", None, "off: ERROR line"),
)


def main() -> None:
    """Measure and print."""
    options = parse_options("failures")
    settings = ("off", "on")
    children = [ChildProcess(one, ("benchmarks.failures:subjects", one)) for one in settings]
    print_costs(COSTS, measure_children(children, options))


def subjects(setting: str) -> dict[str, Subject]:
    """Return what is measured with ``debug_on_error`` on or off."""
    configure_logging(log_format="json", debug_on_error=setting == "on")
    calls: dict[str, Call] = {"request": request(observe(trivial))}
    if setting == "on":
        calls["debug"] = request(observe(_debugging))
    else:
        calls |= {"Flask": request(flask_hello()), "made": _make_records(), **_fail()}
    return {name: repeated(call) for name, call in calls.items()}


def _debugging(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    _log_debug_records(logging.getLogger("shop"))
    return trivial(environ, start_response)


def _log_debug_records(log: logging.Logger) -> None:
    for number in range(_DEBUG_CALLS):
        log.debug("order %s read in %d steps", 4711, number)


def _make_records() -> Call:
    """Return a call that has `logging` make the records, and hand them to a handler of its own."""
    loggers = logging.Manager(logging.RootLogger(logging.DEBUG))
    loggers.root.addHandler(logging.NullHandler())
    return partial(_log_debug_records, loggers.getLogger("shop"))


def _fail() -> dict[str, Call]:
    """Return the ERROR line of an exception, and its fingerprint alone."""
    inside = running_request_context()
    line = inside.run(SETUPS["wsgi_observe, json"])(KINDS["traceback"])
    errors: list[BaseException] = []
    failing(lambda: errors.append(sys.exception() or ValueError()))()
    return {
        "ERROR line": partial(inside.run, failing(line)),
        "error_id": partial(get_error_id, errors[0]),
    }


if __name__ == "__main__":
    main()
