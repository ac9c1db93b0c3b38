"""Headers that a server may refuse: what it keeps of them, and what it is never handed."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import Server, Start, answering, call_freely, environ
from tests.conftest import Log
from wsgi_observe import observe
from wsgi_observe.wsgi.headers import remove_header, sort_invalid_first

PLAIN = [("Content-Type", "text/plain"), ("Content-Length", "5"), ("Vary", "Cookie")]


class Keeping(Server):
    """Keeps what came before a header that it refuses, as Gunicorn and cheroot do."""

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        self.kept = getattr(self, "kept", [])
        for name, value in headers:
            if not value.isprintable() or "€" in value:
                raise ValueError(f"refused: {name}")
            self.kept.append((name, value))
        self.starts.append(Start(status, self.kept, exc_info))
        return self.write


class FailingOverExcInfo(Server):
    """Takes the start, and fails over the exception that comes with it, as uWSGI does."""

    def start_response(self, status: str, headers: Any, exc_info: Any = None) -> Any:
        if any(name == "X-Name" for name, _ in headers):
            raise TypeError("http headers must be a list of tuples")
        self.starts = [Start(status, headers)]
        if exc_info is not None:
            raise SystemError("returned a result with an exception set")
        return self.write


@pytest.mark.parametrize("value", ["€", "a\r\nSet-Cookie: b", "\x7f"], ids=ascii)
def test_a_refused_header_leaves_nothing_behind_in_the_answer(value: str, log: Log) -> None:
    app = observe(answering(headers=[*PLAIN, ("X-Name", value)]))
    server = Keeping().serve(app, environ())
    assert set(server.headers) == {"content-type", "content-length", "x-request-id", "vary"}
    assert server.headers["content-length"] == str(len(server.body))
    assert (server.code, server.json["code"], log.access["status_code"]) == (500, 500, 500)
    assert log.error["exc_type"] == "ValueError"


def test_a_server_that_fails_over_the_exception_answers_all_the_same(log: Log) -> None:
    app = observe(answering(headers=[("X-Name", "a")]))
    server = FailingOverExcInfo().serve(app, environ())
    assert (server.code, server.json["request_id"]) == (500, server.request_id)
    assert (log.access["status_code"], log.access["outcome"]) == (500, "complete")
    assert log.error["exc_type"] == "TypeError"


@pytest.mark.parametrize("value", [7, None, b"7", ["7"]], ids=repr)
def test_a_header_that_is_no_text_is_a_failure_before_the_server_sees_it(
    value: Any, log: Log
) -> None:
    server = call_freely(observe(answering(headers=[("Vary", value), ("X-Count", value)])))
    assert server.code == server.json["code"] == 500
    assert "PEP 3333" in log.error["exc_info"]
    assert log.access["status_code"] == 500


def test_text_of_another_class_passes() -> None:
    class Text(str):
        __slots__ = ()

    assert call_freely(observe(answering(headers=[("X-Name", Text("a"))]))).headers["x-name"] == "a"


headers = st.lists(st.tuples(st.text(), st.text()))


@given(headers)
def test_odd_headers_come_first_and_none_is_lost(before: list[tuple[str, str]]) -> None:
    after = list(before)
    sort_invalid_first(after)
    assert sorted(after) == sorted(before)
    fit = [_fits(header) for header in after]
    assert fit == sorted(fit)
    assert [one for one in after if _fits(one)] == [one for one in before if _fits(one)]


def _fits(header: tuple[str, str]) -> bool:
    has_name = header[0].isascii() and header[0].isprintable()
    return (
        has_name
        and max(map(ord, header[1]), default=0) < 256
        and not set(header[1])
        & {
            *map(chr, range(9)),
            *map(chr, range(10, 32)),
            "\x7f",
        }
    )


@given(headers)
def test_only_what_has_the_name_is_dropped(before: list[tuple[str, str]]) -> None:
    after = [("X-Request-ID", "a"), *before, ("x-request-id", "b")]
    remove_header(after, "x-request-id")
    assert after == [one for one in before if one[0].lower() != "x-request-id"]
