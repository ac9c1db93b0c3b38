"""Sentry under Gunicorn, switched on by the setting ``sentry``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from wsgi_observe.settings import Settings, SettingsError

_MODULE = "wsgi_observe.sentry"


def require_sentry(environ: Mapping[str, str]) -> None:
    """Check that Sentry's SDK and a DSN are there.

    The SDK is located, not imported: the arbiter must not load `ssl` before a gevent worker
    patches it.

    :raises SettingsError: without the SDK or a DSN.
    """
    if find_spec("sentry_sdk") is None or find_spec(_MODULE) is None:
        allowed = "False unless Sentry's SDK is installed (pip install 'wsgi-observe[sentry]')"
        raise SettingsError("sentry", allowed, True)
    if not environ.get("SENTRY_DSN"):
        raise SettingsError("sentry", "False unless SENTRY_DSN is in the environment", True)


def start_sentry(settings: Settings) -> None:
    """Initialize Sentry in this process."""
    import_module(_MODULE).init_sentry(settings=settings)
