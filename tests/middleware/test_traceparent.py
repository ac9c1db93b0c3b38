"""A caller's trace (W3C Trace Context) on the log lines, with nobody else's help."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, call, raising
from tests.conftest import Log
from wsgi_observe import log_context, observe
from wsgi_observe.context import current_context

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


def test_every_line_tells_the_trace_and_one_span_of_ours(log: Log) -> None:
    call(observe(raising(ValueError())), HTTP_TRACEPARENT=PARENT)
    error, access = log.lines
    assert (error["trace_id"], access["trace_id"]) == (TRACE, TRACE)
    assert error["span_id"] == access["span_id"] != "b7ad6b7169203331"
    assert re.fullmatch(r"(?!0{16})[0-9a-f]{16}", access["span_id"])


def test_two_requests_of_a_trace_have_spans_of_their_own(log: Log) -> None:
    for _ in range(2):
        call(observe(answering()), HTTP_TRACEPARENT=PARENT)
    assert len({line["span_id"] for line in log.lines}) == 2


@pytest.mark.parametrize("header", [f"{PARENT} ", f"\t{PARENT}", f" {PARENT}\t"], ids=repr)
def test_optional_white_space_round_the_header_is_removed(header: str, log: Log) -> None:
    call(observe(answering()), HTTP_TRACEPARENT=header)
    assert log.access["trace_id"] == TRACE


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(f"00-{'0' * 32}-b7ad6b7169203331-01", id="a trace of zeros"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", id="a parent of zeros"),
        pytest.param(f"ff-{TRACE}-b7ad6b7169203331-01", id="version ff"),
        pytest.param(f"00-{TRACE.upper()}-b7ad6b7169203331-01", id="capitals"),
        pytest.param(f"{PARENT}-more", id="version 00 with more"),
        pytest.param(f"{PARENT},{PARENT}", id="two headers"),
        pytest.param(f"{PARENT}\n", id="a newline"),
        pytest.param("", id="nothing"),
    ],
)
def test_a_header_that_is_not_valid_is_as_none(header: str, log: Log) -> None:
    call(observe(answering()), HTTP_TRACEPARENT=header)
    assert not {"trace_id", "span_id"} & set(log.access)


def test_a_trace_of_a_stranger_is_not_joined(log: Log) -> None:
    call(observe(answering(), trust_request_id=("10.0.0.0/8",)), HTTP_TRACEPARENT=PARENT)
    assert "trace_id" not in log.access


@given(header=st.text(st.characters(max_codepoint=255), max_size=80))
def test_whatever_the_header_says_the_ids_are_lower_case_hex(header: str) -> None:
    seen: list[Any] = []

    def app(environ: Any, start_response: Any) -> Any:
        context = current_context()
        assert context is not None
        seen.append(context.trace)
        return answering()(environ, start_response)

    call(observe(app), HTTP_TRACEPARENT=header)
    assert all(re.fullmatch("[0-9a-f]+", value) for value in (seen[0] or {}).values())


def test_a_job_within_the_request_goes_on_with_its_trace(log: Log) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        with log_context("job"):
            context = current_context()
            assert context is not None
            assert context.trace is not None
            assert context.trace["trace_id"] == TRACE
        return answering()(environ, start_response)

    call(observe(app), HTTP_TRACEPARENT=PARENT)
    assert log.access["status_code"] == 200


def test_a_field_of_the_apps_does_not_take_the_names(log: Log) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        context = current_context()
        assert context is not None
        context.bind({"trace_flags": "mine"})
        return answering()(environ, start_response)

    call(observe(app))
    assert log.access["extra_trace_flags"] == "mine"
