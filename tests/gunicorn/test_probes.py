"""Who answers a probe under Gunicorn, and what the boot line and the arbiter say of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.gunicorn.serving import ROOT, access_of, boots, gunicorn, lines_with, reload
from tests.servers.gunicorn import connected, read_all
from tests.support import Server

OWN = """\
from flask import Flask

app = Flask("shop")


@app.get("/health")
def health():
    return {"db": False}, 503


@app.post("/health")
def report():
    return {"saved": True}, 201


@app.get("/ready/<zone>")
def zone(zone):
    return {"zone": zone}


@app.get("/ready")
def ready():
    return "the app's own"
"""
OBSERVED = OWN + "\nfrom wsgi_observe.flask import Observe\n\nObserve(app)\n"
DJANGO = """\
import django.conf
from django.core.wsgi import get_wsgi_application

django.conf.settings.configure(
    ALLOWED_HOSTS=["*"], ROOT_URLCONF="urls", SECRET_KEY="k", LOGGING_CONFIG=None
)
app = get_wsgi_application()
"""
URLS = """\
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("health", lambda request: HttpResponse("down", status=503))]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    for name, text in {"own": OWN, "observed": OBSERVED, "dj": DJANGO, "urls": URLS}.items():
        (tmp_path / f"{name}.py").write_text(text)
    return tmp_path


def serving(place: Path, app: str, *options: str, **env: str) -> Any:
    settings = {f"WSGI_OBSERVE_{name}": value for name, value in env.items()}
    environment = {"PYTHONPATH": f"{place}:{ROOT}", **settings}
    return gunicorn(*options, app=app, cwd=place, env=environment)


@pytest.mark.parametrize("app", ["own:app", "observed:app"])
def test_an_app_with_routes_of_its_own_answers_as_without_us(place: Path, app: str) -> None:
    with serving(place, app, CHECKS="") as server:
        (boot,) = boots(server)
        assert boot["health"] == {"/health": "app", "/ready": "app"}
        assert (boot["level"], "problems" in boot) == ("INFO", False)
        assert server.get("/health", {"X-Request-ID": "own"}).status == 503
        assert access_of(server, "own")["status_code"] == 503
        assert server.request("POST", "/health").status == 201
        assert server.get("/ready/eu").json == {"zone": "eu"}
        assert server.get("/ready").body == b"the app's own"
        assert lines_with(server, "is answered by") == lines_with(server, "readiness checks") == []


def test_what_was_set_hides_the_apps_routes_and_is_a_problem(place: Path) -> None:
    env = {"CHECKS": "db=tests.gunicorn.pings:ping", "LIVE_PATH": "/health"}
    with serving(place, "own:app", **env) as server:
        (boot,) = boots(server)
        assert boot["health"] == {"/health": "wsgi_observe", "/ready": "wsgi_observe"}
        live, ready = boot["problems"]
        assert live.startswith("/health is answered by the probe, since live_path was set, so")
        assert ready.startswith("/ready is answered by the probe, since checks were given, so")
        assert server.get("/health").json == {"status": "ok"}
        assert server.get("/ready").json == {"status": "ok", "checks": {"db": "ok"}}
        assert server.request("POST", "/health").status == 201
        assert server.get("/ready/eu").json == {"zone": "eu"}
        server.get("/ready/eu", {"X-Request-ID": "last"})
        access_of(server, "last")
        assert [line for line in lines_with(server, "is answered by") if line != boot] == []


@pytest.mark.slow
def test_a_urlconf_is_loaded_to_find_django_routes(place: Path) -> None:
    with serving(place, "dj:app") as server:
        (boot,) = boots(server)
        assert boot["health"] == {"/health": "app", "/ready": "wsgi_observe"}
        assert server.get("/health").body == b"down"


def test_a_urlconf_that_cannot_be_imported_stops_no_worker(place: Path) -> None:
    (place / "urls.py").write_text("raise RuntimeError('not yet')\n")
    with serving(place, "dj:app") as server:
        assert boots(server)[0]["health"]["/health"] == "wsgi_observe"
        (place / "new.py").write_text(URLS)
        (place / "new.py").replace(place / "urls.py")  # at once: the worker may be importing it
        assert server.get("/health").body == b"down"
        assert len(lines_with(server, "a route at a probe path failed")) == 1


@pytest.fixture(scope="module")
def plain() -> Iterator[Server]:
    with gunicorn("-w", "2") as server:
        server.wait_for(lambda: len(boots(server)) == 2)
        yield server


def test_that_there_are_no_checks_is_one_line_however_many_workers(plain: Server) -> None:
    (line,) = plain.wait_for(lambda: lines_with(plain, "no readiness checks are configured"))
    assert line["level"] == "INFO"
    reload(plain)
    assert [boot["level"] for boot in boots(plain)] == ["INFO"] * 4
    assert len(lines_with(plain, "no readiness checks are configured")) == 1
    assert not [boot for boot in boots(plain) if "problems" in boot]


@pytest.mark.parametrize("path", [b"/health", b"/ready"])
def test_a_probe_of_haproxys_is_answered_and_leaves_no_line(plain: Server, path: bytes) -> None:
    before = len(plain.records)
    with connected(plain) as sock:
        sock.sendall(b"OPTIONS %b HTTP/1.0\r\n\r\n" % path)
        head, _, body = read_all(sock).partition(b"\r\n\r\n")
    assert head.split()[1] == b"200"
    assert b"Allow: GET, HEAD, OPTIONS" in head
    assert b'"status": "ok"' in body
    after = f"after-{before}"
    plain.get("/", {"X-Request-ID": after})
    access_of(plain, after)
    assert [one for one in plain.records[before:] if one.get("method") == "OPTIONS"] == []
