"""The persistent copy: what a server left in the file is read by the next one, once."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from time import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, environ
from wsgi_observe.scoreboard.persistent import PersistentFile
from wsgi_observe.scoreboard.recorder import Recorder
from wsgi_observe.scoreboard.scoreboard import Scoreboard, WorkerEntry


def die_in_a_request(path: Path, app_path: str, worker_count: int = 2) -> int:
    """Have a server keep its table at `path` and be killed in the middle of a request."""
    pid = os.fork()
    if not pid:
        try:
            file, _ = PersistentFile.open(str(path))
            worker_entry = Scoreboard.make(worker_count, 4, file).worker_entries[1]
            worker_entry.pid, worker_entry.last_seen = os.getpid(), time()
            app = Recorder(lambda *_: os.kill(os.getpid(), signal.SIGKILL), worker_entry)  # type: ignore[arg-type]
            app(environ(app_path), lambda status, headers: None)
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGKILL
    return pid


def begin(path: Path) -> list[WorkerEntry]:
    """Start and end a server that keeps its table at `path`; return what it found there."""
    file, contents = PersistentFile.open(str(path))
    Scoreboard.make(2, 4, file)
    file.close()
    found = []
    for content in contents:
        with suppress(LookupError):
            found += [one for one in Scoreboard(content).worker_entries if any(one.read_requests())]
    return found


def paths(crashed: list[WorkerEntry]) -> list[str]:
    return [request.path for one in crashed for request in one.read_requests().requests.values()]


def test_what_was_left_is_read_once(tmp_path: Path) -> None:
    file = tmp_path / "recorder"
    assert begin(file) == []
    pid = die_in_a_request(file, "/orders")
    (crashed,) = begin(file)
    assert (paths([crashed]), crashed.pid, crashed.overflow) == (["/orders"], pid, 0)
    assert crashed.last_seen > 0
    assert begin(file) == []


def test_the_file_is_its_owners_alone(tmp_path: Path) -> None:
    begin(tmp_path / "recorder")
    assert (tmp_path / "recorder").stat().st_mode & 0o777 == 0o600


def test_a_server_beside_another_takes_the_next_name_and_leaves_its_requests(
    tmp_path: Path,
) -> None:
    file = tmp_path / "recorder"
    first, _ = PersistentFile.open(str(file))
    worker_entry = Scoreboard.make(2, 4, first).worker_entries[0]
    worker_entry.pid = os.getpid()
    body = Recorder(answering(), worker_entry)(environ("/running"), lambda status, headers: None)
    assert begin(file) == []
    die_in_a_request(file, "/beside")
    assert (tmp_path / "recorder.1").exists()
    body.close()
    first.close()
    assert paths(begin(file)) == ["/beside"]
    assert begin(file) == []


def test_no_file_to_be_had_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        PersistentFile.open(str(tmp_path / "nowhere" / "recorder"))
    taken = [PersistentFile.open(str(tmp_path / "recorder"))[0] for _ in range(8)]
    with pytest.raises(OSError, match="in use by other servers"):
        PersistentFile.open(str(tmp_path / "recorder"))
    for file in taken:
        file.close()


@given(st.binary(max_size=3000), st.integers(0, 3000))
def test_any_content_is_read_without_an_error(tmp_path: Path, noise: bytes, at: int) -> None:
    file = tmp_path / "recorder"
    if not file.exists():
        die_in_a_request(file, "/orders")
        file.rename(tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    file.write_bytes((whole[:at] + noise + whole[at + len(noise) :])[: len(whole)])
    assert paths(begin(file)) in ([], ["/orders"])
