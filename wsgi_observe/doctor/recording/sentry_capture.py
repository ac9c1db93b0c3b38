"""Sentry: what the app would send, kept in this process instead."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class SentryCapture:
    """A transport for Sentry's client in place of its own: keeps what it gets, and sends nothing.

    :ivar options: the options of the client, with the defaults of Sentry's SDK.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._sent: list[bytes] = []
        self.options: dict[str, Any] = client.options
        client.transport = _make_transport(self._sent)
        client.spotlight = None  # a server of its own, for development

    @contextmanager
    def capture(self) -> Iterator[list[bytes]]:
        """Give a list that has, after the block, what the app would have sent meanwhile."""
        captured: list[bytes] = []
        before = self.options.get("sample_rate", 1.0)
        self.options["sample_rate"] = 1.0
        self._sent.clear()
        try:
            yield captured
        finally:
            self._client.flush(timeout=0.5)  # log lines and metrics are sent in batches
            self.options["sample_rate"] = before
            captured += self._sent


def capture_sentry() -> SentryCapture | None:
    """Take what the app sends to Sentry from now on; None if it does not use Sentry."""
    sentry: Any = sys.modules.get("sentry_sdk")
    if sentry is None:
        return None
    if hasattr(sentry, "get_client"):
        client = sentry.get_client()
        return SentryCapture(client) if client.is_active() else None
    client = sentry.Hub.current.client  # before version 2
    return None if client is None else SentryCapture(client)


def _make_transport(sent: list[bytes]) -> Any:
    from sentry_sdk.transport import Transport

    class KeepingTransport(Transport):
        def capture_envelope(self, envelope: Any) -> None:
            sent.append(envelope.serialize())

        def capture_event(self, event: Any) -> None:
            sent.append(repr(event).encode())  # before version 2

        def flush(self, *args: Any, **kwargs: Any) -> None:
            pass

        def kill(self) -> None:
            pass

    return KeepingTransport()
