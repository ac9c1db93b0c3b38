"""Mail handler: sends ERROR records by SMTP, from a thread of its own."""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
import sys
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import localtime
from typing import Any
from urllib.parse import urlsplit

from wsgi_observe._safely import warn_once
from wsgi_observe.logs.error_reports import register_error
from wsgi_observe.logs.fields import safe_str
from wsgi_observe.logs.formatters.truncation import escape_surrogates
from wsgi_observe.logs.handlers.mail_queue import Mail, MailQueue
from wsgi_observe.logs.line import LineMaker
from wsgi_observe.wsgi.exceptions import any_failure

TIMEOUT_SECONDS = 10.0
"""Timeout of each step of the SMTP dialogue."""

_DEFAULT_PORTS = {"off": 25, "starttls": 587, "tls": 465}
_MAX_SUBJECT_LENGTH = 150
_MAX_BODY_LENGTH = 256 * 1024


class MailHandler(logging.Handler):
    """Send ERROR and CRITICAL records by mail.

    It is installed by the settings ``mail_…`` and has parameters of the same names. Mails that the
    mail server does not accept are lost, which is logged once per process.

    :param options: ``static_fields``, ``remote_addr`` and the settings ``redact_…``.
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
        **options: Any,
    ) -> None:
        super().__init__(logging.ERROR)
        self.is_off = False
        """Set for an app in debug mode."""
        self._maker = LineMaker(redact_personal=True, **options)
        self._to, self._from = ", ".join(mail_to), mail_from or mail_to[0]
        self._tls, self._credentials = mail_tls, (mail_user, mail_password)
        host = urlsplit(f"//{mail_host}")
        self._address = (host.hostname or "", host.port or _DEFAULT_PORTS[mail_tls])
        self._start_queue()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue the record's mail."""
        try:
            if register_error(record) or self.is_off or _is_flask_debugging():
                return
            if self._owner_pid != os.getpid():
                self._start_queue()  # forked: the thread and the waiting mails are the parent's
            self._queue.put(format_mail(self._maker, record))
        except any_failure():
            warn_once("mailing an error")

    def flush(self) -> None:
        """Wait some seconds until the queued mails are sent: the process may be at its end."""
        if self._owner_pid == os.getpid():
            self._queue.flush()

    def close(self) -> None:
        """End the thread after the queued mails."""
        if self._owner_pid == os.getpid():
            self._queue.close()
        super().close()

    def _start_queue(self) -> None:
        self._owner_pid = os.getpid()
        self._queue = MailQueue(self._send)

    def _send(self, mail: Mail) -> None:
        """Send one mail; it blocks, and raises OSError where the mail server fails."""
        message = EmailMessage()
        message["From"], message["To"] = self._from, self._to
        message["Subject"], message["Date"] = mail.subject, localtime()
        message.set_content(mail.body)
        with self._connect() as smtp:
            if self._tls == "starttls":
                smtp.starttls(context=ssl.create_default_context())
            if self._credentials[0]:
                smtp.login(*self._credentials)
            smtp.send_message(message)

    def _connect(self) -> smtplib.SMTP:
        if self._tls == "tls":  # RFC 8314
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(*self._address, timeout=TIMEOUT_SECONDS, context=context)
        return smtplib.SMTP(*self._address, timeout=TIMEOUT_SECONDS)


def _is_flask_debugging() -> bool:
    flask: Any = sys.modules.get("flask")  # looked up, not imported: it is not ours to load
    return flask is not None and bool(flask.has_app_context() and flask.current_app.debug)


def format_mail(maker: LineMaker, record: logging.LogRecord) -> Mail:
    """Return the mail of a record; call it in the context of the request."""
    line = maker.from_record(record)
    redactor, shown = line.request.redactor, maker.fields(line)
    below = [str(shown.pop(name)) for name in ("exc_info", "stack_info") if name in shown]
    fields = {name: redactor.text(safe_str(value)) for name, value in shown.items()}
    lines = [f"{name}: {_to_one_line(value)}" for name, value in fields.items()]
    body = "\n".join([_to_one_line(fields["message"]), "", *lines, "", *below])
    return Mail(_format_subject(fields), escape_surrogates(body[:_MAX_BODY_LENGTH]))


def _format_subject(fields: Mapping[str, str]) -> str:
    """Return level, route, exception or message, and request ID, in one line (RFC 5322)."""
    place = " ".join(fields[one] for one in ("service", "level") if one in fields)
    path = fields.get("route", fields.get("path", ""))
    request = f"{fields['method']} {path}: " if "method" in fields else ""
    what = fields.get("exc_type", fields["message"])
    text = _to_one_line(f"[{place}] {request}{what}")[:_MAX_SUBJECT_LENGTH]
    request_id = fields.get("request_id", "")
    return escape_surrogates(f"{text} ({_to_one_line(request_id)})" if request_id else text)


def _to_one_line(text: str) -> str:
    return "".join(c if c.isprintable() else " " for c in text)
