"""What is wrong with how a service is set up, in plain words."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from wsgi_observe.core.layer import inward
from wsgi_observe.core.loggers import get_logger
from wsgi_observe.gunicorn.wrapping import flask_app
from wsgi_observe.logs.installation import installation
from wsgi_observe.middleware.health import Health
from wsgi_observe.settings import Settings


def findings(cfg: Any, app: object, settings: Settings) -> list[str]:
    """Return a sentence for each thing that somebody should put right."""
    return [
        *_of_logging(),
        *_of_levels(settings),
        *_of_access_logs(cfg, settings),
        *_of_debugging(app),
        *_of_checks(cfg, app, settings),
    ]


def _of_logging() -> list[str]:
    """Return what the app's own logging configuration needs; the boot line is its report."""
    installation.unreported_problems()
    return installation.problems


def _of_levels(settings: Settings) -> Iterator[str]:
    access = get_logger("wsgi_observe.access")
    if settings.access_log and not access.isEnabledFor(logging.INFO):
        level = logging.getLevelName(access.getEffectiveLevel())
        yield f"the log level {level} hides INFO: there are no access lines"


def _of_access_logs(cfg: Any, settings: Settings) -> Iterator[str]:
    if settings.access_log and cfg.accesslog == "-":
        yield "accesslog is on: each request has Gunicorn's access line beside ours"


def _of_debugging(app: object) -> Iterator[str]:
    if getattr(flask_app(app), "debug", False):
        yield "DEBUG is on in Flask"
    django = sys.modules.get("django.conf")
    if django is not None:
        with suppress(Exception):  # it is not configured
            if django.settings.DEBUG:
                yield "DEBUG is on in Django"


def _of_checks(cfg: Any, app: object, settings: Settings) -> Iterator[str]:
    healths = [one for one in inward(app) if isinstance(one, Health)]
    names = {name for health in healths for name in health.check_names}
    if not settings.ready_path:
        return
    if not names:
        yield "there are no readiness checks: /ready says ok whatever the service depends on"
    unused = [name for name in settings.checks if name not in names]
    if unused:
        yield f"the app has a /ready of its own: not used are the checks {', '.join(unused)}"
    slowest = max((health.slowest_check for health in healths), default=0.0)
    if cfg.timeout and slowest >= cfg.timeout:
        yield (
            f"timeout is {cfg.timeout} s, and a readiness check may take {slowest:g} s: "
            "a worker that waits for it is killed"
        )
