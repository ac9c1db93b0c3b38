"""Calls that try to reach another host than the allow-list has seen: nothing goes there.

Two servers on one port, of which the list has one: whatever a client makes of a URL, what counts
is the socket that the headers arrive at.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shutil import which
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, ClassVar, NamedTuple
from urllib.parse import urlencode

import httpx
import pytest
import requests
import urllib3
from requests.auth import HTTPDigestAuth

import wsgi_observe.requests
from tests.outgoing.clients import CLIENTS, Client, make_session
from tests.outgoing.conftest import in_request
from tests.outgoing.upstream import Upstream, upstream_server
from tests.support import PATIENCE

ALLOWED, FOREIGN = "127.0.0.1", "127.0.0.2"
LIST = [ALLOWED]


class Hosts(NamedTuple):
    """Two servers on one port, of which the first is on the list."""

    allowed: Upstream
    foreign: Upstream

    def write(self, text: str) -> str:
        """Return a text with A and F for the servers, PORT for their port."""
        port = self.allowed.port
        text = text.replace("PORT", str(port))
        return text.replace("A", f"{ALLOWED}:{port}").replace("F", f"{FOREIGN}:{port}")

    def find_leaks(self) -> list[str]:
        """Return the targets of requests that should have had no headers, or should have had."""
        wrong = [one.target for one in self.foreign.received if one.propagated]
        wrong += [one.target for one in self.allowed.received if len(one.propagated) != 3]
        self.allowed.received.clear()
        self.foreign.received.clear()
        return wrong


@pytest.fixture
def hosts() -> Iterator[Hosts]:
    with upstream_server(ALLOWED) as allowed, upstream_server(FOREIGN, allowed.port) as foreign:
        yield Hosts(allowed, foreign)


def get(client: Client, url: str, made: Any = None) -> None:
    """Get a URL inside a request; the client may refuse it."""
    refused = (
        *(httpx.HTTPError, httpx.InvalidURL, requests.RequestException),
        *(urllib3.exceptions.HTTPError, ssl.SSLError),
    )

    def work() -> None:
        one = client.module.instrument(made or client.make(None), hosts=LIST)
        with suppress(*refused):
            client.get(one, url, {})

    in_request(work)


DISGUISED = [
    "http://A@F/",
    "http://A:x@F/",
    "http://A%40F/",
    "http://A\\@F/",
    "http://F\\@A/",
    "http://A%5C@F/",
    "http://F#@A/",
    "http://F?@A/",
    "http://F;@A/",
    "http://F/@A/",
    "http://F:80@A/",
    "http://A @F/",
    "http://A\t@F/",
    "//F/",
    "///F/",
    "////F/",
    "/\\F/",
    "\\\\F/",
    "\\/F/",
    "http:F/",
    "http:/F/",
    "http:///F/",
    "http:\\\\F/",
    "HTTP://F/",
    "hTTp://A@F/",
    "http://127\u30020\u30020\u30022:PORT/",
    "http://\uff11\uff12\uff17.0.0.2:PORT/",
    "http://%31%32%37.0.0.2:PORT/",
    "http://[::ffff:127.0.0.2]:PORT/",
    "http://2130706434:PORT/",
    "http://0x7f.0.0.2:PORT/",
    "http://0177.0.0.2:PORT/",
    "http://127.2:PORT/",
    "http://127.0.0.2.:PORT/",
]


@pytest.mark.filterwarnings("ignore:URLs without a scheme")
@pytest.mark.parametrize("is_redirect", [False, True], ids=["called", "redirected to"])
def test_a_url_that_disguises_its_host_takes_nothing_there(
    is_redirect: bool, client: Client, hosts: Hosts
) -> None:
    leaks, arrived = {}, 0
    for template in DISGUISED:
        url = hosts.write(template)
        if is_redirect:
            url = hosts.allowed.url("/redirect?" + urlencode({"to": url}))
        get(client, url)
        arrived += len(hosts.foreign.received)
        if found := hosts.find_leaks():
            leaks[template] = found
    assert leaks == {}
    assert arrived > 10


class Tunnel(StreamRequestHandler):
    """A proxy for HTTPS: connects where it is asked to, and keeps what it was asked with."""

    asked: ClassVar[list[str]] = []

    def handle(self) -> None:
        head = list(iter(self.rfile.readline, b"\r\n"))
        self.asked.append(b"".join(head).decode())
        host, _, port = head[0].split()[1].decode().rpartition(":")
        with socket.create_connection((host, int(port)), PATIENCE) as target:
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
            back = threading.Thread(target=_relay, args=(target, self.connection))
            back.start()
            _relay(self.connection, target)
            back.join()


def _relay(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for both hosts in one file."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    names = f"subjectAltName=IP:{ALLOWED},IP:{FOREIGN}"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", "/CN=test", "-addext", names),
        *("-keyout", str(path), "-out", f"{path}.crt"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


@pytest.fixture
def secure(certificate: Path) -> Iterator[Hosts]:
    """The two servers once more, with TLS."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    with upstream_server(ALLOWED) as allowed, upstream_server(FOREIGN, allowed.port) as foreign:
        for one in (allowed, foreign):
            one.socket = context.wrap_socket(one.socket, server_side=True)
        yield Hosts(allowed, foreign)


