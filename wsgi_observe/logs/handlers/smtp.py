"""SMTP client: sends one mail, with the server's certificate verified."""

from __future__ import annotations

import logging
import smtplib
import ssl
from contextlib import ExitStack
from email.message import EmailMessage
from email.utils import localtime
from logging.handlers import SMTPHandler
from typing import NamedTuple

TIMEOUT_SECONDS = 10.0
"""Timeout of each step of the SMTP dialogue."""

_DEFAULT_PORTS = {"off": 25, "starttls": 587, "tls": 465}


class Mail(NamedTuple):
    """A mail to send."""

    subject: str
    body: str
    is_summary: bool = False


class MailSender(SMTPHandler):
    """Sends mails, and blocks while it does: not to be called from a request.

    :param host: the server, and its port behind a colon.
    :param tls: ``off``, ``starttls`` or ``tls`` (RFC 8314).
    """

    def __init__(
        self, host: str, sender: str, to: list[str], user: str, password: str, tls: str
    ) -> None:
        name, _, port = host.partition(":") if "[" not in host else host[1:].partition("]")
        self._tls = tls
        self._port = int(port.lstrip(":") or _DEFAULT_PORTS[tls])
        super().__init__(
            (name, self._port),
            sender,
            to,
            "",
            credentials=(user, password) if user else None,
            timeout=TIMEOUT_SECONDS,
        )

    def send(self, mail: Mail) -> None:
        """Send one mail.

        :raises OSError: when the server refuses the mail, hangs or cannot be reached.
        """
        message = EmailMessage()
        message["From"], message["To"] = self.fromaddr, ", ".join(self.toaddrs)
        message["Subject"], message["Date"] = mail.subject, localtime()
        message.set_content(mail.body)
        with ExitStack() as stack:
            smtp = stack.enter_context(self._connect())
            if self._tls == "starttls":
                # SMTPHandler's own does not verify the certificate.
                smtp.starttls(context=ssl.create_default_context())
            if self.username:
                smtp.login(self.username, self.password)
            smtp.send_message(message)

    def emit(self, record: logging.LogRecord) -> None:
        """Send a record as its text."""
        self.send(Mail(self.getSubject(record), self.format(record)))

    def _connect(self) -> smtplib.SMTP:
        if self._tls == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(
                self.mailhost, self._port, timeout=self.timeout, context=context
            )
        return smtplib.SMTP(self.mailhost, self._port, timeout=self.timeout)
