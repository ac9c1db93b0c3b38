"""The recorder: writes each running request into the scoreboard, and removes it at its end."""

from __future__ import annotations

import os
import sys
import weakref
from _thread import allocate_lock, get_ident
from collections.abc import Callable
from time import time
from wsgiref.types import WSGIApplication, WSGIEnvironment
from zlib import adler32

from wsgi_observe._safely import warn_once
from wsgi_observe._shared_memory import Memory
from wsgi_observe.scoreboard.log_lines import report_dying_request
from wsgi_observe.scoreboard.scoreboard import (
    FREE,
    REPORTED,
    REQUEST_ENTRY,
    RUNNING,
    WorkerEntry,
    elapsed_seconds,
    encode_request,
    pack_entry,
)
from wsgi_observe.wsgi.environ import encode_wsgi, request_path
from wsgi_observe.wsgi.exceptions import is_shutdown
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware

_pack_into = REQUEST_ENTRY.pack_into


class RequestEntry:
    """One request's entry in the scoreboard, and what only its own process knows.

    :param number: that of the entry; negative for one outside the scoreboard.
    :param free: called with the entry when it can be used again.
    """

    __slots__ = (
        *("_free", "_recorder", "exchange", "ident", "memory", "number", "offset", "on_close"),
        "slow_start",
    )

    exchange: Exchange | None
    """The request; None while the entry is free."""

    ident: object
    """The thread or greenlet that it runs in."""

    slow_start: float
    """When the last request began that was logged as slow."""

    def __init__(
        self,
        recorder: Recorder,
        memory: Memory,
        offset: int,
        number: int,
        free: Callable[[RequestEntry], object],
    ) -> None:
        self.memory = memory
        self.offset = offset
        self.number = number
        self._recorder = recorder
        self._free = free
        self.exchange = self.ident = None
        self.slow_start = 0.0
        self.on_close = (self.end_request,)

    def end_request(self, exchange: Exchange) -> None:
        """Remove the request from the scoreboard, also where it could not be recorded."""
        if exchange.response.outcome != "complete":
            self._report_if_killed(exchange)
        self.memory[self.offset] = FREE
        self.exchange = None
        self._free(self)

    def report_death(self, exchange: Exchange, cause: str, **extra_fields: object) -> None:
        """Log that the request is about to die, once."""
        if self.memory[self.offset] != REPORTED:
            extra_fields["worker_pid"] = os.getpid()
            report_dying_request(exchange.environ, cause, self.age, **extra_fields)
            self.memory[self.offset] = REPORTED

    @property
    def started(self) -> float:
        """When the request began, in seconds since the epoch."""
        value: float = REQUEST_ENTRY.unpack_from(self.memory, self.offset)[3]
        return value

    @property
    def age(self) -> float:
        """How long the request has run, in seconds."""
        return elapsed_seconds(self.started, time())

    def replace_path(self, path: str) -> None:
        """Record another path than the request's own, which has secrets in it."""
        exchange = self.exchange
        if exchange is not None:
            request_id = exchange.context.request_id
            text = encode_request(request_id, exchange.method, encode_wsgi(path))
            data = pack_entry(text, self.started, self.memory[self.offset])
            self.memory[self.offset : self.offset + REQUEST_ENTRY.size] = data

    def _report_if_killed(self, exchange: Exchange) -> None:
        """Log a request whose greenlet was killed, which no other part takes for a failure."""
        error = sys.exc_info()[1]
        if error is not None and is_shutdown(error):
            by_signal = issubclass(type(error), (KeyboardInterrupt, SystemExit))
            cause = type(error).__name__ if by_signal else self._recorder.get_kill_cause()
            self.report_death(exchange, cause)


