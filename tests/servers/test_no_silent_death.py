"""No request dies in silence: one ERROR line names it, and its client gets what is possible."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from tests.marks import mark_slow
from tests.servers.mortal import await_service, errors, flying, is_in_the_app, mortal, see
from tests.servers.ways import (
    ALL,
    CUT,
    ENVELOPE,
    GEVENT,
    GTHREAD,
    OF_THE_APP,
    OF_THE_SERVER,
    OF_THE_WORKER,
    SYNC,
    WHOLE,
    Way,
    rows,
)
from tests.support import Server, eventually

numbers = count(1)


# Each waits for the worker timeout, as "the worker timeout" does.
_LONG = frozenset(
    {
        "the worker timeout in mid-stream",
        "the worker timeout of a loop that is kept",
        "the worker timeout of an app that catches everything",
        "the worker timeout while an extension keeps the lock",
    }
)


def _mark_long_ways(ways: Iterable[Way]) -> Iterator[Any]:
    for way in ways:
        yield mark_slow(way) if way.name in _LONG else way


def die(server: Server, way: Way) -> str:
    """Have a request die in that way; return its ID."""
    request_id = f"{way}-{next(numbers)}".replace("(", "-").replace(")", "").replace("'", "")
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(see, server, way.path, request_id)
        if way.act is not None:
            worker = eventually(lambda: flying(server).get(request_id))
            eventually(lambda: is_in_the_app(worker, request_id))
            way.act(server, worker)
        answer = asked.result()
    saw = CUT if answer is None else WHOLE if answer.status == 200 else ENVELOPE
    assert saw == way.client
    if answer is not None and saw == ENVELOPE:
        assert (answer.status, answer.json["request_id"]) == (500, request_id)
    return request_id


def check(server: Server, way: Way, request_id: str) -> None:
    """Look at what the log has of it."""
    told = errors(server, request_id)
    assert len(told) == way.errors, told
    for line in told:
        # A thread of the request's has its ID from `log_context`.
        assert line.get("path", way.path) == way.path.partition("?")[0]
        if way.exc_type:
            assert line["exc_type"] == way.exc_type
        if way.cause:
            assert (line["outcome"], line["cause"]) == ("died", way.cause)
            assert line["age"] >= 0
            assert ("stack" in line) == way.has_stack
            assert not way.has_stack or "dying.py" in line["stack"]


@pytest.fixture(scope="module", params=ALL)
def shared(request: pytest.FixtureRequest) -> Iterator[tuple[str, Server, dict[str, Way]]]:
    """One server for all ways that it survives; at the end nothing was told twice."""
    told: dict[str, Way] = {}
    # Preloaded, a worker that takes another's place is there at once; gevent patches too late then.
    options = () if request.param == GEVENT else ("--preload",)
    with mortal(request.param, *options) as server:
        yield request.param, server, told
        await_service(server)
        eventually(lambda: not [one for one in flying(server) if one in told])
    for request_id, way in told.items():
        check(server, way, request_id)


@pytest.mark.parametrize("way", list(_mark_long_ways([*OF_THE_APP, *OF_THE_WORKER])), ids=str)
def test_a_request_that_dies_is_named_once(
    shared: tuple[str, Server, dict[str, Way]], way: Way
) -> None:
    kind, server, told = shared
    if kind not in way.kinds:
        pytest.skip(f"no way to die on {kind}")
    before = server.process.pid
    request_id = die(server, way)
    if way.errors:
        server.wait_for(lambda: errors(server, request_id))
    await_service(server)
    # It ends after its client has the answer, and is not to be met by the next way to die.
    eventually(lambda: request_id not in flying(server))
    check(server, way, request_id)
    told[request_id] = way
    assert before == server.process.pid
    assert server.process.poll() is None, "the service goes on"


# Each way with one kind of worker, and each kind with some of them.
BY_DEFAULT = (
    (SYNC, "SIGTERM-beyond-the-grace-period"),
    (SYNC, "SIGINT-in-a-request"),
    (GTHREAD, "SIGINT-in-mid-stream"),
    (GEVENT, "SIGQUIT-in-mid-stream"),
)
WITH_THE_SERVER = [
    pytest.param(kind, way, marks=[] if (kind, str(way)) in BY_DEFAULT else [pytest.mark.slow])
    for kind, way in rows(OF_THE_SERVER)
]


@pytest.mark.parametrize(("kind", "way"), WITH_THE_SERVER, ids=str)
def test_a_request_that_dies_with_the_server_is_named_once(kind: str, way: Way) -> None:
    with mortal(kind) as server:
        request_id = die(server, way)
        server.end()
        check(server, way, request_id)
