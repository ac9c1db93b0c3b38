"""A child process that is stopped with the command that runs it."""

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppableProcess:
    """Context manager in which signals stop the child process instead of this one.

    So the block ends as usual and cleans up. A signal that comes early stops the child as soon as
    it has started.
    """

    def __init__(self) -> None:
        self._is_stop_requested = False
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self._previous_handlers = {
            signum: signal.signal(signum, self._stop) for signum in STOP_SIGNALS
        }
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for signum, handler in self._previous_handlers.items():
            signal.signal(signum, handler)

    def run(self, command: Sequence[str], cwd: Path, listener: socket.socket) -> int:
        """Run a server until it exits, and return its exit code; 0 if a signal has stopped it.

        :param listener: its listening socket, which it inherits.
        """
        # In a session of its own the server does not see the Ctrl-C of the terminal,
        # which every process of the foreground would get: it gets one signal, from us.
        self._child = subprocess.Popen(
            command,
            cwd=cwd,
            pass_fds=[listener.fileno()],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        listener.close()  # or clients would wait in its queue while the server stops
        if self._is_stop_requested:
            self._child.terminate()
        code = self._child.wait()
        _terminate_orphans(self._child.pid)
        return 0 if self._is_stop_requested else _exit_code(code)

    def _stop(self, signum: int, frame: FrameType | None) -> None:
        self._is_stop_requested = True
        if self._child:
            self._child.terminate()


def _terminate_orphans(session: int) -> None:
    """Stop workers that have outlived their server, as they do when it was killed."""
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGTERM)


def _exit_code(returned: int) -> int:
    """Return the exit code that a shell reports: above 128 for a child that a signal ended."""
    return returned if returned >= 0 else 128 - returned
