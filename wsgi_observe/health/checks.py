"""Ready-made readiness checks: a TCP port, free disk space."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable

from wsgi_observe import validators


def tcp(host: str, port: int, *, timeout: float = 0.5) -> Callable[[], None]:
    """Return a check that something accepts connections on `port` of `host`.

    It shows that something listens, not that it responds: the kernel accepts connections for a
    process that is stopped.

    :param host: a name or an IP address.
    :param port: 1 to 65535.
    :param timeout: seconds for each address of `host`; less than the timeout of the check, so that
        a connection that hangs is closed rather than left behind.
    :raises TypeError, ValueError: for an invalid argument.
    """
    if not isinstance(host, str):
        raise TypeError(f"host must be a name or an IP address, got {host!r}")
    if not host or not host.isprintable() or " " in host:
        raise ValueError(f"host must be a name or an IP address, got {host!r}")
    validators.port("port", port)
    validators.positive_seconds("timeout", timeout)

    def accepts_connections() -> None:
        try:
            socket.create_connection((host, port), timeout).close()
        except OSError as error:
            raise ConnectionError(f"no connection to {host}:{port}: {error}") from error

    return accepts_connections


def disk_free(path: str | os.PathLike[str], percent: float) -> Callable[[], str]:
    """Return a check that at least `percent` of the file system of `path` is free.

    :param path: a file or directory on it; if it does not exist, the check fails.
    :param percent: above 0 and below 100, of the space that this user may use.
    :raises TypeError, ValueError: for an invalid argument.
    """
    if not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a str or a path, got {path!r}")
    if not os.fspath(path):
        raise ValueError("path must name a file or directory, got ''")
    validators.percentage("percent", percent)

    def has_free_space() -> str:
        usage = shutil.disk_usage(path)
        if not usage.total:
            raise OSError(f"{os.fspath(path)} is on a file system without a size")
        free = 100 * usage.free / usage.total
        message = f"{free:.3g} % of {os.fspath(path)} is free"
        if free < percent:
            raise OSError(f"{message}, {percent:g} % is needed")
        return message

    return has_free_space
