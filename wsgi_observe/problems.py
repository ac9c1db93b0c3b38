"""Problems of a set-up that are seen without a request: for the boot line, and for the doctor."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import suppress

from wsgi_observe._loggers import ACCESS_LOGGER, get_logger
from wsgi_observe.health.routers import find_flask_app
from wsgi_observe.middleware.health import Health, ProbePath
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.middleware import iter_wrapped_apps

NO_CHECKS = (
    "no readiness checks are configured: the readiness probe answers ok even while a database or "
    "another service is down; set checks"
)

_DEBUG_CONSEQUENCE = (
    ": switch it off in production, where errors may show code and secrets to clients"
)


def find_health_middlewares(app: object) -> list[Health]:
    """Return the `Health` middlewares of an app, from the outside in."""
    return [one for one in iter_wrapped_apps(app) if isinstance(one, Health)]


def find_probes(app: object) -> list[ProbePath]:
    """Return the probes of an app's `Health` middlewares, each with its owner."""
    return [
        probe for health in find_health_middlewares(app) for probe in health.find_probe_owners()
    ]


def has_no_checks(app: object) -> bool:
    """Return whether a readiness probe is served and has no checks to run."""
    return not any(health.check_names for health in find_health_middlewares(app)) and any(
        probe.setting == "ready_path" and probe.owner != "app" for probe in find_probes(app)
    )


def check_access_lines(settings: Settings, accesslog: str | None) -> Iterator[str]:
    """Yield what hides or doubles access lines.

    :param accesslog: Gunicorn's setting.
    """
    if not settings.has_middleware("access_log"):
        return
    access = get_logger(ACCESS_LOGGER)
    if not access.isEnabledFor(logging.INFO):
        level = logging.getLevelName(access.getEffectiveLevel())
        yield f"the log level {level} hides INFO: there are no access lines"
    if accesslog == "-":
        yield "accesslog is on: Gunicorn logs each request too, beside our access line; unset it"


def check_debug(app: object) -> Iterator[str]:
    """Yield the frameworks whose ``DEBUG`` is on."""
    if getattr(find_flask_app(app), "debug", False):
        yield f"DEBUG is on in Flask{_DEBUG_CONSEQUENCE}"
    django = sys.modules.get("django.conf")
    if django is not None:
        with suppress(Exception):  # Django is not configured
            if django.settings.DEBUG:
                yield f"DEBUG is on in Django{_DEBUG_CONSEQUENCE}"


def check_readiness(app: object, settings: Settings, timeout: float) -> Iterator[str]:
    """Yield which checks never run, and whether one may take longer than the server waits.

    :param timeout: seconds after which the server kills a worker; 0 for never.
    """
    healths = find_health_middlewares(app)
    if not settings.ready_path:
        return
    names = {name for health in healths for name in health.check_names}
    unused = [name for name in settings.checks if name not in names]
    if unused:
        yield f"the checks {', '.join(unused)} never run: the app has a readiness probe of its own"
    max_timeout = max((health.max_check_timeout for health in healths), default=0.0)
    if timeout and max_timeout >= timeout:
        yield (
            f"timeout is {timeout} s, and a readiness check may take {max_timeout:g} s: "
            "Gunicorn kills a worker that waits for it; lower the check's timeout"
        )


def check_probe_paths(app: object, settings: Settings) -> Iterator[str]:
    """Yield conflicts of the probes with routes of the app."""
    for probe in find_probes(app):
        conflict = probe.conflict()
        is_app_route = probe.owner == "app"
        # A probe that the app answers is no problem; the boot line's `health` has it.
        if conflict is not None and not is_app_route:
            yield conflict
        if is_app_route and probe.setting == "ready_path" and settings.drain_seconds:
            yield (
                f"{probe.path} is answered by the app's own route, which does not report draining: "
                "set ready_path, and have the load balancer request that path"
            )
