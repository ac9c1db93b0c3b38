"""Sentry, where the settings ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from wsgi_observe.settings import Settings, SettingsError

_MODULE = "wsgi_observe.sentry"


def require_sentry(environ: Mapping[str, str]) -> None:
    """Stop the start where Sentry is asked for and cannot be had.

    Found, not imported: the arbiter must not load `ssl` before a gevent worker patches it.

    :raises SettingsError: without the SDK or a DSN.
    """
    if find_spec("sentry_sdk") is None or find_spec(_MODULE) is None:
        allowed = "False without Sentry's SDK (pip install 'wsgi-observe[sentry]')"
        raise SettingsError("sentry", allowed, True)
    if not environ.get("SENTRY_DSN"):
        raise SettingsError("sentry", "False without SENTRY_DSN in the environment", True)


def start_sentry(settings: Settings) -> None:
    """Have this process report to Sentry."""
    import_module(_MODULE).init_sentry(settings=settings)
