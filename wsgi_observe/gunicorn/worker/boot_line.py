"""The boot line of a worker: versions, settings, middlewares, probes and problems."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from wsgi_observe._loggers import get_logger
from wsgi_observe.logs.installation import installation
from wsgi_observe.middleware.health import Health
from wsgi_observe.problems import (
    NO_CHECKS,
    check_access_lines,
    check_debug,
    check_probe_paths,
    check_readiness,
    find_probes,
    has_no_checks,
)
from wsgi_observe.redaction import REDACTED
from wsgi_observe.settings import SETTINGS, Settings
from wsgi_observe.wsgi.middleware import find_middlewares, iter_wrapped_apps

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


def log_boot_line(worker: Any, app: object, settings: Settings) -> None:
    """Log the boot line: INFO, or WARNING if there are problems."""
    problems = find_problems(worker.cfg, app, settings)
    facts: dict[str, object] = {
        "versions": _get_versions(),
        "gunicorn": {name: getattr(worker.cfg, name) for name in _GUNICORN_SETTINGS},
        "worker_class": worker.cfg.worker_class_str,
        "settings": get_changed_settings(settings),
        "stack": get_middleware_names(app),
        "health": {probe.path: probe.owner for probe in find_probes(app)},
        "checks": [
            one for health in find_middlewares(app, Health) for one in health.readiness.names
        ],
    }
    if problems:
        facts["problems"] = problems
    level = logging.WARNING if problems else logging.INFO
    _log.log(level, "worker booted%s", ": " + "; ".join(problems) if problems else "", extra=facts)
    # Once per server: Gunicorn numbers its workers, those of a reload too.
    if worker.age == 1 and has_no_checks(app):
        _log.info(NO_CHECKS)


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


def _get_versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        if name.replace("-", "_") in sys.modules:
            try:
                versions[name] = version(name)
            except PackageNotFoundError:
                continue
    return versions


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
        *check_access_lines(settings, cfg.accesslog),
        *check_debug(app),
        *check_readiness(app, settings, cfg.timeout, cfg.worker_class_str),
        *check_probe_paths(app, settings),
        *_check_metrics(cfg),
    ]


def _check_metrics(cfg: Any) -> Iterator[str]:
    sources = sys.modules.get("wsgi_observe.metrics.sources")
    if sources is not None and sources.is_single_process() and cfg.workers > 1:
        yield (
            "metrics_path is set in the app's code: each worker shows only what it has counted "
            "itself; set WSGI_OBSERVE_METRICS_PORT or WSGI_OBSERVE_METRICS_PATH instead"
        )
