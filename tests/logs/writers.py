"""Processes that log into a real stream, and what was read of it."""

import fcntl
import os
import subprocess
import sys
import termios
import textwrap
import threading
from pathlib import Path
from typing import Any

from tests.support import PATIENCE, strict_json
from wsgi_observe.logs import join

PREAMBLE = """
import logging, os, sys, threading, time
from wsgi_observe import bind, configure_logging, log_context
log = logging.getLogger("shop")
"""


def run(
    program: str, stdout: Any = subprocess.PIPE, **options: Any
) -> "subprocess.CompletedProcess[bytes]":
    """Run a program to its end; logging itself must not have written to stderr."""
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(program)]
    options.setdefault("stderr", subprocess.PIPE)
    done = subprocess.run(command, stdout=stdout, timeout=PATIENCE * 3, check=False, **options)
    stderr = (done.stderr or b"").decode()
    assert "--- Logging error ---" not in stderr, stderr
    assert done.returncode == 0, stderr
    return done


class Reader(threading.Thread):
    """Reads a descriptor to its end."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self.descriptor = descriptor
        self.data = b""
        self.start()

    def run(self) -> None:
        chunks = []
        while chunk := os.read(self.descriptor, 1 << 16):
            chunks.append(chunk)
        self.data = b"".join(chunks)

    def has_drained_it(self) -> bool:
        """Return whether the pipe is empty."""
        left = fcntl.ioctl(self.descriptor, termios.FIONREAD, bytes(4))
        return int.from_bytes(left, sys.byteorder) == 0

    def lines(self) -> list[bytes]:
        self.join()
        os.close(self.descriptor)
        return self.data.splitlines(keepends=True)


def whole(lines: list[bytes]) -> list[dict[str, Any]]:
    """Return the records; each line is whole, strict JSON and within the cap."""
    for line in lines:
        assert line.endswith(b"\n")
        assert len(line) <= 4096
        strict_json(line)
    return join(lines)


def messages(text: bytes | Path) -> list[str]:
    data = text if isinstance(text, bytes) else text.read_bytes()
    return [record["message"] for record in whole(data.splitlines(keepends=True))]
