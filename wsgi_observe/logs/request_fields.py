"""The request fields of a log line: from the running request, or as `ContextFilter` noted them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wsgi_observe.core.context import ENDED, Scope, bound
from wsgi_observe.core.environ import MASKED_PATH, add_request_fields
from wsgi_observe.core.listeners import on_request, tell_of
from wsgi_observe.core.names import CONTEXT, free_name
from wsgi_observe.core.peer import peer, stricter

Fields = dict[str, object]


class NotedContext(dict[str, Any]):
    """What `ContextFilter` has added to a record, for a formatter in another thread or process.

    To anybody else it is a dict of plain values: a formatter that dumps all attributes can encode
    it, and a process that unpickles a record need not have wsgi_observe. What such a formatter
    must not write, the secrets in the path, is an attribute of the dict.
    """

    def __init__(self, attributes: Mapping[str, Any], **items: Any) -> None:
        """Note `items` over what is noted already in a record's `attributes`."""
        before = attributes.get(CONTEXT)
        if before is None:
            super().__init__(items)
            self.scope = bound()
            self.secrets = _secrets_of(self.scope)
        else:
            super().__init__(before, **items)
            self.scope = getattr(before, "scope", None)
            self.secrets = noted_secrets(attributes)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, ({**self, "secrets": self.secrets},)


def noted_secrets(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the secrets in the path of a record's request, if a filter has noted them."""
    noted: Any = attributes.get(CONTEXT, {})
    found: tuple[str, ...] = getattr(noted, "secrets", None) or noted.get("secrets", ())
    return found


def add_request(fields: Fields, attributes: Mapping[str, Any], remote_addr: str) -> None:
    """Add the fields of the request that a record belongs to.

    That is the running one, unless a filter met the record in another one or in none.

    :param attributes: those of the record.
    :param remote_addr: how much of the client's address is shown.
    """
    scope = bound()
    if CONTEXT in attributes:
        noted = attributes[CONTEXT]
        if scope is None or scope.environ is ENDED or getattr(noted, "scope", None) is not scope:
            found = noted["fields"]
            _add(fields, found)
            if remote_addr != "full" and "remote_addr" in found:
                _shorten_address(fields, remote_addr)
            return
    if scope is not None and scope.environ is not ENDED:
        _add_running(fields, scope, remote_addr)


def trace_of(scope: Scope) -> Mapping[str, str] | None:
    """Return the fields of a request's trace; a tracer may have begun one just now."""
    if not scope.trace:
        tell_of(scope)
    return scope.trace


def _add_running(fields: Fields, scope: Scope, remote_addr: str) -> None:
    if scope.request_id is not None:
        fields["request_id"] = scope.request_id
    if scope.environ:
        add_request_fields(fields, scope.environ, scope.client_addr)
        if remote_addr != "full" or scope.remote_addr != "full":
            _shorten_address(fields, stricter(remote_addr, scope.remote_addr))
    if scope.trace or on_request:
        fields.update(trace_of(scope) or {})
    if scope.fields is not None:
        _add(fields, scope.fields.copy())


def _secrets_of(scope: Scope | None) -> tuple[str, ...]:
    masked: tuple[str, ...] = () if scope is None else scope.environ.get(MASKED_PATH, ())
    return masked[2:]


def _add(fields: Fields, more: Mapping[str, object]) -> None:
    for name, value in more.items():
        fields[free_name(name, fields)] = value


def _shorten_address(fields: Fields, mode: str) -> None:
    shown = peer(str(fields.pop("remote_addr")), mode)
    if shown is not None:
        fields["remote_addr"] = shown
