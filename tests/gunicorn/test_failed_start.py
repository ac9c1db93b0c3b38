"""A service that cannot start says why in lines, once, and stops."""

import sys
from pathlib import Path

import pytest

from tests import support
from tests.gunicorn.serving import BY_LOGGER, KINDS, PLAIN, ROOT
from tests.marks import first_by_default
from tests.support import strict_json

APPS = {
    "raises": "import no_such_module\n",
    "syntax": "def app(:\n",
    "runtime": "raise RuntimeError('at import')\n",
    "no app": "application = None\n",
}


def start(place: Path, *options: str, app: str = PLAIN, **env: str) -> tuple[int, list[dict]]:
    """Start a Gunicorn that is to stop by itself; return its exit code and its lines."""
    command = [sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", *BY_LOGGER, *options, app]
    environment = {"PYTHONPATH": str(ROOT), "XDG_RUNTIME_DIR": str(place), **env}
    server = support.start(command, place, environment)
    try:
        code = server.end()
    finally:
        server.kill()
    assert [line for line in server.lines if not line.startswith("{")] == []
    return code, [strict_json(line) for line in server.lines]


@pytest.mark.parametrize("kind", first_by_default(["gthread", "sync", "gevent"]))
@pytest.mark.parametrize("preload", first_by_default([(), ("--preload",)]), ids=["", "preload"])
@pytest.mark.parametrize("what", APPS)
def test_an_app_that_fails_to_load_is_one_line_with_its_traceback(
    kind: str, preload: tuple[str, ...], what: str, tmp_path: Path
) -> None:
    if kind != "gthread" and what != "raises":
        pytest.skip("what fails makes no difference to the kind of worker")
    (tmp_path / "failing.py").write_text(APPS[what])
    code, lines = start(tmp_path, *KINDS[kind], *preload, app="failing:app")
    assert code in (1, 3, 4)
    failures = [line for line in lines if "exc_info" in line]
    assert len(failures) == 1
    assert failures[0]["level"] == "ERROR"
    assert "failing" in failures[0]["exc_info"] or what == "no app"
    if not preload:
        assert len([line for line in lines if "Shutting down" in line["message"]]) == 1


@pytest.mark.slow
def test_the_oldest_gunicorn_tells_it_too(oldest_gunicorn: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "failing.py").write_text(APPS["raises"])
    code, lines = start(tmp_path, app="failing:app", **oldest_gunicorn)
    assert code == 3
    assert len([line for line in lines if "exc_info" in line]) == 1


MISTAKES = {
    "unknown": ({"WSGI_OBSERVE_CHECK": "a=b:c"}, "WSGI_OBSERVE_CHECK"),
    "unfit": ({"WSGI_OBSERVE_DRAIN_SECONDS": "long"}, "WSGI_OBSERVE_DRAIN_SECONDS"),
    "no path": ({"WSGI_OBSERVE_CHECKS": "db=shop.health.ping"}, "checks"),
    "no Sentry": ({"WSGI_OBSERVE_SENTRY": "1"}, "sentry"),
    "no folder": ({"WSGI_OBSERVE_LOG_STREAM": "/no/such/folder/log"}, "log_stream"),
}


@pytest.mark.parametrize("kind", MISTAKES)
def test_a_mistaken_setting_stops_the_start_with_one_line(kind: str, tmp_path: Path) -> None:
    env, named = MISTAKES[kind]
    code, lines = start(tmp_path, "--preload", **{"SENTRY_DSN": "", **env})
    assert code == 1
    (line,) = lines
    assert (line["level"], line["logger"]) == ("CRITICAL", "wsgi_observe.gunicorn")
    assert line["message"].startswith(f"{named} must be ")
    assert "exc_info" not in line


IN_THE_WORKER = {
    "no module": {"WSGI_OBSERVE_CHECKS": "db=no.such.module:ping"},
    "no Flask": {"WSGI_OBSERVE_FLASK": "1"},
}


@pytest.mark.parametrize("kind", IN_THE_WORKER)
def test_a_setting_that_the_app_does_not_fit_stops_the_workers(kind: str, tmp_path: Path) -> None:
    code, lines = start(tmp_path, app="tests.gunicorn.talking:app", **IN_THE_WORKER[kind])
    assert code == 3
    (failure,) = [line for line in lines if "exc_info" in line]
    assert failure["exc_type"] == "SettingsError"
