"""What the tests of outgoing calls call, with which clients, inside which request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.calls import call, doing
from tests.outgoing.clients import CLIENTS, Client
from tests.outgoing.upstream import Upstream, upstream_server
from wsgi_observe import observe

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = f"00-{TRACE}-b7ad6b7169203331-01"


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with upstream_server() as server:
        yield server


@pytest.fixture(autouse=True)
def _nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take back what a test installs."""
    for one in CLIENTS.values():
        for owner, name in one.patched:
            monkeypatch.setattr(owner, name, getattr(owner, name))


@pytest.fixture(params=CLIENTS)
def client(request: pytest.FixtureRequest) -> Client:
    return CLIENTS[request.param]


def in_request(work: Callable[[], Any], **settings: Any) -> None:
    """Do work inside one request with the ID abc and the trace of `PARENT`."""
    headers = {"HTTP_X_REQUEST_ID": "abc", "HTTP_TRACEPARENT": PARENT, "HTTP_TRACESTATE": "congo=1"}
    assert call(observe(doing(work), propagate=True, **settings), **headers).code == 200
