"""A real mail server on this machine, which may be a bad one."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any, cast

from aiosmtpd.controller import Controller


class Mailbox:
    """What came in; and whether it answers at all."""

    def __init__(self) -> None:
        self.envelopes: list[Any] = []
        self.reply = "250 Message accepted"
        self.port = 0
        self.delay = 0.0

    @property
    def mails(self) -> list[EmailMessage]:
        return [
            cast(EmailMessage, message_from_bytes(one.content, policy=policy.default))
            for one in self.envelopes
        ]

    @property
    def raw(self) -> bytes:
        return b"\n".join(one.content for one in self.envelopes)

    @property
    def texts(self) -> list[str]:
        return [mail.get_content().replace("\r\n", "\n") for mail in self.mails]

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        await asyncio.sleep(self.delay)
        reply = self.reply  # a test that sees the mail may change it at once
        self.envelopes.append(envelope)
        return reply


@contextmanager
def mailbox(**options: Any) -> Iterator[Mailbox]:
    """Take mails on a free port until the block ends."""
    box = Mailbox()
    with socket.create_server(("127.0.0.1", 0)) as server:
        box.port = server.getsockname()[1]
        controller = _Controller(server, box, hostname="127.0.0.1", port=box.port, **options)
        controller.start()
        try:
            yield box
        finally:
            controller.stop()


class _Controller(Controller):
    """Serves on a socket that is open already: a port that is only known may be another's soon."""

    def __init__(self, server: socket.socket, box: Mailbox, **options: Any) -> None:
        super().__init__(box, **options)
        self._socket = server

    def _create_server(self) -> Any:
        return self.loop.create_server(
            self._factory_invoker, sock=self._socket, ssl=self.ssl_context
        )


@contextmanager
def hanging_server() -> Iterator[int]:
    """Take connections and never say a word."""
    ends: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        stop = threading.Event()

        def accept() -> None:
            while not stop.is_set():
                try:
                    ends.append(server.accept()[0])
                except TimeoutError:
                    continue

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            stop.set()
            thread.join()
            for one in ends:
                one.close()
