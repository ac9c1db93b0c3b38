"""Puts the four middlewares round an app, in their one right order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from wsgi_observe.health import Check
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.middleware.errors import ErrorEnvelope
from wsgi_observe.middleware.health import Health
from wsgi_observe.middleware.request_id import RequestID
from wsgi_observe.settings import Settings

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def observe(
    app: WSGIApplication,
    settings: Settings | None = None,
    *,
    checks: Mapping[str, Callable[[], object] | Check] | None = None,
    **overrides: Any,
) -> WSGIApplication:
    """Return `app` with the whole stack round it.

    From the outside in: every answer has an ID, so ``RequestID`` is first; a probe leaves at
    ``Health``, unlogged; ``AccessLog`` sees the final status, the envelope's too; and
    ``ErrorEnvelope`` hangs right over the app.

    :param checks: readiness checks, name to callable or `Check`.
    :param overrides: fields of `Settings`, over those of `settings`.
    :raises SettingsError: for an unknown or unfit setting.

    >>> app.wsgi_app = observe(app.wsgi_app, checks={"db": ping_database})  # doctest: +SKIP
    """
    chosen = replace(settings or Settings(), **overrides)
    app = ErrorEnvelope(
        app,
        error_format=chosen.error_format,
        html_errors=chosen.html_errors,
        propagate=chosen.propagate,
        render_error=chosen.render_error,
    )
    if chosen.access_log:
        app = AccessLog(app)
    app = Health(
        app,
        checks=checks,
        live_path=chosen.live_path,
        ready_path=chosen.ready_path,
        check_timeout=chosen.check_timeout,
        check_ttl=chosen.check_ttl,
    )
    return RequestID(
        app,
        request_id_headers=chosen.request_id_headers,
        trust_request_id=chosen.trust_request_id,
    )
