"""A program that logs what requests log, to a file: ``python -m tests.cli.logging_app FILE``."""

from __future__ import annotations

import logging
import sys
from typing import Any

from tests.calls import call
from wsgi_observe import bind, configure_logging, observe

FAKE_LINE = '{"timestamp":"2020-01-01T00:00:00.000Z","level":"ERROR","message":"fake"}'
HOSTILE_TEXTS = (
    '"buffered":true',
    "\x1b[31mred\x1b]0;title\x07",
    "nul \x00, bidi \u202e, surrogate \ud800, separator \u2028",
    f"first\r\n{FAKE_LINE}\n2020-01-01 00:00:00 ERROR fake",
    "'; DROP TABLE wsgi_observe_log; --",
)
_log = logging.getLogger("shop")


def app(environ: Any, start_response: Any) -> Any:
    path = environ["PATH_INFO"]
    bind(route=path, order_id=7)
    _log.debug("order %d is read", 7)
    if path == "/crash":
        raise RuntimeError("no charges")
    if path == "/long":
        _log.warning("long %s end", "x" * 9000)
    if path == "/hostile":
        bind(version={"a": [1]}, endpoint=3)  # of other types than columns have
        for text in HOSTILE_TEXTS:
            fields = {"extra": text, text: 1, "": 2, "deep": [{"buffered": True}], "log_level": 3}
            _log.warning("hostile: %s", text, extra={**fields, "status_code": "paid"})
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ok"]


if __name__ == "__main__":
    configure_logging(
        log_stream=sys.argv[1],
        log_format="json",
        log_level="INFO",
        debug_on_error=True,
        log_fields={"service": "shop"},
    )
    observed = observe(app)
    for name in ("fine", "crash", "long", "hostile"):
        call(observed, f"/{name}", HTTP_X_REQUEST_ID=name)
    _log.critical("outside a request")
