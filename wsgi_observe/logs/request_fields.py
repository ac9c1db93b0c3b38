"""The request that a log record belongs to: the current one, or what a filter has recorded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_observe.context import (
    ENDED_ENVIRON,
    RequestContext,
    get_raw_context,
    request_hooks,
)
from wsgi_observe.field_names import CONTEXT_ATTRIBUTE
from wsgi_observe.logs.fields import Fields
from wsgi_observe.wsgi.client_address import shorten_address, stricter_mode
from wsgi_observe.wsgi.environ import MASKED_PATH, add_request_fields


class RecordContext(dict[str, Any]):
    """The fields that `ContextFilter` has added to a record, for a formatter elsewhere.

    That may be in another thread or process. For other formatters it is a dict of plain values:
    one that dumps all attributes can encode it, and a process that unpickles a record need not
    have wsgi_observe. The secrets in the path, which they must not write, are an attribute.
    """

    def __init__(self, request: Request, items: Mapping[str, Any]) -> None:
        super().__init__(items)
        is_current = isinstance(request, RequestContext)
        self.context = request if is_current else getattr(request, "context", None)
        self.secrets = path_secrets(request)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ({**self, "secrets": self.secrets},)


Request = RequestContext | Mapping[str, Any] | None
"""A running request, a `RecordContext` or what was pickled of one; or none."""


def find_request(attributes: Mapping[str, Any]) -> Request:
    """Return the request that a record with these attributes belongs to.

    That is the current request, unless a `ContextFilter` has met the record in another one or in
    none.
    """
    context = get_raw_context()
    if context is not None and context.environ is ENDED_ENVIRON:
        context = None
    if CONTEXT_ATTRIBUTE in attributes:
        recorded: Mapping[str, Any] = attributes[CONTEXT_ATTRIBUTE]
        if context is None or getattr(recorded, "context", None) is not context:
            return recorded
    if context is not None and request_hooks and not context.has_tracer_span:
        for hook in request_hooks:  # a tracer may have begun a trace since the last line
            hook(context)
    return context


def request_fields(request: Request, remote_addr: str) -> Fields:
    """Return the fields of a request and what was bound to it, not redacted.

    :param remote_addr: how much of the client's address is shown.
    """
    if isinstance(request, RequestContext):
        # A copy: another thread of the request's may bind meanwhile.
        return own_request_fields(request, remote_addr) | request.fields.copy()
    fields: Fields = dict(request["fields"]) if request else {}
    _shorten_address(fields, remote_addr)
    return fields


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


def path_secrets(request: Request) -> tuple[str, ...]:
    """Return the secrets that a framework's router has found in a request's path."""
    if request is None:
        return ()
    if isinstance(request, RequestContext):
        masked: tuple[str, ...] = request.environ.get(MASKED_PATH, ())
        return masked[2:]
    secrets: tuple[str, ...] = getattr(request, "secrets", None) or request.get("secrets", ())
    return secrets


def _shorten_address(fields: Fields, mode: str) -> None:
    if mode == "full" or "remote_addr" not in fields:
        return
    shown = shorten_address(str(fields.pop("remote_addr")), mode)
    if shown is not None:
        fields["remote_addr"] = shown
