"""``error_id``: the fingerprint of a failure, which groups its ERROR lines."""

import functools
import logging
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import call, raising
from tests.conftest import Log
from wsgi_observe import observe
from wsgi_observe.logs.error_id import get_error_id

ROOT = Path(__file__).parents[2]


def error_id_of(fail: Callable[..., object], *args: Any) -> str:
    try:
        fail(*args)
    except BaseException as error:
        return get_error_id(error)
    raise AssertionError("it raised nothing")


def divide(by: int) -> float:
    return 1 / by


def look_up(name: str) -> object:
    return {}[name]


def test_it_is_on_the_error_line_as_twelve_hexadecimal_digits(log: Log) -> None:
    error = ValueError("x")
    call(observe(raising(error)))
    assert re.fullmatch("[0-9a-f]{12}", log.error["error_id"])
    assert log.error["error_id"] == get_error_id(error)


def test_a_line_without_an_exception_has_none(log: Log) -> None:
    logging.getLogger("shop").error("hello")
    assert "error_id" not in log.error


def test_it_does_not_depend_on_the_message() -> None:
    assert error_id_of(look_up, "a") == error_id_of(look_up, "b")


def raise_kind(kind: type[Exception]) -> None:
    raise kind("x")


def test_it_depends_on_the_type_and_on_the_function() -> None:
    ids = [
        error_id_of(divide, 0),
        error_id_of(look_up, "a"),
        error_id_of(raise_kind, KeyError),
        error_id_of(raise_kind, ZeroDivisionError),
    ]
    assert len(set(ids)) == 4


SHOP = """
def divide(by):
    return 1 / by

def order(number):
    return divide(number)
"""
EDITED = """
import os, sys  # a release later: other lines, other code beside it


def unrelated(): return 7


def divide(by):
    result = 1 / by
    return result

def order(number):
    total = 0
    return divide(number) + total
"""
PRINT_ID = """
import sys
sys.path[:0] = [sys.argv[1], sys.argv[2]]
import shop
from wsgi_observe.logs.error_id import get_error_id
try:
    shop.order(0)
except ZeroDivisionError as error:
    print(get_error_id(error.with_traceback(error.__traceback__.tb_next)))
"""


def test_it_is_the_same_on_every_machine_and_survives_edits(tmp_path: Path) -> None:
    ids = set()
    for name, source in (("a", SHOP), ("some/where/else", EDITED)):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        (folder / "shop.py").write_text(source)
        done = subprocess.run(
            [sys.executable, "-c", PRINT_ID, folder, ROOT], capture_output=True, text=True
        )
        assert done.stderr == ""
        ids.add(done.stdout)
    assert len(ids) == 1


def timed(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


class Retried:
    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, *args: Any) -> Any:
        return self.function(*args)


@pytest.mark.parametrize(
    "decorate",
    [
        timed,
        Retried,
        lambda function: timed(timed(function)),
        functools.cache,
        functools.partial,
        lambda function: functools.partial(timed(Retried(function))),
    ],
    ids=["wraps", "a class", "twice", "of the standard library", "partial", "several"],
)
def test_decorators_do_not_count(decorate: Callable[..., Any]) -> None:
    assert error_id_of(decorate(divide), 0) == error_id_of(divide, 0)


def count_down(number: int) -> float:
    return divide(0) if number == 0 else count_down(number - 1)


def test_the_depth_of_a_recursion_does_not_count() -> None:
    assert len({error_id_of(count_down, depth) for depth in (1, 2, 300)}) == 1


def test_a_comprehension_counts_as_the_function_it_is_in() -> None:
    def plainly() -> None:
        divide(0)

    def in_a_list() -> None:
        [divide(number) for number in (1, 0)]

    in_a_list.__code__ = in_a_list.__code__.replace(co_qualname=plainly.__code__.co_qualname)
    assert error_id_of(plainly) == error_id_of(timed(plainly))
    name = error_id_of(in_a_list)
    assert re.fullmatch("[0-9a-f]{12}", name)


def wrap(kind: type[Exception], *, explicit: bool) -> None:
    try:
        divide(0)
    except ZeroDivisionError as error:
        if explicit:
            raise kind("x") from error
        raise kind("x") from None


def test_causes_count() -> None:
    assert error_id_of(functools.partial(wrap, explicit=True), KeyError) != error_id_of(
        functools.partial(wrap, explicit=False), KeyError
    )


def test_the_members_of_a_group_count() -> None:
    def fail(*kinds: type[Exception]) -> None:
        raise ExceptionGroup("x", [kind("y") for kind in kinds])

    assert error_id_of(fail, KeyError) != error_id_of(fail, ValueError)


def test_frames_of_the_library_and_the_standard_library_do_not_count() -> None:
    def in_app() -> None:
        raise ValueError

    def by_the_standard_library() -> None:
        functools.reduce(lambda *_: 1 / 0, [1, 2])

    assert error_id_of(in_app) == error_id_of(in_app)
    body = observe(raising(ZeroDivisionError()))
    del body
    assert error_id_of(by_the_standard_library) != error_id_of(in_app)


class Hostile(Exception):
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        raise RuntimeError


def raise_hostile() -> None:
    raise Hostile


def test_no_code_of_the_exceptions_own_runs() -> None:
    assert re.fullmatch("[0-9a-f]{12}", error_id_of(raise_hostile))


def test_causes_that_make_a_cycle_end() -> None:
    first, second = KeyError(), ValueError()
    first.__cause__, second.__cause__ = second, first
    assert get_error_id(first) != get_error_id(second)


def test_an_exception_that_was_never_raised_has_one() -> None:
    assert get_error_id(KeyError("a")) == get_error_id(KeyError("b"))


@given(st.text(max_size=20))
def test_functions_of_any_name_have_one(name: str) -> None:
    def fail() -> None:
        raise ValueError

    try:
        fail.__code__ = fail.__code__.replace(co_qualname=name)
    except ValueError:  # a lone surrogate, in some versions
        return
    assert re.fullmatch("[0-9a-f]{12}", error_id_of(fail))


def test_code_that_is_compiled_for_each_request_shares_no_id_by_chance() -> None:
    ids = {}
    for number in range(3000):
        space: dict[str, Any] = {"__name__": "templates"}
        exec(f"def f{number % 7}(): raise ValueError", space)
        ids.setdefault(number % 7, set()).add(error_id_of(space[f"f{number % 7}"]))
    assert [len(one) for one in ids.values()] == [1] * 7
    assert len(set.union(*ids.values())) == 7
