"""Reports: the orders as CSV, streamed row by row; and two that fail as real code does.

Each of those has a secret in its exception, which is redacted.
"""

import csv
import io
import logging
from collections.abc import Generator, Iterator
from contextlib import closing
from itertools import islice

from flask import Blueprint, Response, stream_with_context
from flask.typing import ResponseReturnValue
from sqlalchemy import select

from wsgi_observe.demo.models import Order, open_session

COLUMNS = ("id", "product", "quantity", "cents")

blueprint = Blueprint("reports", __name__)
logger = logging.getLogger(__name__)


class PaymentError(Exception):
    """The payment provider sent an unexpected response."""


@blueprint.get("/report")
def report() -> Response:
    """Stream all orders as CSV."""
    return Response(stream_with_context(_iter_report_lines()), mimetype="text/csv")


@blueprint.get("/crash")
def crash() -> ResponseReturnValue:
    """Fail before the response starts: the client gets the error envelope."""
    return {"average_cents": _average_cents([])}


@blueprint.get("/report/broken")
def broken_report() -> Response:
    """Fail in the middle of a stream: the client gets a truncated response."""
    return Response(stream_with_context(_iter_failing_lines(after=5)), mimetype="text/csv")


def _iter_report_lines() -> Generator[str, None, None]:
    """Yield the lines of the report, reading orders in batches, so that memory use is bounded."""
    oldest_first = select(Order).order_by(Order.id).execution_options(yield_per=100)
    count = 0
    with open_session() as session:
        orders = session.scalars(oldest_first)
        yield _csv_line(COLUMNS)
        for order in orders:
            yield _csv_line((order.id, order.product.name, order.quantity, order.cents))
            count += 1
    logger.info("report sent", extra={"orders": count})


def _average_cents(charges: list[int]) -> float:
    try:
        return sum(charges) / len(charges)
    except ZeroDivisionError as error:
        source = "https://pay.example/charges?api_key=demo-secret-4242"
        raise PaymentError(f"no charges in {source}") from error


def _iter_failing_lines(after: int) -> Iterator[str]:
    with closing(_iter_report_lines()) as lines:
        yield from islice(lines, after)
        raise ConnectionError("lost postgresql://reports:demo-secret-4242@warehouse/orders")


def _csv_line(values: tuple[object, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
