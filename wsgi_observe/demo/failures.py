"""Views that fail as real code does, each with a secret in its exception, which is redacted."""

from collections.abc import Iterator
from contextlib import closing
from itertools import islice

from flask import Blueprint, Response, stream_with_context
from flask.typing import ResponseReturnValue

from wsgi_observe.demo.reports import report_lines

blueprint = Blueprint("failures", __name__)


class PaymentError(Exception):
    """The payment provider sent an unexpected response."""


@blueprint.get("/crash")
def crash() -> ResponseReturnValue:
    """Fail before the response starts: the client gets the error envelope."""
    return {"average_cents": _average_cents([])}


@blueprint.get("/report/broken")
def broken_report() -> Response:
    """Fail in the middle of a stream: the client gets a truncated response."""
    return Response(stream_with_context(_iter_failing_lines(after=5)), mimetype="text/csv")


def _average_cents(charges: list[int]) -> float:
    try:
        return sum(charges) / len(charges)
    except ZeroDivisionError as error:
        source = "https://pay.example/charges?api_key=demo-secret-4242"
        raise PaymentError(f"no charges in {source}") from error


def _iter_failing_lines(after: int) -> Iterator[str]:
    with closing(report_lines()) as lines:
        yield from islice(lines, after)
        raise ConnectionError("lost postgresql://reports:demo-secret-4242@warehouse/orders")