class Recorder(Middleware):
    """Record each request of this process while it runs; belongs right outside `AccessLog`.

    So its access line is written before its entry is freed: whenever the process dies, there is
    one or the other.

    :param worker_entry: the worker's entry of the scoreboard.
    :param get_ident: returns the thread or greenlet that is running.
    :param greenlet_thread: the thread that greenlets run in.
    :param redact_path: returns a path without its secrets; None: paths are recorded as they are.
    """

    def __init__(
        self,
        app: WSGIApplication,
        worker_entry: WorkerEntry,
        get_ident: Callable[[], object] = get_ident,
        greenlet_thread: int = 0,
        redact_path: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(app)
        self.worker_entry = worker_entry
        self._file = worker_entry.file
        self.get_ident = get_ident
        self.greenlet_thread = greenlet_thread
        self.redact_path = redact_path
        self.get_kill_cause: Callable[[], str] = lambda: "GreenletExit"
        self.free_entries: list[RequestEntry] = []  # a stack: `pop` and `append` need no lock
        self._entries = [
            RequestEntry(self, worker_entry.memory, offset, number, self.free_entries.append)
            for number, offset in enumerate(worker_entry.request_offsets)
        ]
        # The last one is the next to be used: few of them are ever touched.
        self.free_entries += reversed(self._entries)
        self._overflow_entries: set[RequestEntry] = set()
        self._lock = allocate_lock()
        detach = weakref.WeakMethod(self._detach)
        os.register_at_fork(after_in_child=lambda: (detach() or bool)())

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Record the request, and remove it when the response has ended."""
        entry = None
        try:
            try:
                entry = self.free_entries.pop()
            except IndexError:
                entry = self._add_overflow()
            now = time()
            context = exchange.context
            text = self._encode(context.request_id, environ)
            # Without a copy of the bytes, and so past `PersistentMemory.__setitem__`.
            _pack_into(
                entry.memory, entry.offset, RUNNING, len(text), adler32(text), now, text, now
            )
            if self._file is not None:
                self._file.write(entry.offset, entry.offset + REQUEST_ENTRY.size)
            ident = self.get_ident  # called as a method, it would be looked up in the class first
            entry.ident = ident()
            entry.exchange = exchange
            context.request_entry = entry
            exchange.on_close = (
                (*entry.on_close, *exchange.on_close) if exchange.on_close else entry.on_close
            )
        except Exception:
            warn_once("recording a running request")
            if entry is not None:
                entry.end_request(exchange)

    def _encode(self, request_id: str | None, environ: WSGIEnvironment) -> bytes:
        if self.redact_path is not None:
            path = encode_wsgi(self.redact_path(request_path(environ)))
        else:
            # A server may leave out what is empty (PEP 3333).
            path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        return encode_request(request_id, environ.get("REQUEST_METHOD", ""), path)

    @property
    def running_entries(self) -> list[RequestEntry]:
        """The entries in use, those outside the scoreboard included."""
        # Without the lock: a signal handler reads it, which may have interrupted its owner.
        entries = (*self._entries, *list(self._overflow_entries))
        return [entry for entry in entries if entry.exchange is not None]

    def _add_overflow(self) -> RequestEntry:
        """Return an entry outside the scoreboard, whose request is only counted there."""
        memory = bytearray(REQUEST_ENTRY.size)
        entry = RequestEntry(self, memory, 0, -1, self._remove_overflow)
        self._overflow_entries.add(entry)
        self._count_overflow()
        return entry

    def _remove_overflow(self, entry: RequestEntry) -> None:
        self._overflow_entries.discard(entry)
        self._count_overflow()

    def _count_overflow(self) -> None:
        with self._lock:  # or an earlier count might be stored last
            self.worker_entry.overflow = len(self._overflow_entries)

    def _detach(self) -> None:
        """Leave the scoreboard to the worker: this process was forked in one of its requests.

        It may go on with that request's code, which does not change what the worker runs.
        """
        private = bytearray(len(self.worker_entry.memory))
        for entry in self._entries:
            entry.memory = private
        self.worker_entry = WorkerEntry(private, self.worker_entry.number, len(self._entries))
        self._lock = allocate_lock()
