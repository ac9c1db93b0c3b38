"""An application's line as text, straight from its record and its request."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from json.encoder import encode_basestring as quoted
from logging import LogRecord
from os import getpid
from typing import Any

from wsgi_observe.core.context import Scope, bound
from wsgi_observe.core.environ import MASKED_PATH
from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.listeners import on_request
from wsgi_observe.core.names import RESERVED
from wsgi_observe.logs.fields import FIRST_EXTRA, OWN_ATTRIBUTES, timestamp
from wsgi_observe.logs.fields_text import following
from wsgi_observe.logs.plain_text import PlainText
from wsgi_observe.logs.request_fields import Fields

_SOURCE = ("level", "logger", "module")
_NOT_FREE = RESERVED | OWN_ATTRIBUTES
_TEXT = frozenset({str})
_MOST = 4096  # sources that are remembered: a service has a few of them


class RecordText(PlainText):
    """Makes the very bytes that the fields of a record would become, where it is plain.

    That is one within a request, without an exception, whose own fields have names that nobody
    else has. Any other is left to its fields.

    :param glance: tells that there is no secret in a message.
    :param options: those of `PlainText`.
    """

    def __init__(self, glance: Callable[[str], bool], *options: Any) -> None:
        super().__init__(*options)
        self._finds_nothing = glance
        self._sources: dict[tuple[str, ...], str] = {}

    def of(self, record: LogRecord, message: str) -> bytes | None:
        """Return the line of a record, or None where its fields are to be encoded."""
        scope = bound()
        if scope is None or record.__class__ is not LogRecord or scope.remote_addr != "full":
            return None
        is_longer = len(record.__dict__) > FIRST_EXTRA and not self._fields_text.is_quick
        if is_longer or record.exc_info or record.exc_text or record.stack_info:
            return None
        environ = scope.environ
        if not environ or MASKED_PATH in environ or type(message) is not str:
            return None
        try:
            method, path = environ["REQUEST_METHOD"], environ["SCRIPT_NAME"] + environ["PATH_INFO"]
            peer = scope.client_addr or environ.get("REMOTE_ADDR") or ""
            asked = f"{method}{path}{peer}"
            if len(quoted(asked)) != len(asked) + 2 or not asked.isascii() or "\x7f" in asked:
                return None
            if not self._redaction.is_clean_path(path) or not self._finds_nothing(message):
                return None
            return self._text(record, scope, message, method, path, peer)
        except any_failure():  # something that is no text
            return None

    def _text(
        self, record: LogRecord, scope: Scope, message: str, method: str, path: str, peer: str
    ) -> bytes | None:
        own = self._own(scope) if scope.fields or scope.trace or on_request else {}
        beside = own if len(record.__dict__) == FIRST_EXTRA else _with_extras(own, record)
        own_text = self._own_text(beside) if beside else ""
        request_id, pid = scope.request_id, record.process or getpid()
        if beside is None or own_text is None or request_id is None or pid.__class__ is not int:
            return None
        source = (record.levelname, record.name, record.module)
        source_text = self._sources.get(source) or self._learn(source)
        line = (
            f'{{"timestamp":"{timestamp(record.created)}"{source_text}'
            f',"message":{quoted(message)},"pid":{pid}{self._static_text}'
            f',"request_id":"{request_id}","method":"{method}","path":"{path}"'
            f',"remote_addr":"{peer}"{own_text}}}\n'
        ).encode()
        return line if len(line) <= self._longest else None

    def _learn(self, source: tuple[str, ...]) -> str:
        """Return the text of a level, a logger and a module, and remember it."""
        if not all(isinstance(name, str) for name in source):
            raise TypeError
        if len(self._sources) >= _MOST:
            self._sources.clear()
        fields: Fields = dict(zip(_SOURCE, source, strict=True))
        text = self._sources[source] = following(fields, self._encode)
        return text


def _with_extras(own: Fields, record: LogRecord) -> Fields | None:
    """Return a request's own fields and a record's; None where one would need another name."""
    extras = dict(islice(record.__dict__.items(), FIRST_EXTRA, None))
    is_free = _NOT_FREE.isdisjoint(extras) and own.keys().isdisjoint(extras)
    return {**own, **extras} if is_free and _TEXT.issuperset(map(type, extras)) else None
