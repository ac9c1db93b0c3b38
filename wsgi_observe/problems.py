"""Problems of a set-up that are seen without a request: for the boot line, and for the doctor."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import suppress

from wsgi_observe._loggers import ACCESS_LOGGER, get_logger
from wsgi_observe.health.routers import bottle_module, find_framework_apps
from wsgi_observe.middleware.health import Health, ProbePath
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.middleware import find_middlewares, iter_wrapped_apps

NO_CHECKS = (
    "no readiness checks are configured: the readiness probe answers ok even while a database or "
    "another service is down; set checks"
)


def find_probes(app: object) -> list[ProbePath]:
    """Return the probe that is served at each path, with its owner."""
    probes: dict[str, ProbePath] = {}
    for health in find_middlewares(app, Health):
        for probe in health.find_probe_owners():
            # A path that an outer one leaves to the app may be answered by an inner one.
            if probe.owner != "app" or probe.path not in probes:
                probes[probe.path] = probe
    return list(probes.values())


def has_no_checks(app: object) -> bool:
    """Return whether a readiness probe is served and has no checks to run."""
    return not any(health.readiness.names for health in find_middlewares(app, Health)) and any(
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
    for name in find_debugged_frameworks(app):
        yield (
            f"DEBUG is on in {name}: switch it off in production, where errors may show code and "
            "secrets to clients"
        )


def find_debugged_frameworks(app: object) -> list[str]:
    """Return the names of the frameworks whose ``DEBUG`` is on."""
    names = []
    for one, class_name in find_framework_apps(app):
        if class_name == "flask.app.Flask" and one.debug:
            names.append("Flask")
        elif class_name == "bottle.Bottle" and getattr(bottle_module(one), "DEBUG", False):
            names.append("Bottle")
    django = sys.modules.get("django.conf")
    if django is not None:
        with suppress(Exception):  # Django is not configured
            if django.settings.DEBUG:
                names.append("Django")
    return list(dict.fromkeys(names))  # an app is found by each of its methods that are wrapped


def has_debugger(app: object) -> bool:
    """Return whether an app, or one that it wraps or dispatches to, is in Werkzeug's debugger."""
    debug = sys.modules.get("werkzeug.debug")
    if debug is None:
        return False
    pending, dispatchers = [app], set[int]()
    while pending:
        for one in iter_wrapped_apps(pending.pop()):
            if isinstance(one, debug.DebuggedApplication):
                return True
            mounts = getattr(one, "mounts", None)  # of DispatcherMiddleware
            if isinstance(mounts, dict) and id(one) not in dispatchers:
                dispatchers.add(id(one))
                pending += mounts.values()
    return False


def check_readiness(
    app: object, settings: Settings, timeout: float, worker_class: object
) -> Iterator[str]:
    """Yield which checks never run, and whether one may take longer than the server waits.

    :param timeout: Gunicorn's: seconds after which it kills a worker; 0 for never.
    :param worker_class: its name. The timeout of others than ``sync`` is for their main loop, which
        a request does not block.
    """
    healths = find_middlewares(app, Health)
    if not settings.ready_path:
        return
    names = {name for health in healths for name in health.readiness.names}
    unused = [name for name in settings.checks if name not in names]
    if unused:
        yield f"the checks {', '.join(unused)} never run: the app has a readiness probe of its own"
    max_timeout = max((health.readiness.max_timeout for health in healths), default=0.0)
    if worker_class == "sync" and timeout and max_timeout >= timeout:
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
