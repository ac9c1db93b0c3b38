"""A real Redis as a child process, on a port of its own."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def redis_server(folder: Path, *options: str) -> Iterator[str]:
    """Start a server, yield its URL, and kill it."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server on PATH")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    command = [*(server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir")]
    process = subprocess.Popen([*command, str(folder), *options], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        with process.stdout as output:
            assert any("Ready to accept connections" in line for line in output)
            yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()
