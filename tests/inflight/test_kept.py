"""The table in a file: what a server left there is read by the next one, once."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from time import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, environ
from wsgi_observe.scoreboard.persistent import Left, open_kept
from wsgi_observe.scoreboard.recorder import InFlight, Recorder
from wsgi_observe.scoreboard.scoreboard import Table


def die_in_a_request(path: Path, app_path: str, seats: int = 2) -> int:
    """Have a server keep its table at `path` and be killed in the middle of a request."""
    pid = os.fork()
    if not pid:
        try:
            descriptor, _ = open_kept(str(path))
            seat = Table.make(seats, 4, descriptor).seat(1)
            seat.pid, seat.seen = os.getpid(), time()
            app = InFlight(lambda *_: os.kill(os.getpid(), signal.SIGKILL), Recorder(seat))  # type: ignore[arg-type]
            app(environ(app_path), lambda status, headers: None)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    return pid


def begin(path: Path) -> list[Left]:
    """Start and end a server that keeps its table at `path`; return what it found there."""
    descriptor, left = open_kept(str(path))
    Table.make(2, 4, descriptor)
    os.close(descriptor)
    return left


def paths(left: list[Left]) -> list[str]:
    return [flight.path for one in left for flight in one.found.flights.values()]


def test_what_was_left_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "recorder"
    assert begin(file) == []
    pid = die_in_a_request(file, "/orders")
    (left,) = begin(file)
    assert (paths([left]), left.pid, left.beyond) == (["/orders"], pid, 0)
    assert left.seen > 0
    assert begin(file) == []


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    begin(tmp_path / "recorder")
    assert (tmp_path / "recorder").stat().st_mode & 0o777 == 0o600


def test_a_server_beside_another_takes_the_next_name_and_leaves_its_requests(
    tmp_path: Path,
) -> None:
    file = tmp_path / "recorder"
    first, _ = open_kept(str(file))
    seat = Table.make(2, 4, first).seat(0)
    seat.pid = os.getpid()
    body = InFlight(answering(), Recorder(seat))(environ("/running"), lambda status, headers: None)
    assert begin(file) == []
    die_in_a_request(file, "/beside")
    assert (tmp_path / "recorder.1").exists()
    body.close()
    os.close(first)
    assert paths(begin(file)) == ["/beside"]
    assert begin(file) == []


def test_no_file_to_be_had_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        open_kept(str(tmp_path / "nowhere" / "recorder"))
    taken = [open_kept(str(tmp_path / "recorder"))[0] for _ in range(8)]
    with pytest.raises(OSError, match="other servers'"):
        open_kept(str(tmp_path / "recorder"))
    for descriptor in taken:
        os.close(descriptor)


@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_any_content_is_read_without_an_error(tmp_path: Path, noise: bytes, at: int) -> None:
    file = tmp_path / "recorder"
    if not file.exists():
        die_in_a_request(file, "/orders")
        file.rename(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    file.write_bytes((whole[:at] + noise + whole[at + len(noise) :])[: len(whole)])
    assert paths(begin(file)) in ([], ["/orders"])
