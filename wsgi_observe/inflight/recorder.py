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

from wsgi_observe.core.environ import request_path
from wsgi_observe.core.exchange import Exchange
from wsgi_observe.core.failures import is_shutdown
from wsgi_observe.core.layer import Layer
from wsgi_observe.core.once import warn_once
from wsgi_observe.inflight.seat import Seat
from wsgi_observe.inflight.slot import FORM, FREE, ROOM, RUNNING, TOLD, age_of, pack, text_of
from wsgi_observe.inflight.telling import tell_dying

if TYPE_CHECKING:
    import mmap

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

_write = FORM.pack_into


class Slot:
    """A place for one running request, and what its worker alone knows of it."""

    __slots__ = (
        *("_free", "_recorder", "at_end", "exchange", "here", "memory", "mirror"),
        *("number", "offset"),
    )

    exchange: Exchange | None
    """The request; None while the slot is free."""

    here: object
    """The thread or greenlet that it runs in."""

    def __init__(
        self, recorder: Recorder, memory: mmap.mmap | bytearray, offset: int, number: int
    ) -> None:
        self.memory = memory
        self.offset = offset
        self.number = number
        self._recorder = recorder
        self._free = recorder.free
        # One beyond the table has no place in a file.
        self.mirror = recorder.seat.mirror if number >= 0 else None
        self.exchange = self.here = None
        self.at_end = (self.leave,)

    def leave(self, exchange: Exchange) -> None:
        """Note that the request has ended."""
        if exchange.outcome != "complete":
            self._tell_if_killed(exchange)
        # As `give_back` does; each request would pay for the call.
        self.memory[self.offset] = FREE
        if self.mirror is not None:
            self.mirror.write(self.offset, self.offset + 1)
        self.exchange = None
        self._free.append(self)

    def give_back(self) -> None:
        """Have it free although no request was noted in it."""
        self.memory[self.offset] = FREE
        self._copy_out()
        self.exchange = None
        self._free.append(self)

    def _copy_out(self) -> None:
        if self.mirror is not None:
            self.mirror.write(self.offset, self.offset + FORM.size)

    def _tell_if_killed(self, exchange: Exchange) -> None:
        """Name a request whose greenlet was ended: nothing else of it is a failure to anybody."""
        error = sys.exc_info()[1]
        if error is None or self.is_told or not is_shutdown(error):
            return
        by_signal = issubclass(type(error), (KeyboardInterrupt, SystemExit))
        cause = type(error).__name__ if by_signal else self._recorder.killed_by()
        age = age_of(self.started, time())
        tell_dying(exchange.environ, cause, age, worker_pid=os.getpid())

    def mark_told(self) -> None:
        """Note that the log has it that this request dies."""
        self.memory[self.offset] = TOLD
        self._copy_out()

    @property
    def is_told(self) -> bool:
        """Whether somebody has done that."""
        return self.memory[self.offset] == TOLD

    @property
    def started(self) -> float:
        """When the request began, in seconds since the epoch."""
        found: float = FORM.unpack_from(self.memory, self.offset)[3]
        return found

    def show(self, path: str) -> None:
        """Have another path told than the request's own, in which there are secrets."""
        exchange = self.exchange
        if exchange is not None:
            text = text_of(exchange.scope.request_id, exchange.method, _as_in_environ(path))
            entry = pack(text, self.started, self.memory[self.offset])
            self.memory[self.offset : self.offset + FORM.size] = entry
            self._copy_out()


class _Beyond(Slot):
    """Stands in for a slot where all are taken: its request is counted."""

    __slots__ = ()

    def __init__(self, recorder: Recorder) -> None:
        super().__init__(recorder, bytearray(FORM.size), 0, -1)

    def leave(self, exchange: Exchange) -> None:
        """Count one less."""
        if exchange.outcome != "complete":
            self._tell_if_killed(exchange)
        self.give_back()

    def give_back(self) -> None:
        """Count one less."""
        self.exchange = None
        self._recorder.count_beyond(self, ended=True)