def make_secure(kind: str, certificate: Path, proxy: str | None) -> Any:
    """Return a client that trusts the certificate."""
    if kind == "requests":
        session = make_session(None)
        session.verify, session.proxies = str(certificate), {"https": proxy} if proxy else {}
        return session
    context = ssl.create_default_context(cafile=certificate)
    if kind == "urllib3":
        how = {"ssl_context": context}
        return urllib3.ProxyManager(proxy, **how) if proxy else urllib3.PoolManager(**how)
    maker = httpx.Client if kind == "httpx" else httpx.AsyncClient
    return maker(verify=context, proxy=proxy, trust_env=False, follow_redirects=True)


@pytest.fixture
def tunnel() -> Iterator[str]:
    Tunnel.asked.clear()
    with ThreadingTCPServer((ALLOWED, 0), Tunnel) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://{ALLOWED}:{server.server_address[1]}"
        server.shutdown()
        thread.join()


needs_openssl = pytest.mark.skipif(which("openssl") is None, reason="makes the certificate")


@needs_openssl
@pytest.mark.parametrize("kind", CLIENTS)
def test_a_redirect_to_another_scheme_takes_nothing_to_a_foreign_host(
    kind: str, hosts: Hosts, secure: Hosts, certificate: Path
) -> None:
    for source, target, scheme in ((hosts, secure, "https"), (secure, hosts, "http")):
        to = target.foreign.url("/there", FOREIGN, scheme)
        own_scheme = "http" if scheme == "https" else "https"
        url = source.allowed.url(f"/redirect?to={to}", scheme=own_scheme)
        get(CLIENTS[kind], url, make_secure(kind, certificate, None))
        assert [one.target for one in target.foreign.received] == ["/there"]
        assert len(source.allowed.received) == 1
        assert source.find_leaks() == target.find_leaks() == []


@needs_openssl
@pytest.mark.parametrize("kind", CLIENTS)
def test_a_proxy_for_https_gets_nothing_and_only_hosts_on_the_list_behind_it_do(
    kind: str, secure: Hosts, certificate: Path, tunnel: str
) -> None:
    for server, host in ((secure.allowed, ALLOWED), (secure.foreign, FOREIGN)):
        url = server.url("/there", host, "https")
        get(CLIENTS[kind], url, make_secure(kind, certificate, tunnel))
        assert [one.target for one in server.received] == ["/there"]
        assert secure.find_leaks() == []
    assert [asked.split()[1] for asked in Tunnel.asked] == [
        f"{host}:{secure.allowed.port}" for host in (ALLOWED, FOREIGN)
    ]
    assert not [asked for asked in Tunnel.asked if re.search("x-request-id|trace", asked, re.I)]


