"""Touches: connections, databases, processes and files that the app uses while it is watched."""

from __future__ import annotations

import os
import socket
import sys
import sysconfig
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePath
from traceback import walk_stack
from types import FrameType, ModuleType
from typing import Any

from wsgi_observe.doctor.own_code import find_caller, is_own_file


class NetworkDeniedError(ConnectionRefusedError):
    """The doctor allows no connections: it was not asked to, or tries what happens without."""


class Kind(Enum):
    """What is touched."""

    SERVICE = "service or process"
    READ_FILE = "read file"
    WRITTEN_FILE = "written file"


@dataclass(frozen=True)
class Touch:
    """One use of something outside of the process.

    :ivar what: such as ``a connection to 10.0.0.1:5432``.
    :ivar place: in the app's own code, if any of it is running.
    """

    kind: Kind
    what: str
    place: str | None = None


_SOCKET_METHODS = {
    *("connect", "connect_ex", "send", "sendall", "sendto", "sendmsg"),
    *("recv", "recv_into", "recvfrom", "recvmsg"),
}
_DATABASE_METHODS = {
    *("execute", "executemany", "executescript", "commit", "cursor", "connect", "query"),
    *("callproc", "fetchone", "fetchall"),
}
# Clients by the package of the object whose method is called, which may be written in C: their
# connections can be open already, and libpq and others open them where Python does not see it.
_CLIENTS = {
    "socket": ("a socket", _SOCKET_METHODS),
    "_socket": ("a socket", _SOCKET_METHODS),
    "_ssl": ("a TLS connection", {"read", "write", "do_handshake"}),
    "sqlite3": ("an SQLite database", _DATABASE_METHODS),
    "pysqlite3": ("an SQLite database", _DATABASE_METHODS),
    "psycopg": ("PostgreSQL", _DATABASE_METHODS),
    "psycopg2": ("PostgreSQL", _DATABASE_METHODS),
    "asyncpg": ("PostgreSQL", _DATABASE_METHODS),
    "MySQLdb": ("MySQL", _DATABASE_METHODS | {"Connect"}),
    "_mysql_connector": ("MySQL", _DATABASE_METHODS),
    "pymysql": ("MySQL", _DATABASE_METHODS),
    "mysql": ("MySQL", _DATABASE_METHODS),
    "pyodbc": ("a database (ODBC)", _DATABASE_METHODS),
    "oracledb": ("Oracle", _DATABASE_METHODS),
    "redis": ("Redis", {"send_packed_command", "connect", "execute_command"}),
    "valkey": ("Valkey", {"send_packed_command", "connect", "execute_command"}),
    "pymongo": ("MongoDB", {"command", "checkout", "select_server", "_select_server"}),
}
_METHODS = frozenset[str]().union(*(methods for _, methods in _CLIENTS.values()))
# The exception of a client that has lost its connection, which an app may handle.
_ERRORS = {
    **dict.fromkeys(("psycopg", "psycopg2", "MySQLdb", "pymysql"), "OperationalError"),
    **dict.fromkeys(("sqlite3", "pysqlite3", "pyodbc", "oracledb"), "OperationalError"),
    **dict.fromkeys(("redis", "valkey"), "ConnectionError"),
    "pymongo": "AutoReconnect",
}

_PROCESSES = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.fork", "os.forkpty"}
_FILE_CHANGES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.utime", "os.truncate"),
    *("os.link", "os.symlink", "os.chmod", "os.chown"),
}

_LOGGING = ("logging", "loguru", "structlog", "concurrent_log_handler", "wsgi_observe.logs")
_TELEMETRY = {
    *("sentry_sdk", "opentelemetry", "ddtrace", "newrelic", "elasticapm", "statsd", "datadog"),
    *("prometheus_client", "rollbar", "bugsnag", "scout_apm"),
}
# What reads files that are no data: templates, sources, tables of Python.
_READERS = (
    *("jinja2", "mako", "chameleon", "genshi", "django.template", "importlib", "pkgutil"),
    *("linecache", "traceback", "inspect", "warnings", "mimetypes", "gettext", "zoneinfo"),
)
_TEMPLATES = {".html", ".htm", ".j2", ".jinja", ".jinja2", ".tpl", ".pt", ".mako", ".mo"}
_SYSTEM_FOLDERS = ("/proc", "/sys", "/dev", "/etc", "/usr")
_PYTHON_FOLDERS = tuple({*sysconfig.get_paths().values(), sys.prefix, sys.base_prefix} - {"/"})
_SOURCES = {".py", ".pyc", ".so", ".pth"}
_CLIENT_MODULE = "wsgi_observe.doctor.app.client"
_MAX_TOUCHES = 100


def has_threads_of_its_own() -> bool:
    """Return whether the app runs other threads than those of a telemetry service."""
    others = [one for one in sys._current_frames().items() if one[0] != threading.get_ident()]
    return any(
        not any(_get_module(one).partition(".")[0] in _TELEMETRY for one, _ in walk_stack(frame))
        for _, frame in others
    )


