"""Mails on their way out: a bounded queue, one thread, and no flood; what is too much is told."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic

from wsgi_observe.core.failures import any_failure
from wsgi_observe.core.once import warn_once
from wsgi_observe.logs.smtp import Mail

WAITING = 50
"""Mails that wait for the server, at most."""
THREAD = "wsgi_observe.mail"
"""The name of the thread."""
BURST, WINDOW = 10, 60.0
"""How many mails go out within so many seconds, at most."""
LAST_WAIT = 5.0
"""Seconds for which a process waits for its last mails."""


class Post:
    """Sends mails one after the other, of one process.

    :param send: sends one, for as long as that takes; it may raise.
    """

    def __init__(self, send: Callable[[Mail], object]) -> None:
        self._send = send
        # Not a `Queue`: gevent replaces it by one of its own, which `flush` could not wait for.
        self._waiting: deque[Mail] = deque()
        self._changed = threading.Condition()  # re-entrant: the handler of a signal may log within
        self._is_sending = False
        self._sent: deque[float] = deque(maxlen=BURST)
        self._thread: threading.Thread | None = None
        self._lost = 0
        self._is_closed = False

    def put(self, mail: Mail) -> None:
        """Take a mail over, or count it where too many wait."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
                self._thread.start()
            if len(self._waiting) >= WAITING:
                self._lost += not mail.is_summary
                return
            self._waiting.append(mail)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait for what is under way, for some seconds."""
        if self._thread is None:
            return
        if self._lost:
            self.put(_summary(self._lost))
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._is_sending), LAST_WAIT)

    def close(self) -> None:
        """Have the thread end with what is under way; a mail that comes later has one anew.

        It makes no attempt of its own: at the end of a process TLS may be gone by then.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _work(self) -> None:
        while (mail := self._next()) is not None:
            if mail.is_summary or not self._until_room():
                self._try(mail)
            else:
                self._count(1)

    def _next(self) -> Mail | None:
        """Wait for a mail; return None, and end the thread, when it is closed and none is left."""
        with self._changed:
            self._is_sending = False
            self._changed.notify_all()
            while not self._waiting:
                if self._is_closed:
                    self._thread = None
                    return None
                if not self._changed.wait(WINDOW if self._lost else None):
                    self._waiting.append(_summary(self._lost))
            self._is_sending = True
            return self._waiting.popleft()

    def _until_room(self) -> float:
        """Return the seconds until another mail may go out."""
        if len(self._sent) < BURST:
            return 0.0
        return max(0.0, self._sent[0] + WINDOW - monotonic())

    def _try(self, mail: Mail) -> None:
        """Send a mail, and in it how many were not; one that is refused is another of these."""
        lost = self._take_count()
        if mail.is_summary and not lost:
            return  # the mail before it has told
        self._sent.append(monotonic())
        try:
            self._send(_summary(lost) if mail.is_summary else _with_count(mail, lost))
        except any_failure():
            self._count(lost if mail.is_summary else lost + 1)
            warn_once("sending an error by mail")

    def _count(self, lost: int) -> None:
        with self._changed:
            self._lost += lost

    def _take_count(self) -> int:
        with self._changed:
            lost, self._lost = self._lost, 0
        return lost


def _summary(lost: int) -> Mail:
    subject = f"{lost} more error{'s' if lost > 1 else ''} not mailed"
    return Mail(
        subject,
        f"{subject}: they were too many, or the mail server took none. The log has them.",
        is_summary=True,
    )


def _with_count(mail: Mail, lost: int) -> Mail:
    if not lost:
        return mail
    return mail._replace(body=f"{mail.body}\n\nBefore this one: {_summary(lost).body}\n")
