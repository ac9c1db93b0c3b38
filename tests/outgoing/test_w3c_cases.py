"""The cases of the W3C conformance suite (github.com/w3c/trace-context), by its names.

The suite itself is on no package registry. It asks of a service that it calls back with the trace;
`tests.outgoing.service` is one: ``python test.py http://127.0.0.1:<port>/requests`` passes whole.
"""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.gunicorn.serving import bare
from tests.outgoing.upstream import Upstream, upstream_server
from tests.support import PATIENCE, Server

T, P = "12345678901234567890123456789012", "1234567890123456"
VALID = f"00-{T}-{P}-01"
Line = tuple[str, str]


class Case(NamedTuple):
    """One request of the suite: what is sent on to the next service.

    :ivar lines: the header lines.
    :ivar is_continued: whether with the caller's trace ID.
    :ivar tracestate: what the next service gets.
    :ivar flags: likewise.
    """

    name: str
    lines: tuple[Line, ...]
    is_continued: bool
    tracestate: str | None = None
    flags: str | None = None


def parent(name: str, *values: str, is_continued: bool) -> Iterator[Case]:
    for value in values:
        yield Case(f"test_traceparent_{name}", (("traceparent", value),), is_continued)


def state(name: str, expected: str | None, *values: str, header: str = "tracestate") -> Case:
    lines = ((header, value) for value in values)
    valid = ("traceparent", f"00-{T}-{P}-00")
    return Case(f"test_tracestate_{name}", (valid, *lines), True, expected, "00")


KEY = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
VALUE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) not in ",=")
MEMBERS = [f"bar{n:02}={n:02}" for n in range(1, 34)]
LINES = [",".join(MEMBERS[n : n + 10]) for n in (0, 10, 20)]
LONG = [f"{key}=1" for key in ("z" * 256, "t" * 241 + "@" + "v" * 14, "t" * 242 + "@v")]

CASES = [
    Case("test_both_traceparent_and_tracestate_missing", (), False, None, "02"),
    Case("test_traceparent_included_tracestate_missing", (("traceparent", VALID),), True),
    Case(
        "test_traceparent_duplicated",
        (("traceparent", f"00-{T[:-1]}1-{P}-01"), ("traceparent", VALID)),
        False,
    ),
    *(
        Case("test_traceparent_header_name", ((name, VALID),), False)
        for name in ("trace-parent", "trace.parent")
    ),
    *(
        Case("test_traceparent_header_name_valid_casing", ((name, VALID),), True)
        for name in ("TraceParent", "TrAcEpArEnT", "TRACEPARENT")
    ),
    *parent("version_0x00", f"{VALID}.", f"{VALID}-what-the-future", is_continued=False),
    *parent("version_0xcc", f"cc{VALID[2:]}", f"cc{VALID[2:]}-what-the", is_continued=True),
    *parent("version_0xcc", f"cc{VALID[2:]}.what-the-future", is_continued=False),
    *parent("version_0xff", f"ff{VALID[2:]}", is_continued=False),
    *parent("version_illegal_characters", f".0{VALID[2:]}", f"0.{VALID[2:]}", is_continued=False),
    *parent("version_too_long", f"000{VALID[2:]}", f"0000{VALID[2:]}", is_continued=False),
    *parent("version_too_short", f"0{VALID[2:]}", is_continued=False),
    *parent("trace_id_all_zero", f"00-{'0' * 32}-{P}-01", is_continued=False),
    *parent(
        "trace_id_illegal_characters",
        *(f"00-.{T[1:]}-{P}-01", f"00-{T[:-1]}.-{P}-01"),
        is_continued=False,
    ),
    *parent("trace_id_too_long", f"00-{T}3-{P}-01", is_continued=False),
    *parent("trace_id_too_short", f"00-{T[:-1]}-{P}-01", is_continued=False),
    *parent("parent_id_all_zero", f"00-{T}-{'0' * 16}-01", is_continued=False),
    *parent(
        "parent_id_illegal_characters",
        *(f"00-{T}-.{P[1:]}-01", f"00-{T}-{P[:-1]}.-01"),
        is_continued=False,
    ),
    *parent("parent_id_too_long", f"00-{T}-{P}7-01", is_continued=False),
    *parent("parent_id_too_short", f"00-{T}-{P[:-1]}-01", is_continued=False),
    *parent(
        "trace_flags_illegal_characters",
        *(f"00-{T}-{P}-.0", f"00-{T}-{P}-0."),
        is_continued=False,
    ),
    *parent("trace_flags_too_long", f"00-{T}-{P}-001", is_continued=False),
    *parent("trace_flags_too_short", f"00-{T}-{P}-1", is_continued=False),
    *parent(
        "ows_handling",
        *(f" {VALID}", f"\t{VALID}", f"{VALID} ", f"{VALID}\t", f"\t {VALID} \t"),
        is_continued=True,
    ),
    Case("test_tracestate_included_traceparent_missing", (("tracestate", "foo=1,bar=2"),), False),
    state("included_traceparent_included", "foo=1,bar=2", "foo=1,bar=2"),
    state("header_name", None, "foo=1", header="trace-state"),
    state("header_name", None, "foo=1", header="trace.state"),
    *(
        state("header_name_valid_casing", "foo=1", "foo=1", header=name)
        for name in ("TraceState", "TrAcEsTaTe", "TRACESTATE")
    ),
    state("empty_header", None, ""),
    state("empty_header", "foo=1", "foo=1", ""),
    state("empty_header", "foo=1", "", "foo=1"),
    state(
        *("multiple_headers_different_keys", "foo=1,bar=2,rojo=1,congo=2,baz=3"),
        *("foo=1,bar=2", "rojo=1,congo=2", "baz=3"),
    ),
    state("duplicated_keys", "foo=1,foo=2", "foo=1,foo=2"),
    state("duplicated_keys", "foo=1,foo=2", "foo=1", "foo=2"),
    state("all_allowed_characters", f"{KEY}={VALUE}", f"{KEY}={VALUE}"),
    state("all_allowed_characters", f"{KEY}@a-z0-9_-*/={VALUE}", f"{KEY}@a-z0-9_-*/={VALUE}"),
    state("ows_handling", "foo=1,bar=2,baz=3", "foo=1 \t , \t bar=2, \t baz=3"),
    state("ows_handling", "foo=1,bar=2,baz=3", "foo=1\t \t,\t \tbar=2,\t \tbaz=3"),
    *(state("ows_handling", "foo=1", f"{ows}foo=1{ows}") for ows in (" ", "\t", "\t \t")),
    *(state("key_illegal_characters", None, f"{key}=1") for key in ("foo ", "FOO", "foo.bar")),
    *(
        state("key_illegal_vendor_format", f"{key}=1,bar=2", f"{key}=1,bar=2")
        for key in ("foo@", "foo@@bar", "foo@bar@baz")
    ),
    state("key_illegal_vendor_format", None, "@foo=1,bar=2"),
    state("member_count_limit", ",".join(MEMBERS[:32]), *LINES, ",".join(MEMBERS[30:32])),
    state("member_count_limit", None, *LINES, ",".join(MEMBERS[30:])),
    *(state("key_length_limit", f"foo=1,{long}", "foo=1", long) for long in LONG),
    state("key_length_limit", None, "foo=1", "z" * 257 + "=1"),
    *(state("value_illegal_characters", None, value) for value in ("foo=bar=baz", "foo=,bar=3")),
    Case("test_propagates_random_flag", (("traceparent", f"00-{T}-{P}-02"),), True, None, "02"),
    Case("flags of later versions", (("traceparent", f"cc-{T}-{P}-ff"),), True, None, "03"),
]


