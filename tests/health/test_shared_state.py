"""The state that a server's processes and a command share."""

import os
import subprocess
import sys
import time

import pytest

from wsgi_observe.health import HealthState, Readiness
from wsgi_observe.health.shared_state import SharedState


def test_a_drain_that_a_child_begins_is_seen_by_its_parent() -> None:
    state = SharedState()
    assert not state.draining
    child = os.fork()
    if child == 0:
        state.drain(60)
        os._exit(0)
    os.waitpid(child, 0)
    assert state.draining
    assert 0 < state.remaining_seconds <= 60
    state.resume()
    assert (state.draining, state.remaining_seconds) == (False, 0.0)


def test_another_process_finds_it_by_the_process_id() -> None:
    state = SharedState()
    state.drain_seconds = 30
    program = (
        "import sys\n"
        "from wsgi_observe.health.shared_state import SharedState\n"
        "state = SharedState.of_process(int(sys.argv[1]))\n"
        "state.drain()\n"
        "print(state.drain_seconds)\n"
    )
    command = [sys.executable, "-c", program, str(os.getpid())]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "30.0\n"
    assert state.draining
    assert 0 < state.remaining_seconds <= 30


def test_a_drain_that_runs_is_not_begun_anew() -> None:
    state = SharedState()
    state.drain(0.0)
    state.drain(600)
    assert state.remaining_seconds == 0.0
    assert state.draining


def test_a_drain_is_over_when_its_seconds_are() -> None:
    state = SharedState()
    state.drain(0.05)
    time.sleep(0.06)
    assert (state.draining, state.remaining_seconds) == (True, 0.0)


def test_starting_is_each_processes_own() -> None:
    state = SharedState()
    state.start()
    assert (state.starting, state.draining) == (True, False)
    state.ready()
    assert not state.starting


def test_a_process_without_one_is_told_apart() -> None:
    with subprocess.Popen(["sleep", "60"]) as other:
        with pytest.raises(LookupError, match="has no shared memory"):
            SharedState.of_process(other.pid)
        other.kill()
    with pytest.raises(ProcessLookupError):
        SharedState.of_process(other.pid)


@pytest.mark.parametrize("content", [b"", b"wsgiobs9" + bytes(64), bytes(8)], ids=repr)
def test_memory_of_another_kind_is_not_written_to(content: bytes) -> None:
    program = (
        "import os, sys, time\n"
        "found = os.memfd_create('wsgi_observe.state', 0)\n"
        f"os.write(found, {content!r})\n"
        "print('made', flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", program]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "made\n"
        with pytest.raises(LookupError):
            SharedState.of_process(other.pid)
        other.kill()


@pytest.mark.parametrize("which", [0, 1])
def test_either_of_two_states_counts(which: int) -> None:
    states = (HealthState(), HealthState())
    both = Readiness({}, state=states[0])
    both.add_state(states[1])
    assert both.report().status == "ok"
    states[which].start()
    assert both.report().status == "starting"
    states[1 - which].drain()
    assert both.report().status == "draining"
