"""The servers that a command runs as child processes, and their end with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

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
            signal.signal(signum, self._stop)

    def start(self, children: Iterable[Child], cwd: Path) -> None:
        """Start servers, of which each is stopped before those that come before it."""
        for child in children:
            # In a session of its own a server does not see the Ctrl-C of the terminal,
            # which every process of the foreground would get: it gets one signal, from us.
            self._running[child.name] = subprocess.Popen(
                child.command,
                cwd=cwd,
                env={**os.environ, **child.env},
                pass_fds=child.fds,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        if self._is_stop_requested:
            self._terminate_last()

    def wait(self) -> int:
        """Wait until one exits, stop the others, and return its exit code; 0 after a signal."""
        ended, process = self._wait_for_any()
        code = process.returncode
        code = code if code >= 0 else 128 - code  # as a shell reports the end by a signal
        if not self._is_stop_requested and len(self._running) > 1:
            reason = f"{ended} has ended with exit code {code}; the other services are stopped"
            print(f"wsgi-observe: {reason}", file=sys.stderr, flush=True)
        for one in reversed(self._running.values()):
            _stop_group(one)
        return 0 if self._is_stop_requested else code

    def _wait_for_any(self) -> tuple[str, subprocess.Popen[bytes]]:
        pids = {process.pid: name for name, process in self._running.items()}
        while True:
            pid, status = os.wait()
            if pid in pids:
                process = self._running[pids[pid]]
                process.returncode = os.waitstatus_to_exitcode(status)
                return pids[pid], process

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stop_requested = True
        self._terminate_last()

    def _terminate_last(self) -> None:
        """Stop the one that nobody else calls; `wait` stops the others when it has ended."""
        for process in list(self._running.values())[-1:]:
            # Not `terminate`: it would reap a process that `os.wait` then waits for.
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGTERM)


def _stop_group(process: subprocess.Popen[bytes]) -> None:
    """Stop a server, or workers that outlive a killed one."""
    for signum in (signal.SIGTERM, signal.SIGKILL):
        if process.returncode is None:
            process.send_signal(signum)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
