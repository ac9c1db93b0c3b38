"""The access line that is made without a record: the same line, wherever it may be."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import strict_json
from wsgi_observe import bind, configure_logging, observe
from wsgi_observe.logs import direct

TEXTS = st.text(max_size=20)
MOMENTS = {"timestamp", "duration_ms", "ttfb_ms"}
_access = logging.getLogger("wsgi_observe.access")


@contextmanager
def only_ours() -> Iterator[io.StringIO]:
    """Root has our handler alone, as after `configure_logging` in a process of its own."""
    configure_logging(log_format="json", log_fields={"service": "shop"})
    root = logging.getLogger()
    # Those that pytest adds for each phase of a test listen too.
    (ours,) = root.handlers[:] = [one for one in root.handlers if one.name == "wsgi_observe"]
    stream = io.StringIO()
    ours.setStream(stream)  # type: ignore[attr-defined]
    try:
        yield stream
    finally:
        ours.close()


def line_of(stream: io.StringIO, environ: dict[str, Any], fields: dict[str, object]) -> Any:
    def app(environ: Any, start_response: Any) -> Any:
        bind(**fields)
        start_response("200 OK", [])
        return [b"ok"]

    stream.seek(0)
    stream.truncate()
    body = observe(app, request_id_headers=("X-Request-ID",))(environ, lambda *_: None)
    list(body)
    body.close()
    lines = [strict_json(line) for line in stream.getvalue().split("\n") if line]
    # A notice about the captured stream may stand before it.
    (line,) = [line for line in lines if line["logger"] == _access.name]
    return [(key, value) for key, value in line.items() if key not in MOMENTS]


@given(
    path=TEXTS.map(lambda text: "/" + text.encode().decode("latin-1")),
    method=st.sampled_from(["GET", "POST", "BREW"]),
    agent=st.none() | st.text(st.characters(max_codepoint=255), max_size=20),
    fields=st.dictionaries(st.sampled_from(["order", "path", "status", "level"]), TEXTS),
)
def test_the_line_is_the_one_that_a_record_makes(
    clean_logging: None, path: str, method: str, agent: str | None, fields: dict[str, object]
) -> None:
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1"}
    environ["HTTP_X_REQUEST_ID"] = "a"
    if agent is not None:
        environ["HTTP_USER_AGENT"] = agent
    with only_ours() as stream:
        without = line_of(stream, dict(environ), fields)
        _access.addFilter(lets_all_through)
        try:
            assert line_of(stream, dict(environ), fields) == without
        finally:
            _access.removeFilter(lets_all_through)


def lets_all_through(record: logging.LogRecord) -> bool:
    return True


class Shouting(logging.LogRecord):
    """A record class of the user's."""


def a_second_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "handlers", [*logging.root.handlers, logging.NullHandler()])


def a_handler_on_the_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.getLogger("wsgi_observe"), "handlers", [logging.NullHandler()])


def a_filter_on_the_logger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_access, "filters", [lets_all_through])


def a_filter_on_the_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root.handlers[0], "filters", [lets_all_through])


def a_record_factory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "_logRecordFactory", Shouting)


def a_patched_class(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.Logger, "callHandlers", lambda self, record: None)


def an_end_of_propagation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_access, "propagate", False)


def another_formatter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root.handlers[0], "formatter", logging.Formatter())


def a_handler_that_hears_warnings_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root.handlers[0], "level", logging.WARNING)


@pytest.mark.parametrize(
    "listener",
    [
        pytest.param(listener, id=listener.__name__.replace("_", " "))
        for listener in (
            a_second_handler,
            a_handler_on_the_way,
            a_filter_on_the_logger,
            a_filter_on_the_handler,
            a_record_factory,
            a_patched_class,
            an_end_of_propagation,
            another_formatter,
            a_handler_that_hears_warnings_only,
        )
    ],
)
def test_a_record_is_made_as_soon_as_anybody_else_may_hear_it(
    listener: Any, clean_logging: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (_access, logging.INFO, "access_log", "GET / 200", {"status": 200})
    with only_ours():
        assert direct.write_directly(*arguments)
        with monkeypatch.context() as patching:
            listener(patching)
            assert not direct.write_directly(*arguments)
