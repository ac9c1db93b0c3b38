"""The report of all orders: CSV, streamed row by row."""

import csv
import io
import logging
from collections.abc import Generator

from flask import Blueprint, Response, stream_with_context
from sqlalchemy import select

from wsgi_observe.demo.models import Order, open_session

COLUMNS = ("id", "product", "quantity", "cents")

blueprint = Blueprint("reports", __name__)
logger = logging.getLogger(__name__)


@blueprint.get("/report")
def report() -> Response:
    """Stream all orders as CSV."""
    return Response(stream_with_context(report_lines()), mimetype="text/csv")


def report_lines() -> Generator[str, None, None]:
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


def _csv_line(values: tuple[object, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow(values)
    return line.getvalue()
