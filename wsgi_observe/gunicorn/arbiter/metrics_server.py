"""The server of metrics on a port of its own: a process that the arbiter forks and watches.

Not a thread of the arbiter, which forks workers all its life; and a scrape must not keep it from
its work. The process imports what the arbiter must not: prometheus-client and its locks, before a
gevent worker could patch them.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from time import monotonic, sleep
from typing import Any

from gunicorn import util

from wsgi_observe._loggers import get_logger
from wsgi_observe._shared_memory import is_process_alive
from wsgi_observe.gunicorn.compat import optional_attr
from wsgi_observe.metrics.sources import MetricsSources

_log = get_logger("wsgi_observe.gunicorn")

_DEFAULT_HOST = "127.0.0.1"
_BACKLOG = 16
_EXIT_TIMEOUT_SECONDS = 2.0
_RESTART_SECONDS = 5.0  # at least, between two starts
_IGNORED_SIGNALS = ("SIGINT", "SIGHUP", "SIGQUIT", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGTTIN")


class MetricsServer:
    """The socket, which the arbiter keeps, and the process that serves on it."""

    _arbiter: Any

    def __init__(self, sources: MetricsSources) -> None:
        self._sources = sources
        self._address: int | str = 0
        self._socket: socket.socket | None = None
        self._pid = 0
        self._restart_at = 0.0

    def start(self, arbiter: Any, address: int | str) -> None:
        """Serve on a port or an address, for as long as the arbiter runs.

        :raises SystemExit: where it is in use, once that is logged.
        """
        self._arbiter = arbiter
        manage_workers = optional_attr(
            arbiter, "manage_workers", "the process that serves metrics is not restarted"
        )
        if manage_workers is not None:
            arbiter.manage_workers = lambda: self._watch(manage_workers)
        try:
            self._open(address)
        except OSError as error:
            if arbiter.master_pid:
                return  # the arbiter that is being replaced (USR2) has the port
            _log.critical("cannot serve metrics at metrics_port %s: %s", address, error)
            raise SystemExit(1) from None

    def move(self, address: int | str) -> None:
        """Serve on another port or address, or on none, after a reload."""
        if address == self._address:
            return
        self.close()
        try:
            self._open(address)
        except OSError as error:
            _log.error("cannot serve metrics at metrics_port %s: %s; retrying", address, error)

    def close_socket(self) -> None:
        """Close the socket in a forked process."""
        if self._socket is not None:
            self._socket.close()

    def close(self) -> None:
        """End the process and close the socket."""
        self.close_socket()
        self._socket = None
        pid, self._pid = self._pid, 0
        if not pid:
            return
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
        deadline = monotonic() + _EXIT_TIMEOUT_SECONDS
        with suppress(ChildProcessError):  # a handler of SIGCHLD has reaped it
            while os.waitpid(pid, os.WNOHANG) == (0, 0) and monotonic() < deadline:
                sleep(0.01)

    def _open(self, address: int | str) -> None:
        self._address = address
        if address:
            self._socket = _listen(address)
            self._fork()

    def _watch(self, manage_workers: Callable[[], object]) -> None:
        """Restart the process if it has ended, each time that the arbiter looks at its workers."""
        manage_workers()
        is_served = bool(self._pid) and is_process_alive(self._pid)
        with suppress(OSError):  # until the port is free, or there is memory for the process
            if self._socket is None:
                self._open(self._address)
            elif not is_served and monotonic() >= self._restart_at:
                if self._pid:
                    text = "the process %d that serves metrics has ended: restarted"
                    _log.warning(text, self._pid)
                self._fork()

    def _fork(self) -> None:
        self._restart_at = monotonic() + _RESTART_SECONDS
        self._pid = os.fork()
        if self._pid:
            return
        try:
            self._serve()
        except BaseException:
            _log.exception("the process that serves metrics has failed")
        finally:
            os._exit(0)  # an arbiter of before Gunicorn 27 would take another code for a worker's

    def _serve(self) -> None:
        """Serve until the arbiter ends; in the forked process."""
        arbiter_pid = self._arbiter.pid
        # An end by a signal is reported as a worker's by an arbiter of before Gunicorn 27.
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for name in _IGNORED_SIGNALS:
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        for listener in self._arbiter.LISTENERS:
            listener.sock.close()  # the app's ports are not kept open here
        cfg = self._arbiter.cfg
        util.set_owner_process(cfg.uid, cfg.gid, initgroups=cfg.initgroups)
        set_title = optional_attr(util, "_setproctitle", "no process has the title metrics")
        if set_title is not None:
            set_title(f"metrics [{self._arbiter.proc_name}]")
        serve = import_module("wsgi_observe.prometheus.http_server").serve
        serve(self._socket, self._sources, lambda: os.getppid() == arbiter_pid)


def _listen(address: int | str) -> socket.socket:
    host, port = _DEFAULT_HOST, address
    if isinstance(address, str):
        host, _, port = address.rpartition(":")
    family, _, _, _, name = socket.getaddrinfo(
        host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    has_both_families = family == socket.AF_INET6 and socket.has_dualstack_ipv6()
    return socket.create_server(
        name, family=family, backlog=_BACKLOG, dualstack_ipv6=has_both_families
    )
