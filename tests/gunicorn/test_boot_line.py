"""The boot line: what it tells, what it hides, what it finds wrong."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from gunicorn.config import Config

from tests.calls import answering
from tests.gunicorn.serving import BY_LOGGER, bare, boots, gunicorn
from tests.support import Server
from wsgi_observe import Check, Settings, observe
from wsgi_observe.gunicorn.worker.boot_line import (
    find_problems,
    get_changed_settings,
    get_middleware_names,
)
from wsgi_observe.health import HealthState
from wsgi_observe.logs import LineHandler
from wsgi_observe.logs.foreign_handlers import all_loggers
from wsgi_observe.logs.installation import installation
from wsgi_observe.problems import find_probes


def config(**settings: Any) -> Config:
    made = Config()
    for name, value in settings.items():
        made.set(name, value)
    return made


@pytest.fixture
def set_up(clean_logging: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have root as the door leaves it, and nothing of other libraries' on other loggers."""
    root, *others = all_loggers()
    for logger in others:
        monkeypatch.setattr(logger, "handlers", [])
    root.handlers[:] = [LineHandler("stderr")]
    root.setLevel("INFO")


CHECKED = observe(answering(), checks={"db": dict})


def test_nothing_is_wrong_with_what_is_right(set_up: None) -> None:
    assert find_problems(config(), CHECKED, Settings()) == []


def debugging() -> Any:
    app = Flask("shop")
    app.debug = True
    app.wsgi_app = observe(app.wsgi_app, checks={"db": dict})  # type: ignore[method-assign]
    return app


def with_health() -> Flask:
    app = Flask("shop")
    app.get("/health")(lambda: "fine")
    return app


def with_ready() -> Flask:
    app = Flask("shop")
    app.get("/ready")(lambda: "fine")
    return app


def test_what_is_the_apps_choice_is_not_wrong(set_up: None) -> None:
    for app in (answering(), with_health(), with_ready()):
        assert find_problems(config(), observe(app), Settings()) == []


WRONG: dict[str, tuple[dict[str, Any], Any, Settings, str]] = {
    "DEBUG": ({}, debugging, Settings(), "DEBUG is on in Flask"),
    "a route that is hidden": (
        {},
        lambda: observe(with_health(), checks={"db": dict}, live_path="/health"),
        Settings(),
        "so the app's own route is not reached",
    ),
    "a drain that is not told": (
        {},
        lambda: observe(with_ready(), state=HealthState()),
        Settings(drain_seconds=20),
        "/ready is answered by the app's own route, which does not report draining",
    ),
    "a slow check": (
        {"timeout": 30},
        lambda: observe(answering(), checks={"db": Check(dict, timeout=40.0)}),
        Settings(),
        "timeout is 30 s, and a readiness check may take 40 s",
    ),
    "unused checks": (
        {},
        lambda: CHECKED,
        Settings(checks={"cache": "a:b"}),
        "the checks cache never run",
    ),
    "two access logs": ({"accesslog": "-"}, lambda: CHECKED, Settings(), "accesslog is on"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_in_plain_words(kind: str, set_up: None) -> None:
    cfg, app, settings, words = WRONG[kind]
    (found,) = find_problems(config(**cfg), app(), settings)
    assert words in found


def test_a_level_that_hides_access_lines_is_found(set_up: None) -> None:
    logging.getLogger().setLevel("WARNING")
    (found,) = find_problems(config(), CHECKED, Settings())
    assert found == "the log level WARNING hides INFO: there are no access lines"
    assert find_problems(config(), CHECKED, Settings(access_log=False)) == []


def test_what_the_apps_logging_configuration_needs_is_found(
    set_up: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation, "problems", ["the logger shop does not propagate"])
    assert find_problems(config(), CHECKED, Settings()) == ["the logger shop does not propagate"]


def test_settings_that_are_secret_are_not_shown() -> None:
    settings = Settings(
        log_fields={"service": "shop", "api_key": "abc", "of": {"password": "abc"}},
        render_error=len,
        trust_request_id=("10.0.0.0/8",),
        checks={"db": dict, "cache": "shop:ping"},
    )
    shown = get_changed_settings(settings)
    assert "abc" not in str(shown)
    assert shown == {
        "trust_request_id": ["10.0.0.0/8"],
        "render_error": "builtins:len",
        "log_color": False,
        "log_fields": {
            "service": "shop",
            "api_key": "[REDACTED]",
            "of": {"password": "[REDACTED]"},
        },
        "checks": {"db": "builtins:dict", "cache": "shop:ping"},
    }


@pytest.mark.parametrize(
    ("app", "owners"),
    [
        pytest.param(lambda: observe(answering()), ("wsgi_observe", "wsgi_observe"), id="none"),
        pytest.param(lambda: observe(with_health()), ("app", "wsgi_observe"), id="the app's"),
        pytest.param(
            lambda: observe(observe(with_health(), live_path="/health")),
            ("wsgi_observe", "wsgi_observe"),
            id="set further in",
        ),
        pytest.param(
            lambda: observe(observe(with_health()), live_path="/health"),
            ("wsgi_observe", "wsgi_observe"),
            id="set further out",
        ),
    ],
)
def test_the_owner_of_each_probe_path_is_told(app: Any, owners: tuple[str, str]) -> None:
    found = {probe.path: probe.owner for probe in find_probes(app())}
    assert found == dict(zip(("/health", "/ready"), owners, strict=True))


def test_the_stack_is_told_from_the_outside_in() -> None:
    app = Flask("shop")
    app.wsgi_app = observe(app.wsgi_app)  # type: ignore[method-assign]
    assert get_middleware_names(app) == [
        "Flask",
        "RequestID",
        "Health",
        "AccessLog",
        "ErrorEnvelope",
    ]


def test_a_real_worker_tells_what_is_wrong_with_it(tmp_path: Path) -> None:
    env = {
        "WSGI_OBSERVE_CHECKS": "slow=tests.gunicorn.pings:slow",
        "WSGI_OBSERVE_LOG_FIELDS": "service=shop,secret_token=abc",
    }
    with gunicorn("--timeout", "20", env=env) as server:
        (line,) = boots(server)
        assert line["level"] == "WARNING"
        assert line["checks"] == ["slow"]
        (problem,) = line["problems"]
        assert problem.startswith("timeout is 20 s, and a readiness check may take 40 s")
        assert {"python", "wsgi-observe", "gunicorn", "flask"} <= line["versions"].keys()
        assert line["settings"]["log_fields"]["secret_token"] == "[REDACTED]"
        assert line["gunicorn"]["timeout"] == 20


def warnings_of(server: Server) -> list[Any]:
    return [line for line in server.records if line["level"] == "WARNING"]


def test_a_boot_line_that_cannot_be_made_costs_a_warning_and_no_worker(tmp_path: Path) -> None:
    (tmp_path / "shop_app.py").write_text(
        "import sys\n"
        "sys.modules['email.parser'] = None\n"  # as where a worker's user may not read it
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [b'']\n"
    )
    with bare(*BY_LOGGER, app="shop_app:app", cwd=tmp_path) as server:
        assert server.get("/").status == 200
        server.wait_for(lambda: warnings_of(server))
    (warning,) = warnings_of(server)
    assert warning["message"].startswith("logging the boot line failed")
    assert warning["exc_type"] == "ModuleNotFoundError"
