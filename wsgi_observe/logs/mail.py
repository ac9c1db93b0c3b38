"""ERROR lines by mail, for small sites: off the request's path."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from wsgi_observe.core.failures import any_failure, is_echo, note_error
from wsgi_observe.core.once import warn_once
from wsgi_observe.logs.letter import Letters
from wsgi_observe.logs.post import Post
from wsgi_observe.logs.smtp import Sender


class MailHandler(logging.Handler):
    """Send ERROR and CRITICAL records to people.

    The settings ``mail_…`` hang it up, and what it takes is named as they are. A mail server
    that hangs, refuses or is not there costs its mails, which is said once.

    :param redaction: ``redact_add``, ``redact_keep`` and ``redact_patterns``, as in `Settings`.
    """

    def __init__(
        self,
        *,
        mail_to: Sequence[str],
        mail_from: str,
        mail_host: str = "localhost",
        mail_user: str = "",
        mail_password: str = "",
        mail_tls: str = "off",
        static_fields: Mapping[str, object] | None = None,
        remote_addr: str = "full",
        **redaction: Any,
    ) -> None:
        super().__init__(logging.ERROR)
        self.is_off = False
        """Set for an app in debug mode."""
        self._letters = Letters(static_fields or {}, remote_addr, **redaction)
        to = list(mail_to)
        sender = mail_from or to[0]
        self._sender = Sender(mail_host, sender, to, mail_user, mail_password, mail_tls)
        self._begin()

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record's mail over."""
        try:
            note_error(record)
            if self.is_off or _is_debugging() or is_echo(record):
                return
            if self._owner != os.getpid():
                self._begin()  # what waits is the parent's, and so was the thread
            self._post.put(self._letters.write(record))
        except any_failure():
            warn_once("mailing an error")

    def flush(self) -> None:
        """Wait for the mails under way, for some seconds: the process may be at its end."""
        if self._owner == os.getpid():
            self._post.flush()

    def close(self) -> None:
        """End the thread, once the mails under way are through."""
        if self._owner == os.getpid():
            self._post.close()
        super().close()

    def _begin(self) -> None:
        self._owner = os.getpid()
        self._post = Post(self._sender.send)


def _is_debugging() -> bool:
    """Return whether a Flask app in debug mode is at work here."""
    flask: Any = sys.modules.get("flask")  # looked up, not imported: it is not ours to load
    return flask is not None and bool(flask.has_app_context() and flask.current_app.debug)
