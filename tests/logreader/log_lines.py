"""Log lines as these tests read them: of a request that failed, and single ones."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from wsgi_observe import log_context
from wsgi_observe.logs import JsonFormatter

ID = "01a2250e000170b58fec10fd74e8730a"
OTHER_ID = "01a2250e000c7d6ca1bb8e4b740f8154"
START = datetime(2026, 11, 29, 2, 6, 44, tzinfo=UTC).timestamp()

TRACEBACK = """\
Traceback (most recent call last):
  File "/srv/shop/prices.py", line 33, in average
    return sum(charges) / len(charges)
           ~~~~~~~~~~~~~^~~~~~~~~~~~~~
ZeroDivisionError: division by zero

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/srv/.venv/lib/python3.11/site-packages/flask/app.py", line 917, in full_dispatch_request
    rv = self.dispatch_request()
         ^^^^^^^^^^^^^^^^^^^^^^^
  File "/srv/shop/views.py", line 22, in crash
    return {"average": average([])}
  File "/srv/shop/prices.py", line 36, in average
    raise PaymentError("no charges") from error
shop.prices.PaymentError: no charges"""


def line(message: str = "order read", at: float = 0.0, **fields: Any) -> str:
    """Return a line of a request, logged `at` seconds after it began."""
    time = datetime.fromtimestamp(START + at, UTC).isoformat(timespec="milliseconds")
    every: dict[str, Any] = {
        "timestamp": time.replace("+00:00", "Z"),
    }
    every |= {"level": "INFO", "logger": "shop", "module": "shop", "message": message, "pid": 7}
    every |= {"request_id": ID, "method": "GET", "path": "/crash", "remote_addr": "192.0.2.7"}
    every |= {"route": "/crash"}
    kept = {name: value for name, value in (every | fields).items() if value is not None}
    return json.dumps(kept, separators=(",", ":"))


def access_line(at: float = 0.5, status: int = 500, **fields: Any) -> str:
    """Return the line of a request that has ended."""
    ending = {"status_code": status, "duration_ms": at * 1000, "response_bytes": 145}
    ending |= {"outcome": "complete", "user_agent": "curl/8", "logger": "wsgi_observe.access"}
    return line(**{"message": f"GET /crash {status}", "at": at, **ending, **fields})


def error_line(at: float = 0.4, **fields: Any) -> str:
    """Return the ERROR line of a request."""
    exception = {"level": "ERROR", "exc_type": "PaymentError", "exc_info": TRACEBACK}
    return line(**{"message": "Exception on /crash [GET]", "at": at, **exception, **fields})


FAILED_REQUEST = [line(at=0.1, order_id=7), error_line(), access_line()]


def continued_lines(message: str) -> list[str]:
    """Return the lines of a record that is too long for one."""
    record = logging.makeLogRecord(
        {"name": "shop", "levelname": "ERROR", "levelno": 40, "msg": message, "created": START}
    )
    with log_context(ID):
        return [each.decode().rstrip("\n") for each in JsonFormatter().lines(record)]
