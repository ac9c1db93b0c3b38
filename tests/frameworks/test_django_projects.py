"""Projects that `django-admin startproject` made, on Gunicorn: nothing in them knows of us."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import blocks
from tests.gunicorn.serving import bare, boots, gunicorn
from tests.support import Server

VIEWS = """
from django.core.exceptions import SuspiciousOperation
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path

def crash(request): raise ValueError("boom")
def suspicious(request): raise SuspiciousOperation("odd")
def form(request): return HttpResponse("posted")
def half(request):
    def chunks():
        yield b"half"
        raise KeyError("in the middle")
    return StreamingHttpResponse(chunks())

urlpatterns = [
    path("crash", crash), path("suspicious", suspicious), path("form", form), path("half", half),
]
"""

CONSOLE = '{"class": "logging.StreamHandler"}'
ON_ROOT = '"root": {"handlers": ["console"], "level": "WARNING"}'
LOGGINGS = {
    "Django's default": "",
    "a dict": (
        f'LOGGING = {{"version": 1, "disable_existing_loggers": False,'
        f' "handlers": {{"console": {CONSOLE}}}, {ON_ROOT}}}'
    ),
    "a dict that disables": (
        f'LOGGING = {{"version": 1, "handlers": {{"console": {CONSOLE}}}, {ON_ROOT}}}'
    ),
    "requests to a file": (
        'LOGGING = {"version": 1, "disable_existing_loggers": False, "handlers": {"file":'
        ' {"class": "logging.FileHandler", "filename": "requests.log"}}, "loggers":'
        ' {"django.request": {"handlers": ["file"], "propagate": False}}}'
    ),
    "requests to the admins": (
        'LOGGING = {"version": 1, "disable_existing_loggers": False, "handlers": {"mail":'
        ' {"class": "django.utils.log.AdminEmailHandler"}}, "loggers":'
        ' {"django.request": {"handlers": ["mail"], "propagate": False}}}'
    ),
    "no configuration": "LOGGING_CONFIG = None",
}


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, marks=() if kind == "Django's default" else pytest.mark.slow)
        for kind in LOGGINGS
    ],
)
def project(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Iterator[Server]:
    place: Path = tmp_path_factory.mktemp("project")
    made = [sys.executable, "-m", "django", "startproject", "mysite", str(place)]
    subprocess.run(made, check=True, timeout=60)
    settings = place / "mysite" / "settings.py"
    text = settings.read_text().replace("DEBUG = True", "DEBUG = False")
    text = text.replace("ALLOWED_HOSTS = []", 'ALLOWED_HOSTS = ["127.0.0.1"]')
    settings.write_text(f"{text}\n{LOGGINGS[request.param]}\n")
    (place / "mysite" / "urls.py").write_text(VIEWS)
    with gunicorn(app="mysite.wsgi", cwd=place) as server:
        server.kind = request.param  # type: ignore[attr-defined]
        yield server


def lines_of(server: Server, method: str, path: str, **headers: str) -> list[dict[str, Any]]:
    """The lines of a request but its access line."""
    request_id = f"{method}{path}{len(server.records)}"
    with suppress(IncompleteRead):
        server.request(method, path, headers={"X-Request-ID": request_id, **headers})
    access, *others = sorted(
        server.log_of(request_id), key=lambda line: line["logger"] != "wsgi_observe.access"
    )
    assert access["logger"] == "wsgi_observe.access"
    return others


def test_an_exception_in_a_view_is_one_error_with_its_traceback(project: Server) -> None:
    (line,) = lines_of(project, "GET", "/crash")
    assert (line["level"], line["exc_type"]) == ("ERROR", "ValueError")
    assert "ValueError: boom" in line["exc_info"]


def test_an_exception_in_mid_stream_is_one_error_with_its_traceback(project: Server) -> None:
    (line,) = lines_of(project, "GET", "/half")
    assert (line["level"], line["exc_type"]) == ("ERROR", "KeyError")


@pytest.mark.parametrize(
    ("method", "path", "headers", "logger", "level"),
    [
        pytest.param("GET", "/suspicious", {}, "SuspiciousOperation", "ERROR", id="suspicious"),
        pytest.param("GET", "/form", {"Host": "evil"}, "DisallowedHost", "ERROR", id="host"),
        pytest.param("POST", "/form", {}, "csrf", "WARNING", id="csrf"),
    ],
)
def test_what_django_finds_suspicious_is_a_line_of_its_own_level(
    project: Server, method: str, path: str, headers: dict[str, str], logger: str, level: str
) -> None:
    (line,) = [
        one
        for one in lines_of(project, method, path, **headers)
        if one["logger"].startswith("django.security")
    ]
    assert (line["logger"], line["level"]) == (f"django.security.{logger}", level)


def test_nothing_is_plain_text_and_what_was_disabled_is_named(project: Server) -> None:
    assert [line for line in project.lines if not line.startswith("{")] == []
    problems = str(boots(project)[0].get("problems", ""))
    is_disabling = project.kind == "a dict that disables"  # type: ignore[attr-defined]
    assert ("disabled the existing loggers django and those below" in problems) is is_disabling


def test_the_documented_files_observe_a_project_on_plain_gunicorn(tmp_path: Path) -> None:
    made = [sys.executable, "-m", "django", "startproject", "mysite", str(tmp_path)]
    subprocess.run(made, check=True, timeout=60)
    for text in blocks("django", "python"):
        path = text.partition("\n")[0].removeprefix("# ")
        (tmp_path / path).write_text(text)
    with bare(app="mysite.wsgi", cwd=tmp_path) as server:
        assert server.get("/ready").json == {"status": "ok", "checks": {"db": "ok"}}
        answer = server.get("/", {"X-Request-ID": "django"})
        assert answer.headers["X-Request-ID"] == "django"
        assert server.log_of("django")[-1]["status_code"] == answer.status
