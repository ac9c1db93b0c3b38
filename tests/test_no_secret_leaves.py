"""What leaves a process that is full of secrets and fails: none of them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.canaries import CANARIES, OBJECT_PLACES, leaks, planted, seen
from tests.marks import first_by_default
from tests.support import Server, running
from wsgi_observe.logs import join

ROOT = Path(__file__).parent.parent

# What only an error tracker or a tracer could tell.
NOT_IN_LOGS = {
    *("local", "breadcrumb", "context", "user", "sentry extra", "tag", "sentry span", "span"),
    *("span event", "span exception", "span status", "attachment", "check-in", "transaction"),
    *OBJECT_PLACES,
} - {"logged object"}


@contextmanager
def canary_server(**settings: str) -> Iterator[Server]:
    """Serve the app under Gunicorn, with settings in the environment."""
    command = [
        *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", "1"),
        *("--logger-class", "wsgi_observe.gunicorn.Logger", "tests.canary_app:make_app()"),
    ]
    env = {f"WSGI_OBSERVE_{name.upper()}": value for name, value in settings.items()}
    with running(*command, cwd=ROOT, env=env) as server:
        yield server


def fail_with_everything(server: Server) -> bytes:
    """Send every secret that a request has a place for; return all that came back."""
    headers = {**planted("header"), "X-Request-ID": "canary", **_cookies(), **_asked_by()}
    for action, token in planted("link").items():
        assert server.get(f"/{action}/{token}", headers).status == 200
    path = f"/pay/{planted('url parameter')['token']}?{_query()}&page=2"
    form = urlencode({**planted("form"), "name": "jane"}).encode()
    as_form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
    as_json = {**headers, "Content-Type": "application/json"}
    answers = [
        server.request("POST", path, form, as_form),
        server.request("POST", path, _json(), as_json),
    ]
    assert [answer.status for answer in answers] == [500, 500]
    return b"\n".join(str(answer.headers).encode() + answer.body for answer in answers)


def _cookies() -> dict[str, str]:
    return {"Cookie": "; ".join(f"{name}={value}" for name, value in planted("cookie").items())}


def _asked_by() -> dict[str, str]:
    link, code = planted("referer").values()
    agent = planted("user agent")["token"]
    page = f"https://shop.example/activate/{link}?page=2&code={code}"
    return {"Referer": page, "User-Agent": f"shop/2 token={agent}"}


def _query() -> str:
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in planted("query").items())


def _json() -> bytes:
    first, *others = planted("json").items()
    body = {"user": [dict([first]), {"profile": dict(others)}], "text": json.dumps(dict(others))}
    return json.dumps(body).encode()


def log_of(server: Server) -> bytes:
    """Return everything that it wrote, and its long records put together again."""
    whole = [json.dumps(record, ensure_ascii=False) for record in join(server.lines)]
    return "\n".join([*server.lines, *whole]).encode()


def outputs(**settings: str) -> dict[str, bytes]:
    """Return everything that left the process, by the way it took."""
    fields = "host,referer,request_bytes"
    with canary_server(access_query="on", access_fields=fields, **settings) as server:
        responses = fail_with_everything(server)
        server.wait_for(lambda: "POST /pay/" in server.lines[-1])
    return {"responses": responses, "log": log_of(server)}


def test_there_are_sixty_of_them_each_another() -> None:
    assert len({canary.secret for canary in CANARIES}) == len(CANARIES) >= 60


@pytest.mark.slow
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_without_redaction_each_of_them_is_found(log_format: str) -> None:
    found = seen(outputs(log_format=log_format, redact="off"))
    assert found == {canary.id for canary in CANARIES if canary.place not in NOT_IN_LOGS}


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_none_of_them_leaves(log_format: str) -> None:
    assert leaks(outputs(log_format=log_format)) == []


@pytest.mark.parametrize("log_format", first_by_default(["json", "console"]))
def test_what_a_pattern_matches_leaves_on_no_line(log_format: str, tmp_path: Path) -> None:
    recorder = tmp_path / "running"
    settings = {"redact_patterns": "never\nEMP-\\d{4}", "access_fields": "host,referer"}
    with canary_server(
        access_query="on", log_format=log_format, recorder_path=str(recorder), **settings
    ) as server:
        headers = dict.fromkeys(("User-Agent", "Referer", "Host", "X-Staff"), "a EMP-4711 b")
        form = {**headers, "Content-Type": "application/x-www-form-urlencoded"}
        target = "/pay/x?page=EMP-4711&EMP-4711=1"
        assert server.request("POST", target, b"name=EMP-4711", form).status == 500
        assert server.request("GET", "/staff/EMP-4711", headers=headers).status == 200
        server.wait_for(lambda: "/staff/" in server.lines[-1])
        kept = recorder.read_bytes()
    assert b"EMP-4711" not in log_of(server) + kept
    assert b"/staff/[REDACTED] 200" in log_of(server)
    assert b"/staff/[REDACTED]" in kept
