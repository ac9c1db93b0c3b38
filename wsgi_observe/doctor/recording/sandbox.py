"""Sandbox of the app's process: denies network connections, and watches what the app touches."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from ipaddress import ip_address
from typing import Any

from wsgi_observe.doctor.recording.touches import NetworkDeniedError, Touch, TouchRecorder

_LOG_SOCKETS = ("/dev/log", "/run/systemd/journal/socket", "/var/run/syslog")
_RESOLVING = ("socket.getaddrinfo", "socket.gethostbyname")
_CONNECTING = ("socket.connect", "socket.sendto", "socket.sendmsg")


class Sandbox:
    """Denies connections of this process, as far as Python opens them, and notes what is used.

    While the app is watched, connections of drivers in C are denied too; before, a driver that
    opens its own sockets (libpq) is not: no audit event names them.

    :ivar denied: the addresses that the app has tried to connect to.
    """

    def __init__(self, *, allows_network: bool) -> None:
        self.allows_network = allows_network
        self.denied: list[str] = []
        self._recorder: TouchRecorder | None = None
        sys.addaudithook(self._audit)  # which cannot be removed (PEP 578)

    @contextmanager
    def watch(self, *, denies: bool = False) -> Iterator[list[Touch]]:
        """Give a list that is filled with what the app touches within the block.

        :param denies: whether each use of a service fails within the block.
        """
        recorder = TouchRecorder(denies=denies, allows_network=self.allows_network)
        self._recorder = recorder
        with self.without_network() if denies else nullcontext():
            threading.setprofile(recorder.profile)
            sys.setprofile(recorder.profile)
            try:
                yield recorder.touches
            finally:
                self._recorder = None
                sys.setprofile(None)
                threading.setprofile(None)

    @contextmanager
    def without_network(self) -> Iterator[None]:
        """Deny connections within the block."""
        before, self.allows_network = self.allows_network, False
        try:
            yield
        finally:
            self.allows_network = before

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event in _CONNECTING:
            self._audit_address(_format_address(args[1]), NetworkDeniedError)
        elif event in _RESOLVING:
            if not _is_known(args[0]):
                port = args[1] if len(args) > 1 else None
                self._audit_address(_format_address(args[0], port), _make_name_error)
        elif self._recorder is not None:
            self._recorder.note_event(event, args)

    def _audit_address(self, address: str | None, make_error: Any) -> None:
        if address is None or address in _LOG_SOCKETS:
            return
        if self._recorder is not None:
            self._recorder.note_connection(address)
        if not self.allows_network:
            if address not in self.denied:
                self.denied.append(address)
            raise make_error(f"the doctor allows no network: {address}")


def _is_known(host: object) -> bool:
    """Return whether no network is needed for the address of a host: this one, or an address."""
    name = host.decode("utf-8", "replace") if isinstance(host, bytes) else str(host)
    with suppress(ValueError):
        return bool(ip_address(name))
    return name in ("localhost", socket.gethostname())


def _make_name_error(text: str) -> OSError:
    return socket.gaierror(socket.EAI_FAIL, text)


def _format_address(address: Any, port: object = None) -> str | None:
    """Return an address as text; None for one that is no network's."""
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    if isinstance(address, bytes):
        address = address.decode("utf-8", "replace")
    if isinstance(address, str):
        return address if port is None else f"{address}:{port}"
    return None