class Recorder:
    """The requests that run in this process, each in a slot of its worker's seat.

    :param here: says which thread or greenlet is running.
    :param thread: the thread that greenlets run in.
    :param clean: takes the secrets out of a path, where the table is copied to a file.
    """

    def __init__(
        self,
        seat: Seat,
        here: Callable[[], object] = get_ident,
        thread: int = 0,
        clean: Callable[[str], str] | None = None,
    ) -> None:
        self.seat = seat
        self.here = here
        self.thread = thread
        self.clean = clean
        self.killed_by = _by_nobody_known
        self.free: list[Slot] = []  # its end is taken and given back without a lock
        self._slots = [
            Slot(self, seat.memory, offset, number) for number, offset in enumerate(seat.offsets)
        ]
        # The last one is the next to be taken: few of them are ever touched.
        self.free += reversed(self._slots)
        self._beyond: set[Slot] = set()
        self._lock = allocate_lock()
        forget = weakref.WeakMethod(self._forget)
        os.register_at_fork(after_in_child=lambda: (forget() or bool)())

    @property
    def running(self) -> list[Slot]:
        """The slots that are taken now, those of requests beyond the table too."""
        # Without the lock: the handler of a signal asks, which may have interrupted who has it.
        return [slot for slot in (*self._slots, *list(self._beyond)) if slot.exchange is not None]

    def take_beyond(self) -> Slot:
        """Return what stands in for a slot when all are taken."""
        slot = _Beyond(self)
        self.count_beyond(slot)
        return slot

    def count_beyond(self, slot: Slot, *, ended: bool = False) -> None:
        """Count a request that has no slot in the table."""
        with self._lock:
            if ended:
                self._beyond.discard(slot)
            else:
                self._beyond.add(slot)
            self.seat.beyond = len(self._beyond)

    def _forget(self) -> None:
        """Leave the table to the worker: this is a process that was forked in one of its requests.

        It may go on with that request's code, and must not say of the worker's what it does.
        """
        private = bytearray(len(self.seat.memory))
        for slot in self._slots:
            slot.memory = private
            slot.mirror = None
        self.seat = Seat(private, self.seat.start, len(self._slots))
        self._lock = allocate_lock()


def _as_in_environ(path: str) -> str:
    """Return a path as an environ has it: its bytes as Latin-1 (PEP 3333)."""
    return path.encode("utf-8", "replace").decode("latin-1")


def _by_nobody_known() -> str:
    return "GreenletExit"


class InFlight(Layer):
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
        self._free = recorder.free
        self._here = recorder.here
        self._clean = recorder.clean

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Take a slot, and give it back at the end."""
        slot = None
        try:
            try:
                slot = self._free.pop()
            except IndexError:
                slot = self._recorder.take_beyond()
            now = time()
            scope = exchange.shared or exchange
            request_id = scope.request_id
            try:
                path = f"{environ['SCRIPT_NAME']}{environ['PATH_INFO']}"
                if self._clean is not None:
                    path = self._clean(path)
                text = f"{request_id or ''}\0{environ['REQUEST_METHOD']}\0{path}".encode()
            except (KeyError, UnicodeError):  # a server may leave out what is empty (PEP 3333)
                path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
                path = path if self._clean is None else self._clean(path)
                text = text_of(request_id, environ.get("REQUEST_METHOD", ""), path)
            if self._shown is not None:
                shown = _as_in_environ(self._shown(request_path(environ)))
                text = text_of(request_id, environ.get("REQUEST_METHOD", ""), shown)
            size = len(text)
            if size > ROOM:
                text, size = text[:ROOM], ROOM
            _write(slot.memory, slot.offset, RUNNING, size, adler32(text), now, text, now)
            if slot.mirror is not None:
                slot.mirror.write(slot.offset, slot.offset + FORM.size)
            here = self._here  # what is called as a method is looked for in the class first
            slot.here = here()
            slot.exchange = exchange
            scope.in_flight = slot
            exchange.at_end = (*slot.at_end, *exchange.at_end) if exchange.at_end else slot.at_end
        except Exception:
            warn_once("noting a running request")
            if slot is not None:
                slot.give_back()
