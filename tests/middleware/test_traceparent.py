"""A caller's trace (W3C Trace Context): continued or started, on log lines and for others."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, call, doing, raising
from tests.conftest import Log
from wsgi_observe import current_traceparent, current_tracestate, log_context, observe
from wsgi_observe.context import current_context
from wsgi_observe.trace_context import parse_tracestate

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
    assert not {"trace_id", "span_id", "trace_flags"} & set(log.access)


def test_a_trace_of_a_stranger_is_not_joined(log: Log) -> None:
    call(observe(answering(), trust_request_id=("10.0.0.0/8",)), HTTP_TRACEPARENT=PARENT)
    assert "trace_id" not in log.access


def asking(seen: list[Any]) -> Any:
    """Return an app that notes what it would send on."""
    return doing(lambda: seen.append((current_traceparent(), current_tracestate())))


@pytest.mark.parametrize("mode", ["auto", "always"])
@pytest.mark.parametrize(
    ("flags", "kept"), [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("fd", "01")]
)
def test_flags_are_kept_but_those_that_are_not_defined(
    flags: str, kept: str, mode: str, log: Log
) -> None:
    seen: list[Any] = []
    header = f"00-{TRACE}-b7ad6b7169203331-{flags}"
    call(observe(asking(seen), trace=mode), HTTP_TRACEPARENT=header, HTTP_TRACESTATE="congo=1")
    assert log.access["trace_flags"] == kept
    assert seen == [(f"00-{TRACE}-{log.access['span_id']}-{kept}", "congo=1")]


def test_auto_starts_no_trace(log: Log) -> None:
    seen: list[Any] = []
    call(observe(asking(seen)), HTTP_TRACESTATE="congo=1")
    assert seen == [(None, None)]
    assert "trace_id" not in log.access


def test_off_continues_none(log: Log) -> None:
    seen: list[Any] = []
    call(observe(asking(seen), trace="off"), HTTP_TRACEPARENT=PARENT)
    assert seen == [(None, None)]
    assert "trace_id" not in log.access


def test_always_starts_one_that_is_random_and_not_sampled(log: Log) -> None:
    seen: list[Any] = []
    call(observe(asking(seen), trace="always"), HTTP_TRACESTATE="congo=1")
    line = log.access
    assert line["trace_flags"] == "02"
    assert line["trace_id"] == line["request_id"]  # made here: 62 of its bits are random
    assert seen == [(f"00-{line['trace_id']}-{line['span_id']}-02", None)]


def test_a_trace_that_starts_takes_no_id_that_a_client_has_chosen(log: Log) -> None:
    call(observe(answering(), trace="always"), HTTP_X_REQUEST_ID="0" * 31 + "1")
    assert log.access["request_id"] == "0" * 31 + "1"
    assert re.fullmatch(r"(?!0{31})[0-9a-f]{32}", log.access["trace_id"])


def test_always_restarts_the_trace_of_a_stranger(log: Log) -> None:
    seen: list[Any] = []
    app = observe(asking(seen), trace="always", trust_request_id=("10.0.0.0/8",))
    for address in ("192.0.2.1", "10.0.0.1"):
        headers = {"HTTP_TRACEPARENT": PARENT, "HTTP_TRACESTATE": "congo=1"}
        call(app, REMOTE_ADDR=address, **headers)
    strange, trusted = log.lines
    assert (strange["trace_id"] != TRACE, strange["trace_flags"]) == (True, "02")
    assert (trusted["trace_id"], trusted["trace_flags"]) == (TRACE, "01")
    assert [tracestate for _, tracestate in seen] == [None, "congo=1"]


def test_outside_a_request_there_is_no_trace() -> None:
    assert current_traceparent() is current_tracestate() is None


@given(header=st.text(st.sampled_from("ab1=,@_ \t\x7f\n*-/A"), max_size=60))
def test_a_tracestate_that_is_sent_on_is_valid_and_was_received(header: str) -> None:
    kept = parse_tracestate(header)
    received = [member.strip(" \t") for member in header.split(",")]
    if kept:
        assert kept.split(",") == [member for member in received if member]
        assert re.fullmatch(r"([a-z0-9][a-z0-9_*/@-]*=[^=,\t\n\x7f]*[^=, \t\n\x7f],?)+", kept)


KEYS = st.from_regex("[a-z]{1,9}", fullmatch=True)
MEMBERS = st.lists(
    st.builds(
        "{}={}".format, st.from_regex("[a-z]{1,9}", fullmatch=True), st.text("x", min_size=1)
    ),
    max_size=32,
)


@given(small=MEMBERS, large=st.integers(0, 3), place=st.integers(0, 32))
def test_a_long_tracestate_loses_whole_members_large_ones_first(
    small: list[str], large: int, place: int
) -> None:
    big = "big=" + "y" * 200
    members = [*small[:place], *[big] * large, *small[place:]][:32]
    whole = ",".join(members)
    kept = parse_tracestate(whole)
    if len(whole) <= 512:
        assert kept == whole
        return
    left = kept.split(",") if kept else []
    small_left = [member for member in left if member != big]
    without = [member for member in members if member != big]
    assert len(kept) <= 512
    assert small_left == without[: len(small_left)]
    assert big not in left or len(small_left) == len(without)


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
