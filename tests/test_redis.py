"""The check of a Redis server: a real one where there is one, and one that only hangs."""

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

redis = pytest.importorskip("redis")

from tests.support import eventually  # noqa: E402
from wsgi_observe.health import Readiness  # noqa: E402
from wsgi_observe.redis import check  # noqa: E402


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


@pytest.fixture
def real(tmp_path: Path) -> Iterator[Any]:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("there is no redis-server on PATH")
    path = f"{tmp_path}/redis.sock"
    command = [server, "--port", "0", "--unixsocket", path, "--save", "", "--dir", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    with redis.Redis(unix_socket_path=path, max_connections=1) as client:
        eventually(lambda: Path(path).exists())
        yield client
    process.kill()
    process.wait()


def test_a_server_that_answers_is_ready(real: Any) -> None:
    assert Readiness({"cache": check(real)}).report().ready


def test_one_connection_serves_every_run(real: Any) -> None:
    readiness = Readiness({"cache": check(real)}, ttl=0)
    assert all(readiness.report().ready for _ in range(20))
    assert len(real.client_list()) == 1


def test_a_server_that_refuses_is_not_ready() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with (
        redis.Redis(port=port, retry=None) as client,
        pytest.raises(redis.ConnectionError, match="refused"),
    ):
        check(client)()


def test_a_server_that_hangs_costs_one_connection(listener: socket.socket) -> None:
    with redis.Redis(port=listener.getsockname()[1], retry=None) as client:
        readiness = Readiness({"cache": check(client)}, timeout=0.2, ttl=0)
        assert [readiness.report().ready for _ in range(5)] == [False] * 5
        connection, _ = listener.accept()
        listener.settimeout(0.2)
        with connection, pytest.raises(TimeoutError):
            listener.accept()
        eventually(lambda: not readiness.hanging)


@pytest.mark.parametrize("given", [None, "redis://localhost", redis.asyncio.Redis()], ids=type)
def test_what_is_no_synchronous_client_is_refused_at_start(given: Any) -> None:
    with pytest.raises(TypeError, match=r"client must be a redis\.Redis"):
        check(given)
