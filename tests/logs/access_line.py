"""The access line of one request, as `configure_logging` writes it in a process of its own."""

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support import strict_json
from wsgi_observe import bind, configure_logging, observe

_variable = re.compile(
    r'("(?:timestamp|duration_ms|ttfb_ms|span_id)":)(?:"[^"]*"|\d+\.\d{1,3}(?=[,}]))'
)
_access = logging.getLogger("wsgi_observe.access")


@contextmanager
def only_ours(encoder: str = "json") -> Iterator[io.StringIO]:
    """Root has our handler alone, as after `configure_logging` in a process of its own."""
    configure_logging(log_format="json", log_fields={"service": "shop"}, log_encoder=encoder)
    root = logging.getLogger()
    # Those that pytest adds for each phase of a test listen too.
    (ours,) = root.handlers[:] = [one for one in root.handlers if one.name == "wsgi_observe"]
    stream = io.StringIO()
    ours.setStream(stream)  # type: ignore[attr-defined]
    try:
        yield stream
    finally:
        ours.close()


def line_of(
    stream: io.StringIO,
    environ: dict[str, Any],
    fields: dict[str, object],
    around: Any = observe,
    status: str = "200 OK",
    **settings: Any,
) -> str:
    """Return a request's access line, with a 0 for what differs each time."""

    def app(environ: Any, start_response: Any) -> Any:
        bind(**fields)
        start_response(status, [])
        return [b"ok"]

    stream.seek(0)
    stream.truncate()
    body = around(app, **settings)(environ, lambda *_: None)
    list(body)
    body.close()
    # A notice about the captured stream may stand before it.
    lines = [line for line in stream.getvalue().split("\n") if f'"{_access.name}"' in line]
    (line,) = lines
    assert strict_json(line)["logger"] == _access.name
    return _variable.sub(r"\g<1>0", line)
