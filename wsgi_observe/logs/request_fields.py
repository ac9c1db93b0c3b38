"""The request's fields of a log line, as they are before redaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_observe.context import (
    ENDED_ENVIRON,
    RequestContext,
    call_request_hooks,
    get_raw_context,
    request_hooks,
)
from wsgi_observe.field_names import CONTEXT_ATTRIBUTE
from wsgi_observe.logs.fields import Fields
from wsgi_observe.wsgi.client_address import shorten_address, stricter_mode
from wsgi_observe.wsgi.environ import MASKED_PATH, add_request_fields


def request_fields(attributes: Mapping[str, Any], remote_addr: str) -> Fields:
    """Return the fields of the request that a record belongs to, not redacted.

    :param attributes: those of the record.
    :param remote_addr: how much of the client's address is shown.
    """
    context = get_raw_context()
    if CONTEXT_ATTRIBUTE in attributes and not is_recorded_in(context, attributes):
        return recorded_request_fields(attributes, remote_addr)
    if context is None or context.environ is ENDED_ENVIRON:
        return {}
    if request_hooks and not context.trace:
        call_request_hooks(context)
    return {**own_request_fields(context, remote_addr), **context.fields}


def recorded_request_fields(attributes: Mapping[str, Any], remote_addr: str) -> Fields:
    """Return the fields of the request in which a `ContextFilter` has met a record."""
    fields: Fields = dict(attributes[CONTEXT_ATTRIBUTE]["fields"])
    _shorten_address(fields, remote_addr)
    return fields


def path_secrets(context: RequestContext | None) -> tuple[str, ...]:
    """Return the secrets that a framework's router has found in a request's path."""
    masked: tuple[str, ...] = () if context is None else context.environ.get(MASKED_PATH, ())
    return masked[2:]


def get_record_secrets(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the secrets in the path of a record's request, if a filter has recorded them."""
    recorded: Any = attributes.get(CONTEXT_ATTRIBUTE, {})
    secrets: tuple[str, ...] = getattr(recorded, "secrets", None) or recorded.get("secrets", ())
    return secrets


def own_request_fields(context: RequestContext, remote_addr: str) -> Fields:
    """Return the contract's own fields of a request, without what was bound to it."""
    fields: Fields = {}
    if context.request_id is not None:
        fields["request_id"] = context.request_id
    if context.environ:
        add_request_fields(fields, context.environ, context.client_addr)
        if remote_addr != "full" or context.remote_addr_mode != "full":
            _shorten_address(fields, stricter_mode(remote_addr, context.remote_addr_mode))
    if context.trace:
        fields.update(context.trace)
    return fields


def is_recorded_in(context: RequestContext | None, attributes: Mapping[str, Any]) -> bool:
    """Return whether a filter has met the record in the very request that runs here."""
    if context is None or context.environ is ENDED_ENVIRON:
        return False
    return getattr(attributes[CONTEXT_ATTRIBUTE], "scope", None) is context


def _shorten_address(fields: Fields, mode: str) -> None:
    if mode == "full" or "remote_addr" not in fields:
        return
    shown = shorten_address(str(fields.pop("remote_addr")), mode)
    if shown is not None:
        fields["remote_addr"] = shown
