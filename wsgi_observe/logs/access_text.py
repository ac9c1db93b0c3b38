"""The access line as text, straight from what is known of its request."""

from __future__ import annotations

from json.encoder import encode_basestring as quoted
from logging import getLevelName
from os import getpid
from time import time

from wsgi_observe.core.context import Scope
from wsgi_observe.core.environ import MASKED_PATH
from wsgi_observe.core.listeners import on_request
from wsgi_observe.core.peer import peer as shown_of
from wsgi_observe.core.peer import stricter
from wsgi_observe.core.transfer import Transfer
from wsgi_observe.logs.encoding import Encode
from wsgi_observe.logs.fields import Fields, timestamp, trace_of
from wsgi_observe.logs.redaction import LONG, Redaction

# What the text of a float ends with, which takes long to make.
_THOUSANDTHS = [repr(number / 1000)[1:] for number in range(1000)]


class AccessText:
    """Makes the very bytes that a record would become, where the request is plain.

    That is one that has been answered, whose texts stand in JSON as they are, and in which no
    secret has to be looked for but among what was bound. Any other is left to a record.

    :param static: the fields of every line.
    :param encode: makes JSON of fields.
    :param longest: the bytes of a line, with its newline.
    :param remote_addr: how much of the peer's address is told.
    """

    def __init__(
        self, static: Fields, encode: Encode, redaction: Redaction, longest: int, remote_addr: str
    ) -> None:
        self._static_names = frozenset(static)
        self._static = _following(static, encode)
        self._encode = encode
        self._redaction = redaction
        self._longest = longest
        self._remote_addr = remote_addr

    def of(self, transfer: Transfer, level: int, code: int, seconds: float) -> bytes | None:
        """Return the line of a request that has ended, or None where a record is due."""
        environ = transfer.environ
        method = environ.get("REQUEST_METHOD", "")
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        peer = environ.get("REMOTE_ADDR") or ""
        agent = environ.get("HTTP_USER_AGENT", "")
        named = getLevelName(level)  # in colours, with some
        said = f"{method}{path}{peer}{agent}{named}"
        if len(quoted(said)) != len(said) + 2 or not said.isascii() or "\x7f" in said:
            return None
        if len(path) > LONG or "=" in path or MASKED_PATH in environ or transfer.exc_type:
            return None
        # Not gone out yet, or by a clock that was set back, as tests do.
        if seconds < 0 or not 0.0 < transfer.started_at <= transfer.went_out_at:
            return None
        scope = transfer.shared or transfer
        bound = self._bound(scope) if scope.fields or scope.trace or on_request else ""
        # Of two environs a record has the path that came from outside.
        if bound is None or scope.request_id is None or scope.environ is not environ:
            return None
        origin = f',"remote_addr":"{peer}"'
        if self._remote_addr != "full" or scope.remote_addr != "full":
            origin = self._shortened(peer, scope)
        asker = f',"user_agent":"{agent}"' if "HTTP_USER_AGENT" in environ else ""
        status = str(code)  # a number is slow to print
        took = int(seconds * 1e6)
        waited = int((transfer.went_out_at - transfer.started_at) * 1e6)
        line = (
            f'{{"timestamp":"{timestamp(time())}","level":"{named}"'
            ',"logger":"wsgi_observe.access","module":"access_log"'
            f',"message":"{method} {path} {status}","pid":{getpid()}{self._static}'
            f',"request_id":"{scope.request_id}","method":"{method}","path":"{path}"'
            f'{origin}{bound},"status":{status}'
            f',"duration_ms":{took // 1000}{_THOUSANDTHS[took % 1000]}'
            f',"response_bytes":{transfer.written + transfer.passed}'
            f',"outcome":"{transfer.outcome}"'
            f',"ttfb_ms":{waited // 1000}{_THOUSANDTHS[waited % 1000]}{asker}}}\n'
        ).encode()
        return line if len(line) <= self._longest else None

    def _bound(self, scope: Scope) -> str | None:
        """Return the request's trace and what was bound to it; None where a name is taken."""
        fields: Fields = {**(trace_of(scope) or {}), **(scope.fields or {})}
        if not self._static_names.isdisjoint(fields):
            return None
        return _following(self._redaction.bound(fields), self._encode)

    def _shortened(self, peer: str, scope: Scope) -> str:
        shown = shown_of(peer, stricter(self._remote_addr, scope.remote_addr))
        return "" if shown is None else f',"remote_addr":"{shown}"'


def _following(fields: Fields, encode: Encode) -> str:
    """Return fields as they stand behind others in a line."""
    return f",{encode(fields)[1:-1].decode()}" if fields else ""
