"""The boot line of a worker: versions, settings, middlewares, probes and problems."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from wsgi_observe._loggers import ACCESS_LOGGER, get_logger
from wsgi_observe.gunicorn.worker.app_wrapping import find_flask_app
from wsgi_observe.logs.installation import installation
from wsgi_observe.middleware.health import Health, ProbePath
from wsgi_observe.redaction import REDACTED
from wsgi_observe.settings import SETTINGS, Settings
from wsgi_observe.wsgi.middleware import iter_wrapped_apps

_log = get_logger("wsgi_observe.gunicorn")

_PACKAGES = ("wsgi-observe", "gunicorn", "flask", "django", "gevent", "sentry-sdk")
_GUNICORN_SETTINGS = (
    "workers",
    "threads",
    "timeout",
    "graceful_timeout",
    "max_requests",
    "preload_app",
)
_NO_CHECKS = (
    "no readiness checks are configured: the readiness probe answers ok even while a database or "
    "another service is down; set checks"
)


def log_boot_line(worker: Any, app: object, settings: Settings) -> None:
    """Log the boot line: INFO, or WARNING if there are problems."""
    problems = find_problems(worker.cfg, app, settings)
    facts: dict[str, object] = {
        "versions": _get_versions(),
        "gunicorn": {name: getattr(worker.cfg, name) for name in _GUNICORN_SETTINGS},
        "worker_class": worker.cfg.worker_class_str,
        "settings": get_changed_settings(settings),
        "stack": get_middleware_names(app),
        "health": get_probe_owners(app),
        "checks": [name for health in _find_health_middlewares(app) for name in health.check_names],
    }
    if problems:
        facts["problems"] = problems
    level = logging.WARNING if problems else logging.INFO
    _log.log(level, "worker booted%s", ": " + "; ".join(problems) if problems else "", extra=facts)
    # Once per server: Gunicorn numbers its workers, those of a reload too.
    if worker.age == 1 and _has_no_checks(app):
        _log.info(_NO_CHECKS)


def get_changed_settings(settings: Settings) -> dict[str, object]:
    """Return the settings that differ from their defaults, redacted.

    >>> settings = Settings.from_env({"WSGI_OBSERVE_LOG_FIELDS": "service=shop,api_key=abc"})
    >>> get_changed_settings(settings)
    {'log_fields': {'service': 'shop', 'api_key': '[REDACTED]'}}
    """
    defaults = Settings.from_env({})
    redactor = settings.redactor()
    return {
        name: redactor.value(_serialize(value)) if setting.repr else REDACTED
        for name, setting in SETTINGS.items()
        if (value := getattr(settings, name)) != getattr(defaults, name)
    }


def get_middleware_names(app: object) -> list[str]:
    """Return the class names of the middlewares and the app, from the outside in."""
    return [type(one).__name__ for one in iter_wrapped_apps(app) if not hasattr(one, "__func__")]


def get_probe_owners(app: object) -> dict[str, str]:
    """Return the owner of each probe path: ``app`` or ``wsgi_observe``."""
    owners: dict[str, str] = {}
    for probe in _find_probes(app):
        # A path that an outer one leaves to the app may be answered by an inner one.
        if probe.owner != "app" or probe.path not in owners:
            owners[probe.path] = probe.owner
    return owners


def _get_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        if name.replace("-", "_") in sys.modules:
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                continue
    return versions


def _find_health_middlewares(app: object) -> list[Health]:
    return [one for one in iter_wrapped_apps(app) if isinstance(one, Health)]


def _find_probes(app: object) -> list[ProbePath]:
    return [
        probe for health in _find_health_middlewares(app) for probe in health.find_probe_owners()
    ]


def _serialize(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _serialize(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_serialize(item) for item in value]
    if callable(value):
        return f"{value.__module__}:{getattr(value, '__qualname__', type(value).__name__)}"
    return value if isinstance(value, (bool, int, float)) else str(value)


def find_problems(cfg: Any, app: object, settings: Settings) -> list[str]:
    """Return a sentence for each problem that the operator should fix."""
    installation.take_unreported_problems()  # the boot line reports them
    return [
        *installation.problems,
        *_check_access_lines(cfg, settings),
        *_check_debug(app),
        *_check_readiness(cfg, app, settings),
        *_check_probe_paths(app, settings),
        *_check_metrics(cfg),
    ]


def _check_access_lines(cfg: Any, settings: Settings) -> Iterator[str]:
    if not settings.has_middleware("access_log"):
        return
    access = get_logger(ACCESS_LOGGER)
    if not access.isEnabledFor(logging.INFO):
        level = logging.getLevelName(access.getEffectiveLevel())
        yield f"the log level {level} hides INFO: there are no access lines"
    if cfg.accesslog == "-":
        yield "accesslog is on: Gunicorn logs each request too, beside our access line; unset it"


_DEBUG_CONSEQUENCE = (
    ": switch it off in production, where errors may show code and secrets to clients"
)


def _check_debug(app: object) -> Iterator[str]:
    if getattr(find_flask_app(app), "debug", False):
        yield f"DEBUG is on in Flask{_DEBUG_CONSEQUENCE}"
    django = sys.modules.get("django.conf")
    if django is not None:
        with suppress(Exception):  # Django is not configured
            if django.settings.DEBUG:
                yield f"DEBUG is on in Django{_DEBUG_CONSEQUENCE}"


def _check_readiness(cfg: Any, app: object, settings: Settings) -> Iterator[str]:
    healths = _find_health_middlewares(app)
    if not settings.ready_path:
        return
    names = {name for health in healths for name in health.check_names}
    unused = [name for name in settings.checks if name not in names]
    if unused:
        yield f"the checks {', '.join(unused)} never run: the app has a readiness probe of its own"
    max_timeout = max((health.max_check_timeout for health in healths), default=0.0)
    if cfg.timeout and max_timeout >= cfg.timeout:
        yield (
            f"timeout is {cfg.timeout} s, and a readiness check may take {max_timeout:g} s: "
            "Gunicorn kills a worker that waits for it; lower the check's timeout"
        )


def _check_probe_paths(app: object, settings: Settings) -> Iterator[str]:
    for probe in _find_probes(app):
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


def _check_metrics(cfg: Any) -> Iterator[str]:
    sources = sys.modules.get("wsgi_observe.metrics.sources")
    if sources is not None and sources.is_single_process() and cfg.workers > 1:
        yield (
            "metrics_path is set in the app's code: each worker shows only what it has counted "
            "itself; set WSGI_OBSERVE_METRICS_PORT or WSGI_OBSERVE_METRICS_PATH instead"
        )


def _has_no_checks(app: object) -> bool:
    """Return whether a readiness probe is served and has no checks to run."""
    return not any(health.check_names for health in _find_health_middlewares(app)) and any(
        probe.setting == "ready_path" and probe.owner != "app" for probe in _find_probes(app)
    )