@pytest.fixture(scope="module")
def service() -> Iterator[Server]:
    with bare("-k", "sync", app="tests.outgoing.service:app") as server:
        yield server


@pytest.fixture(scope="module")
def harness() -> Iterator[Upstream]:
    with upstream_server() as server:
        yield server


def ask(service: Server, harness: Upstream, lines: tuple[Line, ...], path: str, calls: int) -> Any:
    """Send header lines as they are; return what the next service gets, in its order."""
    harness.received.clear()
    body = json.dumps([{"url": harness.url(), "arguments": []}] * calls).encode()
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=PATIENCE)
    try:
        connection.putrequest("POST", path)
        for name, value in (*lines, ("Content-Length", str(len(body)))):
            connection.putheader(name, value)
        connection.endheaders(body)
        assert connection.getresponse().status == 200
    finally:
        connection.close()
    return [one.headers for one in harness.received]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_next_service_gets_the_trace_as_the_specification_says(
    case: Case, service: Server, harness: Upstream
) -> None:
    (sent,) = ask(service, harness, case.lines, "/requests", 1)
    match = re.fullmatch(
        "00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})", sent["traceparent"]
    )
    assert match is not None
    assert (match[1] == T) is case.is_continued
    assert match[2] != P
    assert sent.get("tracestate") == case.tracestate
    assert case.flags in (None, match[3])


@pytest.mark.parametrize("path", ["/requests", "/httpx", "/urllib3"])
@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((("traceparent", VALID),), id="test_multiple_requests_with_valid_traceparent"),
        pytest.param((), id="test_multiple_requests_without_traceparent"),
        pytest.param(
            (("traceparent", f"00-{'0' * 32}-{P}-01"),),
            id="test_multiple_requests_with_illegal_traceparent",
        ),
    ],
)
def test_several_calls_of_a_request_are_spans_of_one_trace(
    lines: tuple[Line, ...], path: str, service: Server, harness: Upstream
) -> None:
    parents = [one["traceparent"] for one in ask(service, harness, lines, path, 3)]
    assert len({one[3:35] for one in parents}) == 1
    assert len({one[36:52] for one in parents}) == 3
    assert (parents[0][3:35] == T) is (lines == (("traceparent", VALID),))
    assert parents[0][3:35] != "0" * 32
