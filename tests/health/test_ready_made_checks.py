"""The ready-made checks, against real sockets and a real disk."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wsgi_observe.health import Readiness
from wsgi_observe.health.checks import disk_free, tcp


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener


def test_tcp_passes_where_something_listens(listener: socket.socket) -> None:
    host, port = listener.getsockname()
    assert Readiness({"broker": tcp(host, port)}).report().ready


def test_tcp_leaves_no_connection_open(listener: socket.socket) -> None:
    tcp(*listener.getsockname())()
    connection, _ = listener.accept()
    with connection:
        connection.settimeout(20)
        assert connection.recv(1) == b""


def test_tcp_says_what_it_could_not_connect_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectionError, match=rf"no connection to 127\.0\.0\.1:{port}: .*refused"):
        tcp("127.0.0.1", port)()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("", 80), "host must be a name", id="empty host"),
        pytest.param(("a b", 80), "got 'a b'", id="space in the host"),
        pytest.param(("a\n", 80), "host must be", id="newline in the host"),
        pytest.param((b"a", 80), "got b'a'", id="bytes as host"),
        pytest.param(("a", 0), "port must be a whole number from 1 to 65535, got 0", id="port 0"),
        pytest.param(("a", 65536), "got 65536", id="port too large"),
        pytest.param(("a", "80"), "got '80'", id="port as text"),
        pytest.param(("a", 80.0), "got 80.0", id="port as a float"),
        pytest.param(("a", True), "got True", id="port as a bool"),
    ],
)
def test_tcp_refuses_at_start_what_cannot_be_connected_to(
    arguments: tuple[Any, Any], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        tcp(*arguments)


def test_tcp_refuses_a_timeout_of_nothing() -> None:
    with pytest.raises(ValueError, match="timeout must be a number of seconds above 0"):
        tcp("localhost", 80, timeout=0)


def test_disk_free_passes_with_room_enough(tmp_path: Path) -> None:
    assert disk_free(tmp_path, 1e-9)().endswith(f" % of {tmp_path} is free")


def test_disk_free_says_how_much_is_missing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=rf"% of {tmp_path} is free, 100 % is needed"):
        disk_free(str(tmp_path), 100 - 1e-9)()


def test_disk_free_fails_where_there_is_no_such_path(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        disk_free(tmp_path / "nowhere", 5)()


def test_disk_free_fails_where_there_is_no_size() -> None:
    with pytest.raises(OSError, match="/proc is on a file system without a size"):
        disk_free("/proc", 5)()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("/", 0), "percent must be a number above 0 and below 100", id="0"),
        pytest.param(("/", 100), "got 100", id="100"),
        pytest.param(("/", float("nan")), "got nan", id="not a number"),
        pytest.param(("/", "5%"), "got '5%'", id="percent as text"),
        pytest.param(("", 5), "path must name", id="empty path"),
        pytest.param((7, 5), "path must be a str or a path, got 7", id="descriptor"),
    ],
)
def test_disk_free_refuses_at_start_what_cannot_be_measured(
    arguments: tuple[Any, Any], said: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        disk_free(*arguments)
