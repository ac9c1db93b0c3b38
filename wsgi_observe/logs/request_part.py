"""The request's part of a log line: redacted and encoded once per request, again after `bind()`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from wsgi_observe.context import (
    ENDED_ENVIRON,
    RequestContext,
    get_raw_context,
    request_hooks,
)
from wsgi_observe.field_names import CONTEXT_ATTRIBUTE, free_name
from wsgi_observe.logs.fields import Fields
from wsgi_observe.wsgi.client_address import shorten_address, stricter_mode
from wsgi_observe.wsgi.environ import MASKED_PATH, add_request_fields

if TYPE_CHECKING:
    from wsgi_observe.logs.line_redaction import LineRedaction
    from wsgi_observe.redaction import Redactor


class RequestPart:
    """The fields that each line of one request has, redacted.

    :ivar redactor: knows the secrets in this request's path too.
    :ivar is_clean: returns True only for a text in which `redactor` would change nothing.
    :ivar fields: under the names that they have on the line.
    :ivar text: the same as JSON that follows other fields; None until a formatter has encoded them.
    :ivar has_line: whether a line was encoded together with it.
    :ivar is_shown: whether a line for persons has shown its fields.
    :ivar path: as the client sent it, which may be part of a message, and what `shown_path` it is
        to be replaced by; both are empty for a path without secrets.
    :ivar is_cut: whether fields were left out because the budget was spent.
    :ivar key: what the fields were made of; other than this, a new part is due.
    """

    redactor: Redactor
    is_clean: Callable[[str], bool]
    fields: Fields
    text: str | None = None
    has_line = is_shown = False
    path = shown_path = ""
    is_cut = False
    key: tuple[object, ...] = ()


class RequestParts:
    """Make and cache the request parts of lines, by the settings of one formatter.

    :param remote_addr: how much of the client's address is shown.
    :param taken: names that are on every line.
    """

    def __init__(
        self,
        redaction: LineRedaction,
        remote_addr: str,
        taken: frozenset[str],
    ) -> None:
        self._redaction = redaction
        self._remote_addr = remote_addr
        self._taken = taken
        self._none = self._make({}, {}, ())

    def get(self, attributes: Mapping[str, Any]) -> RequestPart:
        """Return the part of the request that a record with these attributes belongs to.

        That is the current request, unless a `ContextFilter` has met the record in another one
        or in none.
        """
        context = get_raw_context()
        if CONTEXT_ATTRIBUTE in attributes and not _is_recorded_in(context, attributes):
            fields = _recorded_request_fields(attributes, self._remote_addr)
            return self._make({}, fields, get_record_secrets(attributes))
        if context is None or context.environ is ENDED_ENVIRON:
            return self._none
        if request_hooks and not context.has_tracer_span:  # a tracer may have begun one just now
            for hook in request_hooks:
                hook(context)
        get = context.environ.get
        # What may change while the request runs without a call of `bind()`: a middleware of the
        # app's such as Werkzeug's ProxyFix changes the environ.
        key = (
            *(get("REQUEST_METHOD"), get("SCRIPT_NAME"), get("PATH_INFO"), get("REMOTE_ADDR")),
            *(get(MASKED_PATH), context.client_addr, context.remote_addr_mode, context.trace),
        )
        parts = context.log_parts
        if parts is None:
            parts = context.log_parts = {}
        part: RequestPart | None = parts.get(self)
        if part is None or part.key != key:
            own = _own_request_fields(context, self._remote_addr)
            # A copy: another thread of the request's may bind meanwhile.
            bound = context.fields.copy()
            part = parts[self] = self._make(own, bound, path_secrets(context))
            part.key = key
        return part

    def _make(self, own: Fields, more: Fields, secrets: tuple[str, ...]) -> RequestPart:
        """Return the part with the contract's own fields, and with `more`.

        Only the path of the former may contain a secret.
        """
        part = RequestPart()
        part.redactor = redactor = self._redaction.redactor
        if secrets:
            part.redactor = redactor = redactor.with_secrets(secrets)
        part.is_clean = redactor.is_clean
        fields = own
        if more:
            redacted, part.is_cut = self._redaction.fields(redactor, more)
            fields.update(redacted)
        if "path" in fields:
            path = str(fields["path"])
            shown = fields["path"] = self._redaction.path(redactor, path)
            if shown != path:
                part.path, part.shown_path = path, shown
        if self._taken and not self._taken.isdisjoint(fields):
            fields = self._without_taken(fields)
        part.fields = fields
        return part

    def _without_taken(self, fields: Fields) -> Fields:
        taken = self._taken
        return {
            free_name(f"extra_{name}", taken | fields.keys()) if name in taken else name: value
            for name, value in fields.items()
        }


def request_fields(attributes: Mapping[str, Any], remote_addr: str) -> Fields:
    """Return the fields of the request that a record belongs to, not redacted.

    :param attributes: those of the record.
    :param remote_addr: how much of the client's address is shown.
    """
    context = get_raw_context()
    if CONTEXT_ATTRIBUTE in attributes and not _is_recorded_in(context, attributes):
        return _recorded_request_fields(attributes, remote_addr)
    if context is None or context.environ is ENDED_ENVIRON:
        return {}
    if request_hooks and not context.has_tracer_span:
        for hook in request_hooks:
            hook(context)
    return {**_own_request_fields(context, remote_addr), **context.fields}


def _recorded_request_fields(attributes: Mapping[str, Any], remote_addr: str) -> Fields:
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


def _own_request_fields(context: RequestContext, remote_addr: str) -> Fields:
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


def _is_recorded_in(context: RequestContext | None, attributes: Mapping[str, Any]) -> bool:
    """Return whether a filter has met the record in the very request that runs here."""
    if context is None or context.environ is ENDED_ENVIRON:
        return False
    return getattr(attributes[CONTEXT_ATTRIBUTE], "context", None) is context


def _shorten_address(fields: Fields, mode: str) -> None:
    if mode == "full" or "remote_addr" not in fields:
        return
    shown = shorten_address(str(fields.pop("remote_addr")), mode)
    if shown is not None:
        fields["remote_addr"] = shown
