"""The boot line of a worker: what runs here, how it is set up, what is wrong with that."""

from __future__ import annotations

import logging
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from wsgi_observe.core.layer import inward
from wsgi_observe.core.loggers import get_logger
from wsgi_observe.core.redact import REDACTED
from wsgi_observe.gunicorn.findings import findings
from wsgi_observe.middleware.health import Health
from wsgi_observe.settings import DECLARED, Settings

_log = get_logger("wsgi_observe.gunicorn")

_PACKAGES = ("wsgi-observe", "gunicorn", "flask", "django", "gevent", "sentry-sdk")
_GUNICORNS = ("workers", "threads", "timeout", "graceful_timeout", "max_requests", "preload_app")


def say_booted(worker: Any, app: object, settings: Settings) -> None:
    """Write the line: INFO, or WARNING where something is wrong."""
    wrong = findings(worker.cfg, app, settings)
    facts: dict[str, object] = {
        "versions": _versions(),
        "gunicorn": {name: getattr(worker.cfg, name) for name in _GUNICORNS},
        "worker_class": worker.cfg.worker_class_str,
        "settings": changed(settings),
        "stack": stack(app),
        "health": probe_owners(app),
        "checks": [name for health in _healths(app) for name in health.check_names],
    }
    if wrong:
        facts["problems"] = wrong
    level = logging.WARNING if wrong else logging.INFO
    _log.log(level, "worker booted%s", ": " + "; ".join(wrong) if wrong else "", extra=facts)


def changed(settings: Settings) -> dict[str, object]:
    """Return the settings that are not at their default, without what is secret.

    >>> changed(Settings.from_env({"WSGI_OBSERVE_LOG_FIELDS": "service=shop,api_key=abc"}))
    {'log_fields': {'service': 'shop', 'api_key': '[REDACTED]'}}
    """
    defaults = Settings.from_env({})
    redactor = settings.redactor()
    return {
        name: redactor.value(_shown(value)) if setting.shown else REDACTED
        for name, setting in DECLARED.items()
        if (value := getattr(settings, name)) != getattr(defaults, name)
    }


def stack(app: object) -> list[str]:
    """Return the names of what a request passes, from the outside in."""
    return [type(one).__name__ for one in inward(app) if not hasattr(one, "__func__")]


def probe_owners(app: object) -> dict[str, str]:
    """Return who answers each probe path: ``app`` or ``wsgi_observe``."""
    owners: dict[str, str] = {}
    for health in reversed(_healths(app)):
        for probe in health.report_owners():
            # What an outer one leaves to the app, an inner one may answer.
            if probe.owner != "app" or probe.path not in owners:
                owners[probe.path] = probe.owner
    return owners


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        if name.replace("-", "_") in sys.modules:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                continue
    return found


def _healths(app: object) -> list[Health]:
    return [one for one in inward(app) if isinstance(one, Health)]


def _shown(value: object) -> object:
    if isinstance(value, Mapping):
        return {name: _shown(item) for name, item in value.items()}
    if isinstance(value, tuple):
        return [_shown(item) for item in value]
    if callable(value):
        return f"{value.__module__}:{getattr(value, '__qualname__', type(value).__name__)}"
    return value if isinstance(value, (bool, int, float)) else str(value)
