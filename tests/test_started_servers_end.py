"""What a test starts is gone when the test is over, however it ends."""

import os
import signal
import subprocess
import sys

import pytest

from tests import support
from tests.servers.gunicorn import ROOT
from tests.support import alive, descendants, eventually, running

GUNICORN = (
    *(sys.executable, "-m", "gunicorn", "-b", "127.0.0.1:0", "-w", "2"),
    "tests.servers.matrix:app",
)
STUBBORN = """
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork()
print("http://127.0.0.1:1", flush=True)
time.sleep(60)
"""
ABANDONED = """
import os, time
if os.fork():
    print('http://127.0.0.1:1', flush=True)
time.sleep(60)
"""


def test_a_test_that_fails_leaves_no_process() -> None:
    started: list[int] = []

    def failing_test() -> None:
        with running(*GUNICORN, cwd=ROOT) as server:
            started.extend([server.process.pid, *eventually(lambda: two_below(server.process.pid))])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        failing_test()
    assert len(started) == 3
    assert not [pid for pid in started if alive(pid)]


def two_below(pid: int) -> list[int]:
    found = descendants(pid)
    return found if len(found) == 2 else []


def test_a_server_that_will_not_stop_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def impatient_test() -> None:
        with running(sys.executable, "-c", STUBBORN) as server:
            started.extend(
                [server.process.pid, *eventually(lambda: descendants(server.process.pid))]
            )
            monkeypatch.setattr(support, "PATIENCE", 0.5)

    with pytest.raises(subprocess.TimeoutExpired):
        impatient_test()
    monkeypatch.undo()
    assert len(started) == 2
    eventually(lambda: not [pid for pid in started if alive(pid)])


@pytest.mark.slow
def test_a_worker_that_outlives_its_master_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    with running(sys.executable, "-c", ABANDONED) as server:
        (worker,) = eventually(lambda: descendants(server.process.pid))
        os.kill(server.process.pid, signal.SIGKILL)
        monkeypatch.setattr(support, "PATIENCE", 0.5)  # the worker holds the output open
    eventually(lambda: not alive(worker))
