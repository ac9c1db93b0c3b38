"""The scoreboard: shared by processes, found by the ID of one, read when one has died."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from time import sleep, time

import pytest

from tests.calls import environ
from wsgi_observe.scoreboard.recorder import Recorder
from wsgi_observe.scoreboard.scoreboard import (
    REQUEST_ENTRY,
    WORKER_HEADER_SIZE,
    Scoreboard,
    encode_request,
    pack_entry,
)


@pytest.fixture
def worker(scoreboard: Scoreboard) -> Iterator[int]:
    """A process that is in the middle of a request."""
    gc.collect()  # a scoreboard of another test would be found first
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            worker_entry = scoreboard.worker_entries[2]
            worker_entry.pid = os.getpid()
            app = Recorder(lambda *_: [os.write(writing, b"!"), sleep(60)], worker_entry)
            app(environ("/stuck", HTTP_X_REQUEST_ID="abc"), lambda status, headers: None)
        finally:
            os._exit(1)
    assert os.read(reading, 1) == b"!"
    os.close(reading)
    os.close(writing)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def test_what_a_killed_worker_left_is_read(scoreboard: Scoreboard) -> None:
    pid = os.fork()
    if not pid:
        worker_entry = scoreboard.worker_entries[0]
        app = Recorder(lambda *_: os.kill(os.getpid(), signal.SIGKILL), worker_entry)  # type: ignore[arg-type]
        app(environ("/orders"), lambda status, headers: None)
    os.waitpid(pid, 0)
    worker_entry = scoreboard.worker_entries[0]
    requests, corrupt, _ = worker_entry.read_requests()
    assert ([request.path for request in requests.values()], corrupt) == (["/orders"], 0)
    worker_entry.clear()
    assert worker_entry.read_requests() == ({}, 0, 0)


def test_another_process_finds_the_scoreboard_by_the_process_id_of_a_worker(
    scoreboard: Scoreboard, worker: int
) -> None:
    other = Scoreboard.of_process(worker)
    assert other.pid == os.getpid()
    (worker_entry,) = [
        worker_entry for worker_entry in other.worker_entries if worker_entry.pid == worker
    ]
    assert [request.path for request in worker_entry.read_requests().requests.values()] == [
        "/stuck"
    ]


def test_a_process_without_a_scoreboard_differs_from_one_that_does_not_exist() -> None:
    without = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with without, pytest.raises(LookupError, match="has no shared memory"):
        Scoreboard.of_process(without.pid)
    gone = os.fork() or os._exit(0)  # type: ignore[func-returns-value]
    os.waitpid(gone, 0)
    with pytest.raises(ProcessLookupError):
        Scoreboard.of_process(gone)


def test_a_corrupt_entry_is_counted_and_the_others_are_read(scoreboard: Scoreboard) -> None:
    worker_entry = scoreboard.worker_entries[0]
    first, second, *_ = worker_entry.request_offsets
    scoreboard.memory[first] = 1
    entry = pack_entry(encode_request("abc", "GET", "/whole"), time())
    scoreboard.memory[second : second + REQUEST_ENTRY.size] = entry
    requests, corrupt, _ = worker_entry.read_requests()
    assert ([request.path for request in requests.values()], corrupt) == (["/whole"], 1)


def test_worker_entries_do_not_overlap(scoreboard: Scoreboard) -> None:
    for number, worker_entry in enumerate(scoreboard.worker_entries):
        (
            worker_entry.pid,
            worker_entry.overflow,
            worker_entry.stacks_answered,
            worker_entry.booted,
            worker_entry.signal,
        ) = number, 9, 9, True, 9
        scoreboard.memory[
            worker_entry.request_offsets.start : worker_entry.request_offsets.stop
        ] = b"\xff" * len(
            scoreboard.memory[
                worker_entry.request_offsets.start : worker_entry.request_offsets.stop
            ]
        )
        assert worker_entry.offset + WORKER_HEADER_SIZE == worker_entry.request_offsets.start
    assert [worker_entry.pid for worker_entry in scoreboard.worker_entries] == [0, 1, 2]
    scoreboard.worker_entries[1].clear()
    assert [worker_entry.pid for worker_entry in scoreboard.worker_entries] == [0, 0, 2]
    assert [worker_entry.overflow for worker_entry in scoreboard.worker_entries] == [9, 0, 9]


@pytest.mark.parametrize(
    "content", [b"", b"other", b"x" * 5000, b"wsgifly\x03", b"wsgifly\x03" + b"\xff" * 200]
)
def test_what_is_no_scoreboard_is_refused(content: bytes) -> None:
    with pytest.raises(LookupError):
        Scoreboard(bytearray(content))
