"""Notes each running request in its worker's seat: one store when it begins, one when it ends."""

from __future__ import annotations

import os
import sys
import weakref
from _thread import allocate_lock, get_ident
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING
from zlib import adler32

from wsgi_observe._safely import warn_once
from wsgi_observe.scoreboard.entries import (
    FREE,
    MAX_TEXT_BYTES,
    REPORTED,
    REQUEST_ENTRY,
    RUNNING,
    WorkerEntry,
    elapsed_seconds,
    encode_request,
    pack_entry,
)
from wsgi_observe.scoreboard.log_lines import report_dying_request
from wsgi_observe.wsgi.environ import request_path
from wsgi_observe.wsgi.exceptions import is_shutdown
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware

if TYPE_CHECKING:
    import mmap

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_pack_into = REQUEST_ENTRY.pack_into


class RequestEntry:
    """A place for one running request, and what its worker alone knows of it."""

    __slots__ = (
        *("_free_entries", "_recorder", "on_close", "exchange", "ident", "memory", "mirror"),
        *("number", "offset"),
    )

    exchange: Exchange | None
    """The request; None while the slot is free."""

    ident: object
    """The thread or greenlet that it runs in."""

    def __init__(
        self, recorder: Recorder, memory: mmap.mmap | bytearray, offset: int, number: int
    ) -> None:
        self.memory = memory
        self.offset = offset
        self.number = number
        self._recorder = recorder
        self._free_entries = recorder.free_entries
        # One beyond the table has no place in a file.
        self.mirror = recorder.worker_entry.mirror if number >= 0 else None
        self.exchange = self.ident = None
        self.on_close = (self.end_request,)

    def end_request(self, exchange: Exchange) -> None:
        """Note that the request has ended."""
        if exchange.response.outcome != "complete":
            self._report_if_killed(exchange)
        # As `release` does; each request would pay for the call.
        self.memory[self.offset] = FREE
        if self.mirror is not None:
            self.mirror.write(self.offset, self.offset + 1)
        self.exchange = None
        self._free_entries.append(self)

    def release(self) -> None:
        """Have it free although no request was noted in it."""
        self.memory[self.offset] = FREE
        self._update_mirror()
        self.exchange = None
        self._free_entries.append(self)

    def _update_mirror(self) -> None:
        if self.mirror is not None:
            self.mirror.write(self.offset, self.offset + REQUEST_ENTRY.size)

    def _report_if_killed(self, exchange: Exchange) -> None:
        """Name a request whose greenlet was ended: nothing else of it is a failure to anybody."""
        error = sys.exc_info()[1]
        if error is None or self.is_reported or not is_shutdown(error):
            return
        by_signal = issubclass(type(error), (KeyboardInterrupt, SystemExit))
        cause = type(error).__name__ if by_signal else self._recorder.get_kill_cause()
        age = elapsed_seconds(self.started, time())
        report_dying_request(exchange.environ, cause, age, worker_pid=os.getpid())

    def mark_reported(self) -> None:
        """Note that the log has it that this request dies."""
        self.memory[self.offset] = REPORTED
        self._update_mirror()

    @property
    def is_reported(self) -> bool:
        """Whether somebody has done that."""
        return self.memory[self.offset] == REPORTED

    @property
    def started(self) -> float:
        """When the request began, in seconds since the epoch."""
        value: float = REQUEST_ENTRY.unpack_from(self.memory, self.offset)[3]
        return value

    def replace_path(self, path: str) -> None:
        """Have another path told than the request's own, in which there are secrets."""
        exchange = self.exchange
        if exchange is not None:
            text = encode_request(
                exchange.context.request_id, exchange.method, _as_in_environ(path)
            )
            data = pack_entry(text, self.started, self.memory[self.offset])
            self.memory[self.offset : self.offset + REQUEST_ENTRY.size] = data
            self._update_mirror()


class _OverflowEntry(RequestEntry):
    """Stands in for a slot where all are taken: its request is counted."""

    __slots__ = ()

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder, bytearray(REQUEST_ENTRY.size), 0, -1)

    def end_request(self, exchange: Exchange) -> None:
        """Count one less."""
        if exchange.response.outcome != "complete":
            self._report_if_killed(exchange)
        self.release()

    def release(self) -> None:
        """Count one less."""
        self.exchange = None
        self._recorder.count_overflow(self, ended=True)


