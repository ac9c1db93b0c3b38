"""The servers that a command runs as child processes, and their end with it."""

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from wsgi_observe.cli.command import CommandError

_POLL_SECONDS = 0.1
_STOP_SECONDS = 15  # after which a server that was asked to stop is killed


@dataclass(frozen=True)
class Child:
    """A server to run.

    :ivar name: what messages call it.
    :ivar env: over the environment of this process.
    :ivar fds: of sockets that it inherits.
    """

    name: str
    command: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    fds: Sequence[int] = ()


class ChildProcesses:
    """Child processes that signals stop instead of this one, which then cleans up and exits.

    A signal that comes early stops them as soon as they have started.
    """

    def __init__(self) -> None:
        self._is_stop_requested = False
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, self._request_stop)

    def start(self, children: Iterable[Child], cwd: Path) -> None:
        """Start servers, of which each is stopped before those that come before it."""
        try:
            for child in children:
                self._running[child.name] = _start(child, cwd)
        except BaseException:
            self._stop_all()
            raise

    def wait(self) -> int:
        """Wait until one exits, stop the others, and return its exit code; 0 after a signal.

        :raises CommandError: where one of several has ended by itself.
        """
        codes: dict[str, int] = {}
        while not (codes or self._is_stop_requested):
            time.sleep(_POLL_SECONDS)
            polled = {name: process.poll() for name, process in self._running.items()}
            codes = {name: code for name, code in polled.items() if code is not None}
        self._stop_all()
        if self._is_stop_requested:
            return 0
        name, code = next(iter(codes.items()))
        code = code if code >= 0 else 128 - code  # as a shell reports the end by a signal
        if len(self._running) > 1:
            reason = f"{name} has ended with exit code {code}; the others were stopped"
            raise CommandError(reason, code or 1)
        return code

    def _request_stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stop_requested = True

    def _stop_all(self) -> None:
        """Stop them, the one that no other calls first."""
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)  # workers that outlive a killed server


def _start(child: Child, cwd: Path) -> subprocess.Popen[bytes]:
    # In a session of its own a server does not see the Ctrl-C of the terminal,
    # which every process of the foreground would get: it gets one signal, from us.
    return subprocess.Popen(
        child.command,
        cwd=cwd,
        env={**os.environ, **child.env},
        pass_fds=child.fds,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
