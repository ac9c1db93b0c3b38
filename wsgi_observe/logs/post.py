"""Mails on their way out: a bounded queue, one thread, and no flood; what is too much is told."""

from __future__ import annotations

import queue
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

_END = Mail("", "", is_summary=True)
"""Wakes the thread, and is not sent."""


class Post:
    """Sends mails one after the other, of one process.

    :param send: sends one, for as long as that takes; it may raise.
    """

    def __init__(self, send: Callable[[Mail], object]) -> None:
        self._send = send
        self._mails: queue.Queue[Mail] = queue.Queue(WAITING)
        self._sent: deque[float] = deque(maxlen=BURST)
        self._thread: threading.Thread | None = None
        self._lock = threading.RLock()  # the handler of a signal may log within
        self._lost = 0
        self._is_closed = False

    def put(self, mail: Mail) -> None:
        """Take a mail over, or count it where too many wait."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name=THREAD, daemon=True)
                self._thread.start()
            try:
                self._mails.put_nowait(mail)
            except queue.Full:
                self._lost += not mail.is_summary

    def flush(self) -> None:
        """Wait for what is under way, for some seconds."""
        if self._thread is None:
            return
        if self._lost:
            self.put(_summary(self._lost))
        with self._mails.all_tasks_done:
            self._mails.all_tasks_done.wait_for(lambda: not self._mails.unfinished_tasks, LAST_WAIT)

    def close(self) -> None:
        """Have the thread end with what is under way; a mail that comes later has one anew.

        It makes no attempt of its own: at the end of a process TLS may be gone by then.
        """
        with self._lock:
            self._is_closed = True
        if self._thread is not None:
            self.put(_END)

    def _work(self) -> None:
        while not self._is_over():
            try:
                mail = self._mails.get(timeout=WINDOW if self._lost else None)
            except queue.Empty:
                self.put(_summary(self._lost))  # in its turn, so that `flush` waits for it too
                continue
            if mail is not _END:
                self._send_or_count(mail)
            self._mails.task_done()

    def _send_or_count(self, mail: Mail) -> None:
        if mail.is_summary or not self._until_room():
            self._try(mail)
        else:
            self._count(1)

    def _is_over(self) -> bool:
        with self._lock:
            if self._is_closed and self._mails.empty():
                self._thread = None
            return self._thread is None

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
        with self._lock:
            self._lost += lost

    def _take_count(self) -> int:
        with self._lock:
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
