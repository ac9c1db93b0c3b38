"""What the lines have in common that are written as text: what never changes, what is bound."""

from __future__ import annotations

from wsgi_observe.core.context import Scope
from wsgi_observe.logs.encoding import Encode
from wsgi_observe.logs.fields_text import FieldsText, following
from wsgi_observe.logs.redaction import Redaction
from wsgi_observe.logs.request_fields import Fields, trace_of


class PlainText:
    """A maker of lines whose texts stand in JSON as they are, and have no secret in them.

    :param static: the fields of every line; none has a name that is a line's own.
    :param encode: makes JSON of fields.
    :param longest: the bytes of a line, with its newline.
    :param remote_addr: how much of the peer's address is told.
    """

    def __init__(
        self, static: Fields, encode: Encode, redaction: Redaction, longest: int, remote_addr: str
    ) -> None:
        self._static = static
        self._static_text = following(static, encode)
        self._encode = encode
        self._redaction = redaction
        self._fields_text = FieldsText(encode, redaction)
        self._longest = longest
        self._remote_addr = remote_addr

    def _own(self, scope: Scope) -> Fields:
        """Return the request's trace and what was bound to it."""
        return {**(trace_of(scope) or {}), **(scope.fields or {})}

    def _own_text(self, own: Fields) -> str | None:
        """Return them as they stand in a line; None where a static field has a name of theirs."""
        if not self._static.keys().isdisjoint(own):
            return None
        return self._fields_text.of(own)