class TouchRecorder:
    """Records what this process touches in one request, in its thread and those that it starts.

    :param denies: whether to let each use of a service fail, as if all of them were down.
    :param allows_network: whether connections may be opened.
    """

    def __init__(self, *, denies: bool, allows_network: bool) -> None:
        self.touches: list[Touch] = []
        self._denies = denies
        self._denies_connections = denies or not allows_network
        me = threading.get_ident()
        self._other_threads = {one.ident for one in threading.enumerate()} - {me}
        self._raised: dict[int, Exception] = {}

    def note_event(self, event: str, args: tuple[Any, ...]) -> None:
        """Take an audit event (PEP 578) that is not about the network."""
        if event == "sys.setprofile":
            # A profile function that raises is removed; this event can prevent it by raising, too.
            error = self._raised.pop(threading.get_ident(), None)
            if error is not None:
                raise error
        elif event == "open":
            self._note_file(*args)
        elif event == "sqlite3.connect":
            self._note_use("sqlite3", f"the SQLite database {_to_text(args[0])}", self._denies)
        elif event in _FILE_CHANGES:
            self._note_file(args[0], None, os.O_WRONLY)
        elif event in _PROCESSES:
            command = f": {_to_text(args[0])}" if args else ""
            if self._note(Kind.SERVICE, f"a process{command}") and self._denies:
                raise PermissionError("the doctor allows no processes")

    def note_connection(self, address: str) -> None:
        """Take a connection that is opened."""
        self._note(Kind.SERVICE, f"a connection to {address}")

    def profile(self, frame: FrameType, event: str, function: Any) -> None:
        """Take a call, see `sys.setprofile`."""
        if event == "call":
            name, owner = frame.f_code.co_name, _get_module(frame)
            packages = {owner.partition(".")[0]} if name in _METHODS else set()
        elif event == "c_call" and (name := getattr(function, "__name__", "")) in _METHODS:
            packages = _find_packages(getattr(function, "__self__", None))
        else:
            return
        for package in packages & _CLIENTS.keys():
            title, methods = _CLIENTS[package]
            if name in methods:
                is_opening = name in ("connect", "Connect")
                is_denied = self._denies or (is_opening and self._denies_connections)
                # The audit event of a socket has its address.
                if not (is_opening and title == "a socket"):
                    self._note_use(package, title, is_denied, frame)
                return

    def _note_use(
        self, package: str, what: str, is_denied: bool, frame: FrameType | None = None
    ) -> None:
        if self._note(Kind.SERVICE, what, frame) and is_denied:
            error = _make_error(package)
            if frame is not None:
                self._raised[threading.get_ident()] = error
            raise error

    def _note_file(self, path: object, mode: object, flags: object) -> None:
        if isinstance(path, int) or _is_no_data(_to_text(path)):
            return
        is_written = isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
        is_written = is_written or (isinstance(mode, str) and bool(set("wax+") & set(mode)))
        text = _to_text(path)
        if is_written or not text.startswith(_PYTHON_FOLDERS):
            self._note(Kind.WRITTEN_FILE if is_written else Kind.READ_FILE, f"the file {text}")

    def _note(self, kind: Kind, what: str, frame: FrameType | None = None) -> bool:
        """Note a touch, and return whether it counts."""
        if threading.get_ident() in self._other_threads:
            return False
        frame = frame or sys._getframe(1)
        frames = list(_iter_frames(frame))
        is_file = kind in (Kind.READ_FILE, Kind.WRITTEN_FILE)
        if _is_no_part(frames) or (is_file and any(_is_in(one, _READERS) for one in frames)):
            return False
        touch = Touch(kind, what, find_caller(frame))
        if touch not in self.touches and len(self.touches) < _MAX_TOUCHES:
            self.touches.append(touch)
        return True


def _iter_frames(frame: FrameType) -> Iterator[FrameType]:
    """Yield the calls from a frame outwards, up to the innermost one of the app's own code."""
    for one, _ in walk_stack(frame):
        module = _get_module(one)
        if module == _CLIENT_MODULE:
            return
        if module not in (__name__, "wsgi_observe.doctor.recording.sandbox"):
            yield one
        if is_own_file(one.f_code.co_filename):
            return


def _is_no_part(frames: list[FrameType]) -> bool:
    """Return whether a log handler, or a client of a telemetry service, is at work.

    A middleware of such a service is on the stack of each request, so that the innermost package
    counts.
    """
    if any(_is_in(frame, _LOGGING) for frame in frames):
        return True
    packages = (_get_module(frame).partition(".")[0] for frame in frames)
    innermost = next((one for one in packages if one not in sys.stdlib_module_names), "")
    return innermost in _TELEMETRY


def _get_module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))


def _is_in(frame: FrameType, modules: tuple[str, ...]) -> bool:
    name = _get_module(frame)
    return any(name == module or name.startswith(f"{module}.") for module in modules)


def _find_packages(owner: object) -> set[str]:
    """Return the top-level packages of an object's classes, or of a module."""
    if isinstance(owner, ModuleType):
        return {owner.__name__.partition(".")[0]}
    if isinstance(owner, socket.socket) and _is_internal(owner):
        return set()
    return {str(cls.__module__).partition(".")[0] for cls in type(owner).__mro__}


def _is_internal(sock: socket.socket) -> bool:
    """Return whether a socket is one of a pair, such as an event loop of asyncio has."""
    try:
        return sock.family == socket.AF_UNIX and not sock.getpeername()
    except OSError:
        return False


def _is_no_data(path: str) -> bool:
    suffix = PurePath(path).suffix
    return suffix in _SOURCES or suffix in _TEMPLATES or path.startswith(_SYSTEM_FOLDERS)


def _to_text(value: object) -> str:
    if isinstance(value, list | tuple):
        return " ".join(map(_to_text, value))
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _make_error(package: str) -> Exception:
    module = sys.modules.get(f"{package}.errors" if package == "pymongo" else package)
    error: type[Exception] = getattr(module, _ERRORS.get(package, ""), NetworkDeniedError)
    return error("the doctor denies connections")