class Recorder:
    """The requests that run in this process, each in a slot of its worker's seat.

    :param here: says which thread or greenlet is running.
    :param thread: the thread that greenlets run in.
    :param clean: takes the secrets out of a path, where the table is copied to a file.
    """

    def __init__(
        self,
        worker_entry: WorkerEntry,
        ident: Callable[[], object] = get_ident,
        greenlet_thread: int = 0,
        clean: Callable[[str], str] | None = None,
    ) -> None:
        self.worker_entry = worker_entry
        self.ident = ident
        self.greenlet_thread = greenlet_thread
        self.clean = clean
        self.get_kill_cause = _default_kill_cause
        self.free_entries: list[RequestEntry] = []  # its end is taken and given back without a lock
        self._entries = [
            RequestEntry(self, worker_entry.memory, offset, number)
            for number, offset in enumerate(worker_entry.request_offsets)
        ]
        # The last one is the next to be taken: few of them are ever touched.
        self.free_entries += reversed(self._entries)
        self._overflow_entries: set[RequestEntry] = set()
        self._lock = allocate_lock()
        detach = weakref.WeakMethod(self._detach)
        os.register_at_fork(after_in_child=lambda: (detach() or bool)())

    @property
    def running_entries(self) -> list[RequestEntry]:
        """The slots that are taken now, those of requests beyond the table too."""
        # Without the lock: the handler of a signal asks, which may have interrupted who has it.
        return [
            entry
            for entry in (*self._entries, *list(self._overflow_entries))
            if entry.exchange is not None
        ]

    def add_overflow(self) -> RequestEntry:
        """Return what stands in for a slot when all are taken."""
        entry = _OverflowEntry(self)
        self.count_overflow(entry)
        return entry

    def count_overflow(self, entry: RequestEntry, *, ended: bool = False) -> None:
        """Count a request that has no slot in the table."""
        with self._lock:
            if ended:
                self._overflow_entries.discard(entry)
            else:
                self._overflow_entries.add(entry)
            self.worker_entry.overflow = len(self._overflow_entries)

    def _detach(self) -> None:
        """Leave the table to the worker: this is a process that was forked in one of its requests.

        It may go on with that request's code, and must not say of the worker's what it does.
        """
        private = bytearray(len(self.worker_entry.memory))
        for entry in self._entries:
            entry.memory = private
            entry.mirror = None
        self.worker_entry = WorkerEntry(private, self.worker_entry.start, len(self._entries))
        self._lock = allocate_lock()


def _as_in_environ(path: str) -> str:
    """Return a path as an environ has it: its bytes as Latin-1 (PEP 3333)."""
    return path.encode("utf-8", "replace").decode("latin-1")


def _default_kill_cause() -> str:
    return "GreenletExit"


class ScoreboardMiddleware(Middleware):
    """Note each request while it runs; to stand right outside `AccessLog`.

    So the request's access line is there before its slot is free: whenever the process dies, one
    of the two tells of it.

    :param shown: what to note instead of a path, where all are to be searched for secrets.
    """

    def __init__(
        self,
        app: WSGIApplication,
        recorder: Recorder,
        shown: Callable[[str], str] | None = None,
    ) -> None:
        super().__init__(app)
        self._shown = shown
        self._recorder = recorder
        self._free_entries = recorder.free_entries
        self._get_ident = recorder.ident
        self._clean = recorder.clean

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Take a slot, and give it back at the end."""
        entry = None
        try:
            try:
                entry = self._free_entries.pop()
            except IndexError:
                entry = self._recorder.add_overflow()
            now = time()
            context = exchange.context
            request_id = context.request_id
            try:
                path = f"{environ['SCRIPT_NAME']}{environ['PATH_INFO']}"
                if self._clean is not None:
                    path = self._clean(path)
                text = f"{request_id or ''}\0{environ['REQUEST_METHOD']}\0{path}".encode()
            except (KeyError, UnicodeError):  # a server may leave out what is empty (PEP 3333)
                path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
                path = path if self._clean is None else self._clean(path)
                text = encode_request(request_id, environ.get("REQUEST_METHOD", ""), path)
            if self._shown is not None:
                shown = _as_in_environ(self._shown(request_path(environ)))
                text = encode_request(request_id, environ.get("REQUEST_METHOD", ""), shown)
            size = len(text)
            if size > MAX_TEXT_BYTES:
                text, size = text[:MAX_TEXT_BYTES], MAX_TEXT_BYTES
            _pack_into(entry.memory, entry.offset, RUNNING, size, adler32(text), now, text, now)
            if entry.mirror is not None:
                entry.mirror.write(entry.offset, entry.offset + REQUEST_ENTRY.size)
            ident = self._get_ident  # what is called as a method is looked for in the class first
            entry.ident = ident()
            entry.exchange = exchange
            context.request_entry = entry
            exchange.on_close = (
                (*entry.on_close, *exchange.on_close) if exchange.on_close else entry.on_close
            )
        except Exception:
            warn_once("noting a running request")
            if entry is not None:
                entry.release()
