"""An application's line as text, straight from its record and its request."""

from __future__ import annotations

from json.encoder import encode_basestring as quoted
from logging import LogRecord
from os import getpid
from typing import TYPE_CHECKING, Any

from wsgi_observe.core.context import Scope, bound
from wsgi_observe.core.environ import MASKED_PATH
from wsgi_observe.core.listeners import on_request
from wsgi_observe.logs.fields import FIRST_EXTRA, KEPT, Fields, timestamp
from wsgi_observe.logs.plain_text import PlainText, following
from wsgi_observe.logs.redaction import LONG

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

_SOURCE = ("level", "logger", "module")
_MOST = 4096  # sources that are remembered: a service has a few of them


class RecordText(PlainText):
    """Makes the very bytes that the fields of a record would become, where it is plain.

    That is one within a request, without an exception and without fields of its own. Any other
    is left to its fields.
    """

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._sources: dict[tuple[str, ...], str] = {}

    def of(self, record: LogRecord) -> bytes | None:
        """Return the line of a record, or None where its fields are to be encoded."""
        scope = bound()
        if scope is None or record.__class__ is not LogRecord or self._remote_addr != "full":
            return None
        if record.exc_info or record.exc_text or record.stack_info or scope.remote_addr != "full":
            return None
        environ = scope.environ
        if not environ or MASKED_PATH in environ or len(record.__dict__) != FIRST_EXTRA:
            return None
        try:
            return self._text(record, scope, environ)
        except Exception:  # arguments that do not fit, something that is no text
            return None

    def _text(self, record: LogRecord, scope: Scope, environ: WSGIEnvironment) -> bytes | None:
        method, peer = environ["REQUEST_METHOD"], environ["REMOTE_ADDR"]
        path = environ["SCRIPT_NAME"] + environ["PATH_INFO"]
        asked = f"{method}{path}{peer}"
        if len(quoted(asked)) != len(asked) + 2 or not asked.isascii() or "\x7f" in asked:
            return None
        message: Any = record.msg
        if len(path) > LONG or "=" in path or message.__class__ is not str:
            return None
        if record.args:
            message = message % record.args
        if not self._finds_nothing(message):
            return None
        request_id = scope.request_id
        request = {"request_id": request_id, "method": method, "path": path, "remote_addr": peer}
        own_text: str | None = ""
        if scope.fields or scope.trace or on_request:
            own = self._own(scope)
            own_text, request = self._own_text(own), request | own
        when, pid = timestamp(record.created), record.process or getpid()
        if own_text is None or request_id is None or pid.__class__ is not int:
            return None
        source = record.levelname, record.name, record.module
        source_text = self._sources.get(source) or self._learn(source)
        line = (
            f'{{"timestamp":"{when}"{source_text},"message":{quoted(message)},"pid":{pid}'
            f'{self._static_text},"request_id":"{request_id}"'
            f',"method":"{method}","path":"{path}","remote_addr":"{peer}"{own_text}}}\n'
        ).encode()
        self._keep(record, when, message, pid, request)
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

    def _keep(self, record: LogRecord, when: str, message: str, pid: int, request: Fields) -> None:
        """Have the fields on the record, as if the line had been made of them."""
        fields: Fields = {
            "timestamp": when,
            "level": record.levelname,
            "logger": record.name,
            "module": record.module,
            "message": message,
            "pid": pid,
            **self._static,
            **request,
        }
        attributes = record.__dict__
        attributes.update(fields)
        attributes[KEPT] = fields
