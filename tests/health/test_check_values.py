"""What a check may be made of."""

import dataclasses
import functools
import math
from typing import Any

import pytest

from wsgi_observe.health import Check


def ping() -> None: ...


async def async_ping() -> None: ...


def generator_ping() -> Any:
    yield


async def async_generator_ping() -> Any:
    yield


@functools.wraps(lambda session: None)
def given_a_session(*args: object) -> None: ...


def needs(session: object) -> None: ...


def test_a_check_has_a_timeout_below_a_probes_second_and_is_critical() -> None:
    assert Check(ping) == Check(ping, timeout=0.8, critical=True)


@pytest.mark.parametrize(
    "fn",
    [
        pytest.param(ping, id="function"),
        pytest.param(lambda: 1, id="lambda"),
        pytest.param(functools.partial(needs, 1), id="partial"),
        pytest.param([].clear, id="method written in C"),
        pytest.param(dict, id="class"),
        pytest.param(given_a_session, id="decorator that passes in what the function requires"),
    ],
)
def test_any_callable_without_required_arguments_is_a_check(fn: Any) -> None:
    assert Check(fn).fn is fn


@pytest.mark.parametrize(
    ("fn", "said"),
    [
        pytest.param(None, "callable", id="None"),
        pytest.param("ping", "'ping'", id="name of a function"),
        pytest.param(needs, "without required arguments", id="a required argument"),
        pytest.param(async_ping, "neither async", id="async function"),
        pytest.param(functools.partial(async_ping), "neither async", id="partial of an async one"),
        pytest.param(generator_ping, "nor a generator", id="generator function"),
        pytest.param(async_generator_ping, "neither async", id="async generator function"),
        pytest.param(Check(ping), "callable", id="another check"),
    ],
)
def test_what_cannot_be_called_just_so_is_refused_at_start(fn: Any, said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Check(fn)


@pytest.mark.parametrize("timeout", [0, -1, math.nan, math.inf, -math.inf, 1e9, 10**400], ids=repr)
def test_a_timeout_that_no_probe_could_wait_for_is_refused_at_start(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout of a check must be a number of seconds above 0"):
        Check(ping, timeout=timeout)


def test_a_check_is_matched_by_its_function_and_has_a_hash_whatever_that_is() -> None:
    match Check(dict):
        case Check(fn):
            assert fn is dict

    class WithoutHash:
        __hash__ = None  # type: ignore[assignment]

        def __call__(self) -> None: ...

    assert {Check(WithoutHash()), Check(ping), Check(ping, critical=True)} >= {Check(ping)}


@pytest.mark.parametrize("timeout", [True, "1", None], ids=repr)
def test_a_timeout_that_is_no_number_is_refused_at_start(timeout: Any) -> None:
    with pytest.raises(ValueError, match=f"seconds above 0, at most 86400, got {timeout!r}"):
        Check(ping, timeout=timeout)


def test_critical_is_either_true_or_false() -> None:
    with pytest.raises(ValueError, match="critical must be True or False, got 1"):
        Check(ping, critical=1)  # type: ignore[arg-type]


def test_a_check_cannot_be_changed_but_copied_with_a_change() -> None:
    check = Check(ping, timeout=0.5, critical=False)
    with pytest.raises(dataclasses.FrozenInstanceError):
        check.timeout = 1.0  # type: ignore[misc]
    assert dataclasses.replace(check, fn=dict) == Check(dict, timeout=0.5, critical=False)
