"""init_sentry(): ``sentry_sdk.init`` with safe defaults, our integration and redacting hooks."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import sentry_sdk
from sentry_sdk.consts import DEFAULT_OPTIONS
from sentry_sdk.integrations.atexit import AtexitIntegration

from wsgi_observe._loggers import get_logger
from wsgi_observe.sentry.integration import ObserveIntegration, unmark_sent
from wsgi_observe.sentry.scrubber import Scrubber, add_request_id
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.exceptions import any_failure

_log = get_logger("wsgi_observe.sentry")

Hook = Callable[[Any, Any], Any]

_DEFAULTS = {"max_request_body_size": "never", "include_local_variables": False}
_HOOKS = (
    *("before_send", "before_send_transaction", "before_breadcrumb"),
    *("before_send_log", "before_send_metric", "before_send_span"),
)
# sentry-sdk keeps or sends what it gave to these if they fail; other hooks drop it.
_NEVER_DROPPED_HOOKS = ("before_send_span", "before_breadcrumb")


def init_sentry(
    dsn: str | None = None,
    *,
    redact: bool = True,
    settings: Settings | None = None,
    **options: Any,
) -> None:
    """Start Sentry: one event for each failure, tagged with its request ID, without secrets.

    Without a DSN it does nothing but log that at INFO. Personal data, request bodies and local
    variables are not sent unless an option enables them.

    :param dsn: the DSN to send events to; by default ``SENTRY_DSN``.
    :param redact: whether to redact everything that is sent, after your own hooks. The setting
        of that name is for log lines only.
    :param settings: whose ``redact_add``, ``redact_keep`` and ``redact_patterns`` apply; by
        default those of the environment.
    :param options: further options of ``sentry_sdk.init``.
    :raises SettingsError: for an invalid setting in the environment.

    >>> init_sentry(release="shop@1.2", traces_sample_rate=0.1)  # doctest: +SKIP
    """
    dsn = dsn or os.environ.get("SENTRY_DSN")
    if not dsn:
        _log.info("Sentry is off: set SENTRY_DSN, or pass a DSN to init_sentry, to send events")
        return
    final_hook: Hook = add_request_id
    if redact:
        settings = (settings or Settings.from_env(os.environ)).replace(redact_personal=True)
        final_hook = Scrubber(settings.redactor())
    sentry_sdk.init(dsn, **_make_options(options, final_hook))


def _make_options(options: Mapping[str, Any], final_hook: Hook) -> dict[str, Any]:
    merged = {**_DEFAULTS, **options}
    # Only where its default is on: newer versions warn if the option is given at all.
    if DEFAULT_OPTIONS["send_default_pii"]:
        merged.setdefault("send_default_pii", False)
    # Sentry shows the app's own frame first, not that of a middleware.
    merged["in_app_exclude"] = [*(merged.get("in_app_exclude") or ()), "wsgi_observe"]
    integrations = list(merged.get("integrations") or ())
    merged["integrations"] = integrations + _get_missing_integrations(
        integrations, merged.get("default_integrations", True)
    )
    _set_hooks(merged, final_hook)
    return merged


def _get_missing_integrations(integrations: list[Any], has_defaults: bool) -> list[Any]:
    """Return our integrations, without those that the user has passed."""
    our_integrations: list[Any] = [ObserveIntegration()]
    if has_defaults:
        # Its default callback writes to stderr, between the log lines.
        our_integrations.append(AtexitIntegration(callback=_log_pending_envelopes))
    return [
        integration
        for integration in our_integrations
        if not any(isinstance(existing, type(integration)) for existing in integrations)
    ]


def _log_pending_envelopes(events: int, seconds: float) -> None:
    _log.info("Sentry is still sending %d envelopes: waiting for up to %g seconds", events, seconds)


def _set_hooks(options: dict[str, Any], final_hook: Hook) -> None:
    """Set hooks that pass the results of the user's own hooks to `final_hook`."""
    experiments = dict(options.get("_experiments") or {})
    lifecycle = options.get("trace_lifecycle") or experiments.get("trace_lifecycle")
    for name in _HOOKS:
        # Sentry warns about a hook for spans unless it sends them one by one.
        if name == "before_send_span" and lifecycle != "stream":
            continue
        user_hook = options.get(name) or experiments.get(name)
        # Older versions have the option as an experiment, or not at all.
        target = options if name in DEFAULT_OPTIONS else experiments
        target[name] = partial(_call_both, user_hook, final_hook, name) if user_hook else final_hook
    options["_experiments"] = experiments


def _call_both(user_hook: Hook, final_hook: Hook, name: str, thing: Any, hint: Any) -> Any:
    """Call the user's own hook, then `final_hook` with its result."""
    try:
        result = user_hook(thing, hint)
    except any_failure():
        if name not in _NEVER_DROPPED_HOOKS:
            raise  # Sentry drops it, and counts it
        result = thing
    if result is None:
        unmark_sent(hint)
        return None
    return final_hook(result, hint)
