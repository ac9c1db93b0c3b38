"""Mail queue: bounded, rate-limited, sent by one thread; reports the mails that it drops."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import NamedTuple

from wsgi_observe._safely import warn_once
from wsgi_observe.wsgi.exceptions import any_failure

MAX_QUEUED_MAILS = 50
"""Mails that wait for the mail server, at most."""
THREAD_NAME = "wsgi_observe.mail"
"""The name of the thread."""
MAX_PER_WINDOW, WINDOW_SECONDS = 10, 60.0
"""The rate limit: mails, and seconds within which they are sent."""
EXIT_TIMEOUT_SECONDS = 5.0
"""Seconds that a process waits for its last mails."""


class Mail(NamedTuple):
    """A mail to send."""

    subject: str
    body: str
    is_summary: bool = False


class MailQueue:
    """Sends the mails of one process, one after the other.

    :param send: sends one; it may take long, or raise.
    """

    def __init__(self, send: Callable[[Mail], object]) -> None:
        self._send = send
        # Not a `Queue`: gevent replaces it by one of its own, which `flush` could not wait for.
        self._waiting: deque[Mail] = deque()
        self._changed = threading.Condition()  # re-entrant: the handler of a signal may log within
        self._is_sending = False
        self._sent_at: deque[float] = deque(maxlen=MAX_PER_WINDOW)
        self._thread: threading.Thread | None = None
        self._dropped = 0
        self._is_closed = False

    def put(self, mail: Mail) -> None:
        """Queue a mail, or drop it where too many wait."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
                self._thread.start()
            if len(self._waiting) >= MAX_QUEUED_MAILS:
                self._dropped += not mail.is_summary
                return
            self._waiting.append(mail)
            self._changed.notify_all()

    def flush(self) -> None:
        """Wait some seconds until the queued mails are sent."""
        if self._thread is None:
            return
        if self._dropped:
            self.put(_SUMMARY)
        with self._changed:
            self._changed.wait_for(
                lambda: not (self._waiting or self._is_sending), EXIT_TIMEOUT_SECONDS
            )

    def close(self) -> None:
        """End the thread after the queued mails; a later mail starts a new one.

        Nothing is sent from here: at the end of a process TLS may be unavailable.
        """
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while (mail := self._next()) is not None:
            change = self._try_to_send(mail, self._dropped)
            with self._changed:
                self._dropped += change

    def _next(self) -> Mail | None:
        """Wait for a mail; return None, and end the thread, when it is closed and none is left."""
        with self._changed:
            self._is_sending = False
            self._changed.notify_all()
            while not self._waiting:
                if self._is_closed:
                    self._thread = None
                    return None
                if not self._changed.wait(WINDOW_SECONDS if self._dropped else None):
                    self._waiting.append(_SUMMARY)
            self._is_sending = True
            return self._waiting.popleft()

    def _try_to_send(self, mail: Mail, dropped: int) -> int:
        """Send a mail with the number of those dropped before; return how that number changes."""
        now = monotonic()
        if mail.is_summary:
            if not dropped:
                return 0  # the mail before has reported them
        elif len(self._sent_at) == MAX_PER_WINDOW and now < self._sent_at[0] + WINDOW_SECONDS:
            return 1
        self._sent_at.append(now)
        try:
            self._send(_add_summary(mail, dropped))
        except any_failure():
            warn_once("sending an error by mail")
            return 0 if mail.is_summary else 1
        return -dropped


_SUMMARY = Mail("", "", is_summary=True)


def _add_summary(mail: Mail, dropped: int) -> Mail:
    """Add to a mail how many were dropped; a summary is of nothing else."""
    if not dropped:
        return mail
    subject = f"{dropped} more error{'s' if dropped > 1 else ''} not mailed"
    text = f"{subject}: over the rate limit, or not accepted by the mail server. The log has them."
    if mail.is_summary:
        return mail._replace(subject=subject, body=text)
    return mail._replace(body=f"{mail.body}\n\nBefore this one: {text}\n")
