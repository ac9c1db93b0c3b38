"""Starting and draining."""

import pytest

from wsgi_observe.health import HealthState, Readiness


def unwanted() -> None:
    pytest.fail("a check ran")


def test_a_process_is_neither_starting_nor_draining_unless_somebody_says_so() -> None:
    state = HealthState()
    assert (state.starting, state.draining) == (False, False)


def test_a_start_ends_when_the_process_says_that_it_is_ready() -> None:
    state = HealthState(starting=True)
    readiness = Readiness({}, state=state)
    assert readiness.report().status == "starting"
    state.ready()
    assert readiness.report().status == "ok"
    state.start()
    assert readiness.report().status == "starting"


def test_a_drain_can_be_called_off() -> None:
    state = HealthState()
    readiness = Readiness({}, state=state)
    state.drain()
    assert readiness.report().status == "draining"
    state.resume()
    assert readiness.report().status == "ok"


def test_a_start_that_ends_during_a_drain_does_not_make_the_process_ready() -> None:
    state = HealthState(starting=True)
    readiness = Readiness({}, state=state)
    state.drain()
    assert readiness.report().status == "draining"
    state.ready()
    assert readiness.report().status == "draining"


@pytest.mark.parametrize("begin", [HealthState.start, HealthState.drain])
def test_while_starting_or_draining_no_check_runs_and_no_traffic_is_wanted(begin: object) -> None:
    state = HealthState()
    assert callable(begin)
    begin(state)
    report = Readiness({"db": unwanted}, state=state).report()
    assert (report.ready, report.status_code, report.checks) == (False, 503, {})


def test_a_drain_shows_at_once_even_within_the_ttl() -> None:
    readiness = Readiness({"db": dict}, ttl=600)
    assert readiness.report().ready
    readiness.state.drain()
    assert readiness.report().status == "draining"


def test_a_state_of_ones_own_may_say_where_it_is_kept() -> None:
    shared = bytearray(1)

    class Shared(HealthState):
        @property
        def draining(self) -> bool:
            return bool(shared[0])

    readiness = Readiness({}, state=Shared())
    assert readiness.report().ready
    shared[0] = 1
    assert readiness.report().status == "draining"
    assert repr(readiness.state) == "<Shared starting=False draining=True>"
