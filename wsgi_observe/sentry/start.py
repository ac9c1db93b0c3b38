"""The start of sentry-sdk: its own `init`, with defaults and hooks that keep secrets in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.integrations.atexit import AtexitIntegration

from wsgi_observe.core.loggers import get_logger
from wsgi_observe.sentry.integration import ObserveIntegration
from wsgi_observe.sentry.scrubber import Hook, Scrubber, chained, tag
from wsgi_observe.settings import Settings

_log = get_logger("wsgi_observe.sentry")

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
    :param settings: whose ``redact_add``, ``redact_keep`` and ``redact_patterns`` count here too;
        by default those of the environment.
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
    return Scrubber(settings.replace(redact_personal=True).redactor())


def _complete(options: Mapping[str, Any], last: Hook) -> dict[str, Any]:
    """Return all options for ``sentry_sdk.init``."""
    chosen = {**_DEFAULTS, **options}
    # Only where it is on unless said: newer versions warn of whoever says it.
    if DEFAULT_OPTIONS["send_default_pii"]:
        chosen.setdefault("send_default_pii", False)
    # What a person looks for first is the app's own frame, not that of a middleware.
    chosen["in_app_exclude"] = [*(chosen.get("in_app_exclude") or ()), "wsgi_observe"]
    found = list(chosen.get("integrations") or ())
    chosen["integrations"] = found + _missing(found, chosen.get("default_integrations", True))
    _hang(chosen, last)
    return chosen


def _missing(found: list[Any], has_defaults: bool) -> list[Any]:
    """Return the integrations of ours that the user has not brought."""
    ours: list[Any] = [ObserveIntegration()]
    if has_defaults:
        # By itself it writes to stderr, in the midst of the log's lines.
        ours.append(AtexitIntegration(callback=_tell_what_is_left))
    return [one for one in ours if not any(isinstance(own, type(one)) for own in found)]


def _tell_what_is_left(events: int, seconds: float) -> None:
    _log.info("Sentry is still sending %d envelopes: waiting for up to %g seconds", events, seconds)


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
