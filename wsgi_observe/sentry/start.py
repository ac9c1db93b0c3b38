"""The start of sentry-sdk: its own `init`, with defaults and hooks that keep secrets in."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS

from wsgi_observe.core.redact import Redactor
from wsgi_observe.sentry.integration import ObserveIntegration
from wsgi_observe.sentry.scrubber import Hook, Scrubber, chained, tag
from wsgi_observe.settings import Settings

_log = logging.getLogger("wsgi_observe.sentry")

_DEFAULTS = {"max_request_body_size": "never", "include_local_variables": False}
_HOOKS = (
    *("before_send", "before_send_transaction", "before_breadcrumb"),
    *("before_send_log", "before_send_metric", "before_send_span"),
)


def init_sentry(
    dsn: str | None = None,
    *,
    redact: bool = True,
    settings: Settings | None = None,
    **options: Any,
) -> None:
    """Start Sentry: one event per failure, under its request ID, without the secrets.

    Without a DSN it does nothing, and says so at INFO. Personal data, request bodies and local
    variables are off unless an option says otherwise.

    :param dsn: where events go; by default what ``SENTRY_DSN`` says.
    :param redact: whether secrets are taken out of all that is sent, after hooks of your own.
        The setting of that name is the log's, and does not count here.
    :param settings: whose ``redact_add`` and ``redact_keep`` count here too; by default those of
        the environment.
    :param options: those of ``sentry_sdk.init``.
    :raises SettingsError: for an unfit setting in the environment.

    >>> init_sentry(release="shop@1.2", traces_sample_rate=0.1)  # doctest: +SKIP
    """
    dsn = dsn or os.environ.get("SENTRY_DSN")
    if not dsn:
        _log.info("Sentry is off: neither init_sentry(dsn) nor SENTRY_DSN says where events go")
        return
    last: Hook = _scrubber(settings or Settings.from_env(os.environ)) if redact else tag
    sentry_sdk.init(dsn, **_complete(options, last))


def _scrubber(settings: Settings) -> Scrubber:
    names = {"add": settings.redact_add, "keep": settings.redact_keep}
    return Scrubber(Redactor(**names, personal=True))


def _complete(options: Mapping[str, Any], last: Hook) -> dict[str, Any]:
    """Return all options for ``sentry_sdk.init``."""
    chosen = {**_DEFAULTS, **options}
    # Only where it is on unless said: newer versions warn of whoever says it.
    if DEFAULT_OPTIONS["send_default_pii"]:
        chosen.setdefault("send_default_pii", False)
    # What a person looks for first is the app's own frame, not that of a middleware.
    chosen["in_app_exclude"] = [*(chosen.get("in_app_exclude") or ()), "wsgi_observe"]
    chosen["integrations"] = _with_ours(chosen.get("integrations") or ())
    _hang(chosen, last)
    return chosen


def _with_ours(integrations: Any) -> list[Any]:
    found = list(integrations)
    if any(isinstance(one, ObserveIntegration) for one in found):
        return found
    return [ObserveIntegration(), *found]


def _hang(options: dict[str, Any], last: Hook) -> None:
    """Have `last` see whatever the user's own hooks of the same names leave."""
    experiments = dict(options.get("_experiments") or {})
    lifecycle = options.get("trace_lifecycle") or experiments.get("trace_lifecycle")
    for name in _HOOKS:
        # Sentry warns of a hook for spans where it does not send them one by one.
        if name == "before_send_span" and lifecycle != "stream":
            continue
        hook = chained(options.get(name) or experiments.get(name), last, name)
        # Where a version does not know an option yet, it had it as an experiment, or not at all.
        place = options if name in DEFAULT_OPTIONS else experiments
        place[name] = hook
    options["_experiments"] = experiments
