"""The cases of the W3C suite, and what no HTTP client would send, as raw bytes on every server."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import pytest

from tests.outgoing.test_w3c_cases import CASES, MEMBERS, VALID, P, T
from tests.outgoing.upstream import Upstream, upstream_server
from tests.servers.gunicorn import ROOT, connected, read_all
from tests.servers.table import APP, SERVERS, Kind
from tests.servers.test_conformance import free_port, listens
from tests.support import Server, eventually, running

OWN_APP = "tests.outgoing.traced:app"
PARENT = b"traceparent: " + VALID.encode()


class Raw(NamedTuple):
    """One request by its bytes.

    :ivar is_continued: None where it is the server's to say, by what it makes of the line.
    :ivar tracestate: what is sent on of it; None for nothing, ... where the server decides.
    """

    name: str
    lines: tuple[bytes, ...]
    is_continued: bool | None
    tracestate: Any = None
    may_be_rejected: bool = False


def bad(name: str, *lines: bytes, is_continued: bool | None = None) -> Raw:
    """What a server may reject, and need not."""
    return Raw(name, lines, is_continued, ..., may_be_rejected=True)


SUITE = [
    Raw(
        case.name,
        tuple(f"{name}: {value}".encode() for name, value in case.lines),
        *(case.is_continued, case.tracestate),
    )
    for case in CASES
]
LONG = ",".join(f"k{n:02}={'v' * 60}" for n in range(20))
BYTES = [
    Raw("not ASCII in it", (PARENT[:-2] + b"\xff1",), False),
    Raw("not ASCII behind it", (PARENT + b"\xe9",), False),
    Raw("a tracestate in UTF-8", (PARENT, "tracestate: foo=é".encode()), True),
    Raw("a tracestate in Latin-1", (PARENT, b"tracestate: foo=1,bar=\xe9"), True),
    Raw("empty", (b"traceparent:",), False),
    Raw("empty with a tracestate", (b"traceparent: ", b"tracestate: foo=1"), False),
    Raw("twice the same", (PARENT, PARENT), False),
    Raw("an empty one behind it", (PARENT, b"traceparent:"), False),
    Raw("an empty one before it", (b"traceparent:", PARENT), False),
    Raw("a wrong one behind it", (PARENT, b"traceparent: x"), False),
    Raw("capital digits", (b"traceparent: 00-" + T.encode() + b"-ABCDEF1234567890-01",), False),
    Raw("an underscore in the name", (b"trace_parent: " + VALID.encode(),), False),
    Raw("a tab for a space", (b"traceparent:\t" + VALID.encode() + b"\t",), True),
    Raw("33 members", (PARENT, f"tracestate: {','.join(MEMBERS)}".encode()), True),
    Raw("more than 512 characters", (PARENT, f"tracestate: {LONG}".encode()), True, LONG[:454]),
    bad("8 KiB", PARENT, b"tracestate: foo=" + b"v" * 7000, is_continued=True),
    bad("no-break space", b"traceparent: \xa0" + VALID.encode()),
    bad("vertical tab", b"traceparent: \x0b" + VALID.encode()),
    bad("NUL", PARENT + b"\x00", is_continued=False),
    bad("a space before the colon", b"traceparent : " + VALID.encode()),
    bad("folded", PARENT[:30], b" " + PARENT[30:], is_continued=False),
    bad("a tracestate that is folded", PARENT, b"tracestate: foo=1,", b" bar=2", is_continued=True),
    bad("a bare CR", PARENT + b"\rx: y"),
]
# Of several lines of one name it keeps the last alone.
KEEP_LAST = ("cheroot",)


def _parameter(kind: Kind) -> Any:
    marks = [] if kind.by_default else [pytest.mark.more_servers]
    return pytest.param(kind, id=kind.name, marks=marks)


@pytest.fixture(scope="module", params=map(_parameter, SERVERS))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


@pytest.fixture(scope="module")
def server(kind: Kind) -> Iterator[Server]:
    port = free_port()
    command = [part.format(port=port).replace(APP, OWN_APP) for part in kind.command]
    if "tests.servers.start" in command:
        command.append(OWN_APP)
    with running(*command, cwd=ROOT) as server:
        eventually(lambda: listens(server.port))
        yield server


@pytest.fixture(scope="module")
def harness() -> Iterator[Upstream]:
    with upstream_server() as harness:
        yield harness


def ask(server: Server, harness: Upstream, lines: tuple[bytes, ...], request_id: str) -> Any:
    """Send a request; return what the next service got, or None if the server has rejected it."""
    harness.received.clear()
    head = [b"GET /%d HTTP/1.1" % harness.port, b"Host: x", b"Connection: close"]
    head += [b"X-Request-ID: " + request_id.encode(), *lines, b"", b""]
    answer = b""
    with connected(server) as client:
        client.sendall(b"\r\n".join(head))
        with suppress(ConnectionResetError):
            answer = read_all(client)
    if not harness.received:
        assert answer.partition(b"\r\n")[0].split()[1:2] in ([], [b"400"])
        return None
    assert b" 200 " in answer.partition(b"\r\n")[0]
    (received,) = harness.received
    return received.propagated


@pytest.mark.parametrize("cases", [SUITE, BYTES], ids=["suite", "bytes"])
def test_the_bytes_of_a_trace_are_read_as_the_specification_says(
    cases: list[Raw], kind: Kind, server: Server, harness: Upstream
) -> None:
    wrong: dict[object, object] = {}
    traces: dict[str, str] = {}
    for number, case in enumerate(cases):
        names = [line.partition(b":")[0] for line in case.lines]
        if kind.name in KEEP_LAST and len(set(names)) < len(names):
            continue
        request_id = f"{len(cases)}-{number}"
        sent = ask(server, harness, case.lines, request_id)
        if not _is_right(case, sent, request_id):
            wrong[case.name, case.lines] = sent
        if sent is not None:
            traces[request_id] = sent["traceparent"][3:35]
    assert wrong == {}
    server.log_of(list(traces)[-1])
    logged = {line["request_id"]: line["trace_id"] for line in server.records if "trace_id" in line}
    assert traces.items() <= logged.items()


def _is_right(case: Raw, sent: Any, request_id: str) -> bool:
    if sent is None:
        return case.may_be_rejected
    match = re.fullmatch(r"00-([0-9a-f]{32})-([0-9a-f]{16})-0[0-3]", sent["traceparent"])
    assert match
    return (
        match[2] != P
        and sent["x-request-id"] == request_id
        and case.is_continued in (None, match[1] == T)
        and (case.tracestate is ... or sent.get("tracestate") == case.tracestate)
    )
