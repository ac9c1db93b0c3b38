"""A real Redis, on a port of its own, for the brokers of the tests."""

import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Redis server that is running."""
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server on PATH")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    home = str(tmp_path_factory.mktemp("redis"))
    command = [server, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", home]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout as output:
        assert any("Ready to accept connections" in line for line in output)
        yield f"redis://127.0.0.1:{port}/0"
        process.kill()
        process.wait()
