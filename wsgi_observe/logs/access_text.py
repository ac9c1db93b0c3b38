"""The access line as text, straight from what is known of its request."""

from __future__ import annotations

from json.encoder import encode_basestring as quoted
from logging import getLevelName
from os import getpid
from time import time
from typing import Any

from wsgi_observe.core.context import Scope
from wsgi_observe.core.environ import MASKED_PATH
from wsgi_observe.core.listeners import on_request
from wsgi_observe.core.peer import peer as shown_of
from wsgi_observe.core.peer import stricter
from wsgi_observe.core.transfer import Transfer
from wsgi_observe.logs.fields import timestamp
from wsgi_observe.logs.plain_text import PlainText

_MOST_AGENTS, _LONGEST_AGENT = 1024, 256

# What the text of a float ends with, which takes long to make.
_THOUSANDTHS = [repr(number / 1000)[1:] for number in range(1000)]


class AccessText(PlainText):
    """Makes the very bytes that a record would become, where the request is plain.

    That is one that has been answered, whose texts stand in JSON as they are, and in which no
    secret has to be looked for but among what was bound. Any other is left to a record.
    """

    def __init__(self, *options: Any) -> None:
        super().__init__(*options)
        self._clean_paths = self._redaction.clean_paths
        self._matches = self._redaction.matches
        self._clean_agents: set[str] = set()

    def of(self, transfer: Transfer, level: int, code: int, seconds: float) -> bytes | None:
        """Return the line of a request that has ended, or None where a record is due."""
        environ = transfer.environ
        method, agent = environ.get("REQUEST_METHOD", ""), environ.get("HTTP_USER_AGENT", "")
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        scope = transfer.shared or transfer
        peer = scope.client_addr or environ.get("REMOTE_ADDR") or ""
        named = getLevelName(level)  # in colours, with some
        said = f"{method}{path}{peer}{agent}{named}"
        if len(quoted(said)) != len(said) + 2 or not said.isascii() or "\x7f" in said:
            return None
        is_known = path in self._clean_paths and agent in self._clean_agents and not self._matches
        if MASKED_PATH in environ or not (is_known or self._is_clean(path, agent, method, code)):
            return None
        # Not gone out yet, or by a clock that was set back, as tests do.
        began, went_out = transfer.started_at, transfer.went_out_at
        if transfer.exc_type or seconds < 0 or not 0.0 < began <= went_out:
            return None
        own = self._own_text(self._own(scope)) if scope.fields or scope.trace or on_request else ""
        # Of two environs a record has the path that came from outside.
        if own is None or scope.environ is not environ:
            return None
        identified = f',"request_id":"{scope.request_id}"' if scope.request_id else ""
        is_whole = self._remote_addr == scope.remote_addr == "full"
        origin = f',"remote_addr":"{peer}"' if is_whole else self._shortened(peer, scope)
        asker = f',"user_agent":"{agent}"' if "HTTP_USER_AGENT" in environ else ""
        status = str(code)  # a number is slow to print
        took, waited = int(seconds * 1e6), int((went_out - began) * 1e6)
        line = (
            f'{{"timestamp":"{timestamp(time())}","level":"{named}"'
            ',"logger":"wsgi_observe.access","module":"access_log"'
            f',"message":"{method} {path} {status}","pid":{getpid()}{self._static_text}'
            f'{identified},"method":"{method}","path":"{path}"'
            f'{origin}{own},"status_code":{status}'
            f',"duration_ms":{took // 1000}{_THOUSANDTHS[took % 1000]}'
            f',"response_bytes":{transfer.written + transfer.passed}'
            f',"outcome":"{transfer.outcome}"'
            f',"ttfb_ms":{waited // 1000}{_THOUSANDTHS[waited % 1000]}{asker}}}\n'
        ).encode()
        return line if len(line) <= self._longest else None

    def _is_clean(self, path: str, agent: str, method: str, code: int) -> bool:
        """Return whether nothing is to be taken out of them; remember a user agent if not."""
        if not self._redaction.is_clean_path(path):
            return False
        if self._matches and self._matches(f"{method} {path} {code}"):
            return False
        if agent in self._clean_agents:
            return True
        if not self._redaction.is_clean_agent(agent):
            return False
        if len(agent) <= _LONGEST_AGENT:
            if len(self._clean_agents) >= _MOST_AGENTS:
                self._clean_agents.clear()  # they come from clients
            self._clean_agents.add(agent)
        return True

    def _shortened(self, peer: str, scope: Scope) -> str:
        shown = shown_of(peer, stricter(self._remote_addr, scope.remote_addr))
        return "" if shown is None else f',"remote_addr":"{shown}"'
