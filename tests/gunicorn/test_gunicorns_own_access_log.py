"""When Gunicorn's own access log was asked for."""

import json
from pathlib import Path
from typing import Any

import pytest
from gunicorn.config import Config

from wsgi_observe.gunicorn.log_handlers import wants_gunicorn_access_log

NAMED = {"version": 1, "loggers": {"gunicorn.access": {"handlers": ["console"]}}}
OTHERS = {"version": 1, "loggers": {"shop": {"handlers": ["console"]}}}
INI = "[loggers]\nkeys=root,one\n[logger_root]\nhandlers=\n[logger_one]\nqualname={}\nhandlers=\n"

ASKED: dict[str, tuple[dict[str, Any], bool]] = {
    "nothing": ({}, False),
    "accesslog": ({"accesslog": "-"}, True),
    "syslog": ({"syslog": True}, False),
    "syslog beside it": ({"syslog": True, "accesslog": "access.log"}, True),
    "a dict that names it": ({"logconfig_dict": NAMED}, True),
    "a dict of other loggers": ({"logconfig_dict": OTHERS}, False),
    "a dict without loggers": ({"logconfig_dict": {"version": 1}}, False),
}


@pytest.mark.parametrize("kind", ASKED)
def test_it_is_asked_for_by_a_setting_or_by_name(kind: str) -> None:
    settings, asked = ASKED[kind]
    cfg = Config()
    for name, value in settings.items():
        cfg.set(name, value)
    assert wants_gunicorn_access_log(cfg) is asked


@pytest.mark.parametrize(
    ("setting", "content", "asked"),
    [
        ("logconfig_json", json.dumps(NAMED), True),
        ("logconfig_json", json.dumps(OTHERS), False),
        ("logconfig_json", "no json", False),
        ("logconfig", INI.format("gunicorn.access"), True),
        ("logconfig", INI.format("shop"), False),
        ("logconfig", "no ini", False),
    ],
)
def test_files_are_read_for_it(setting: str, content: str, asked: bool, tmp_path: Path) -> None:
    path = tmp_path / "logging"
    path.write_text(content)
    cfg = Config()
    cfg.set(setting, str(path))
    assert wants_gunicorn_access_log(cfg) is asked
