"""Sandbox of the app's process: denies network connections, and watches what the app touches."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_LOG_SOCKETS = ("/dev/log", "/run/systemd/journal/socket", "/var/run/syslog")

# Calls of C code that use a connection which may be open already, by the type of their object.
_CLIENT_MODULES = {
    "_socket": "a socket",
    "sqlite3": "an SQLite database",
    "_ssl": "a TLS connection",
    "psycopg2": "PostgreSQL",
    "psycopg_c": "PostgreSQL",
    "psycopg_binary": "PostgreSQL",
    "MySQLdb": "MySQL",
    "_mysql": "MySQL",
    "pyodbc": "a database (ODBC)",
    "oracledb": "Oracle",
}
_CLIENT_METHODS = (
    *("execute", "executemany", "executescript", "commit", "cursor"),
    *("send", "sendall", "sendto", "recv", "recv_into", "connect", "connect_ex", "read", "write"),
    *("exec_", "exec_params", "query", "store_result", "exec_prepared"),
)


class NetworkDeniedError(ConnectionRefusedError):
    """The doctor allows no connections, since it was not asked to."""


class Sandbox:
    """Denies connections of this process, as far as Python opens them, and notes what is used.

    A driver in C that opens its own sockets (libpq) is not denied: no audit event names them.

    :ivar denied: the addresses that the app has tried to connect to.
    """

    def __init__(self, *, allows_network: bool) -> None:
        self.allows_network = allows_network
        self.denied: list[str] = []
        self._touched: list[str] | None = None

    def install(self) -> None:
        """Start; there is no way to remove an audit hook (PEP 578)."""
        sys.addaudithook(self._audit)

    @contextmanager
    def watch(self) -> Iterator[list[str]]:
        """Give a list that is filled with what this process touches within the block.

        These are connections, databases, processes and files that are opened, in any thread.
        """
        touched = self._touched = []
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        try:
            yield touched
        finally:
            sys.setprofile(None)
            threading.setprofile(None)
            self._touched = None

    @contextmanager
    def without_network(self) -> Iterator[None]:
        """Deny connections within the block."""
        before, self.allows_network = self.allows_network, False
        try:
            yield
        finally:
            self.allows_network = before

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
            self._audit_socket(event, args)
        elif self._touched is not None:
            if event == "open":
                self._note_open(*args[:2])
            elif event in ("sqlite3.connect", "subprocess.Popen", "os.system", "os.posix_spawn"):
                self._note(f"{event} {args[0]}")

    def _audit_socket(self, event: str, args: tuple[Any, ...]) -> None:
        address = args[0] if event == "socket.getaddrinfo" else args[1]
        text = _format_address(address, args[1] if event == "socket.getaddrinfo" else None)
        if address in _LOG_SOCKETS or text is None:
            return
        self._note(f"a connection to {text}")
        if not self.allows_network:
            if text not in self.denied:
                self.denied.append(text)
            if event == "socket.getaddrinfo":
                raise socket.gaierror(socket.EAI_FAIL, f"the doctor allows no network: {text}")
            raise NetworkDeniedError(f"the doctor allows no network: {text}")

    def _note_open(self, path: object, mode: object) -> None:
        """Note a file that is opened, but not what an import or a traceback reads."""
        text = str(path)
        if isinstance(path, int) or text.endswith((".py", ".pyc", ".so", ".pth", "py.typed")):
            return
        self._note(f"the file {text}")

    def _profile(self, frame: FrameType, event: str, function: Any) -> None:
        if event != "c_call" or getattr(function, "__name__", "") not in _CLIENT_METHODS:
            return
        owner = type(getattr(function, "__self__", None))
        # `Cursor` of the standard library is of the module sqlite3.
        name = _CLIENT_MODULES.get(owner.__module__.partition(".")[0])
        if name is not None:
            self._note(f"{name} ({function.__name__})")

    def _note(self, text: str) -> None:
        if self._touched is not None and text not in self._touched and len(self._touched) < 100:
            self._touched.append(text)


def _format_address(address: Any, port: object) -> str | None:
    """Return an address as text; None for one that is no network's."""
    if isinstance(address, tuple) and len(address) >= 2:
        return f"{address[0]}:{address[1]}"
    if isinstance(address, bytes):
        address = address.decode("utf-8", "replace")
    if isinstance(address, str):
        return address if port is None else f"{address}:{port}"
    return None
