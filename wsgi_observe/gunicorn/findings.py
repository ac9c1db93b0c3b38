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
        *_of_probe_paths(app, settings),
    ]


def _of_logging() -> list[str]:
    """Return what the app's own logging configuration needs; the boot line is its report."""
    installation.unreported_problems()
    return installation.problems


def _of_levels(settings: Settings) -> Iterator[str]:
    access = get_logger("wsgi_observe.access")
    is_disabled = logging.root.manager.disable >= logging.INFO  # which has a problem of its own
    is_hidden = not access.isEnabledFor(logging.INFO) and not is_disabled
    if settings.uses("access_log") and is_hidden:
        level = logging.getLevelName(access.getEffectiveLevel())
        yield f"the log level {level} hides INFO: there are no access lines"


def _of_access_logs(cfg: Any, settings: Settings) -> Iterator[str]:
    if settings.uses("access_log") and cfg.accesslog == "-":
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
    healths = _healths(app)
    if not settings.ready_path:
        return
    names = {name for health in healths for name in health.check_names}
    unused = [name for name in settings.checks if name not in names]
    if unused:
        yield f"the app has a /ready of its own: not used are the checks {', '.join(unused)}"
    slowest = max((health.slowest_check for health in healths), default=0.0)
    if cfg.timeout and slowest >= cfg.timeout:
        yield (
            f"timeout is {cfg.timeout} s, and a readiness check may take {slowest:g} s: "
            "a worker that waits for it is killed"
        )


def _of_probe_paths(app: object, settings: Settings) -> Iterator[str]:
    for probe in (probe for health in _healths(app) for probe in health.report_owners()):
        conflict = probe.conflict()
        is_apps = probe.owner == "app"
        # That the app answers is in the boot line's `health`: nothing is wrong with it.
        if conflict is not None and not is_apps:
            yield conflict
        if is_apps and probe.setting == "ready_path" and settings.drain_seconds:
            yield (
                f"{probe.path} is answered by the app's own route, which does not say that the "
                "service drains: set ready_path, and have the load balancer ask there"
            )


def lacks_checks(app: object) -> bool:
    """Return whether a readiness probe is served and has no checks to run."""
    healths = _healths(app)
    probes = [probe for health in healths for probe in health.report_owners()]
    is_served = any(probe.setting == "ready_path" and probe.owner != "app" for probe in probes)
    return is_served and not any(health.check_names for health in healths)


def _healths(app: object) -> list[Health]:
    return [one for one in inward(app) if isinstance(one, Health)]