@pytest.mark.parametrize("kind", ["requests", "httpx", "httpx, async"])
def test_a_proxy_of_the_environment_takes_nothing_to_a_foreign_host(
    kind: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, upstream.url(""))
    monkeypatch.setenv("no_proxy", "")
    made = {
        "requests": requests.Session,
        "httpx": lambda: httpx.Client(follow_redirects=True),
        "httpx, async": lambda: httpx.AsyncClient(follow_redirects=True),
    }[kind]()
    evil = "http://127.0.0.1@evil.example/"
    get(CLIENTS[kind], f"http://127.0.0.1:1/redirect?to={evil}", made)
    assert [one.host for one in upstream.received] == ["127.0.0.1:1", "evil.example"]
    assert [len(one.propagated) for one in upstream.received] == [3, 0]


@pytest.fixture
def session(by: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[requests.Session]:
    """A session that is instrumented, or made after `install()`."""
    adapter = requests.adapters.HTTPAdapter
    monkeypatch.setattr(adapter, "send", adapter.send)
    with make_session(None) as session:
        if by == "install":
            wsgi_observe.requests.install(propagate_to=LIST)
        else:
            wsgi_observe.requests.instrument(session, hosts=LIST)
        yield session


@pytest.mark.parametrize("by", ["install", "instrument"])
class TestWhatIsSentOnceMoreByRequests:
    def test_to_answer_a_challenge_is_a_call_of_its_own(
        self, session: requests.Session, upstream: Upstream
    ) -> None:
        auth = HTTPDigestAuth("jane", "secret")
        in_request(lambda: session.get(upstream.url("/challenge"), auth=auth))
        first, second = (one.propagated for one in upstream.received)
        assert first["x-request-id"] == second["x-request-id"] == "abc"
        assert first["traceparent"] != second["traceparent"]

    def test_from_a_response_to_another_host_carries_nothing(
        self, session: requests.Session, upstream: Upstream
    ) -> None:
        def send_on(response: Any, **_: Any) -> Any:
            if response.status_code == 302:
                response.request.url = response.headers["Location"]
                return response.connection.send(response.request)
            return response

        def work() -> None:
            path = f"/redirect?to={upstream.url('/there', 'localhost')}"
            hooks = {"response": send_on}
            session.get(upstream.url(path), allow_redirects=False, hooks=hooks)

        in_request(work)
        first, second = upstream.received
        assert first.propagated["x-request-id"] == "abc"
        assert (second.host, second.propagated) == (f"localhost:{upstream.port}", {})

    def test_by_another_session_carries_nothing(
        self, session: requests.Session, upstream: Upstream
    ) -> None:
        def work() -> None:
            sent = session.get(upstream.url()).request
            sent.url = upstream.url("/there", "localhost")
            with make_session(None) as other:
                other.send(sent)

        in_request(work)
        assert [len(one.propagated) for one in upstream.received] == [3, 0]

    def test_after_an_exception_carries_nothing(
        self, session: requests.Session, upstream: Upstream
    ) -> None:
        def work() -> None:
            with pytest.raises(requests.ConnectionError) as error:
                session.get(upstream.url("/break"))
            assert error.value.request is not None
            error.value.request.url = upstream.url("/there", "localhost")
            with make_session(None) as other:
                other.send(error.value.request)

        in_request(work)
        assert [len(one.propagated) for one in upstream.received] == [3, 0]

    def test_as_the_redirect_that_was_not_followed_carries_nothing(
        self, session: requests.Session, upstream: Upstream
    ) -> None:
        def work() -> None:
            path = f"/redirect?to={upstream.url('/there', 'localhost')}"
            following = session.get(upstream.url(path), allow_redirects=False).next
            assert following is not None
            session.send(following)

        in_request(work)
        assert [len(one.propagated) for one in upstream.received] == [3, 0]
