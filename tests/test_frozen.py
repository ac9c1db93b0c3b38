"""A frozen value is the same however it was made, and stays as it is."""

import copy
import dataclasses
import pickle
import pprint
import sys
from typing import Any

import pytest

from wsgi_observe import Check, Settings, SettingsError
from wsgi_observe.errors import Error
from wsgi_observe.frozen import Frozen


class Point(Frozen):
    _field_names = ("x", "y")

    x: int
    y: int

    def __init__(self, x: int, y: int = 0) -> None:
        if x < 0:
            raise ValueError("x is below 0")
        super().__init__(x=x, y=y)

    def _is_in_repr(self, name: str) -> bool:
        return name != "y"


class Other(Point): ...


def by_copy_replace(value: Any, **changes: Any) -> Any:
    if sys.version_info < (3, 13):
        pytest.skip("copy.replace is of Python 3.13")
    return copy.replace(value, **changes)


REPLACE = [pytest.param(Point.replace, id="its own"), pytest.param(by_copy_replace, id="of copy")]


@pytest.mark.parametrize("replace", REPLACE)
def test_a_copy_has_the_change_and_the_first_stays(replace: Any) -> None:
    first = Point(1, 2)
    assert replace(first, x=3) == Point(3, 2)
    assert first == Point(1, 2)


@pytest.mark.parametrize("replace", REPLACE)
def test_a_change_is_checked_as_at_first(replace: Any) -> None:
    with pytest.raises(ValueError, match="x is below 0"):
        replace(Point(1), x=-1)
    with pytest.raises(TypeError, match="z"):
        replace(Point(1), z=1)


@pytest.mark.parametrize("name", ["x", "z"])
def test_nothing_of_it_is_set_or_deleted(name: str) -> None:
    point = Point(1)
    refusal = f"Point is frozen; its {name} cannot be changed"
    with pytest.raises(dataclasses.FrozenInstanceError, match=refusal):
        setattr(point, name, 2)
    with pytest.raises(dataclasses.FrozenInstanceError, match=refusal):
        delattr(point, name)
    assert vars(point) == {"x": 1, "y": 0}


def test_values_are_equal_by_what_they_hold_within_a_class() -> None:
    assert Point(1) == Point(1, 0) != Point(2)
    assert Point(1) != Other(1)
    assert len({Point(1), Point(y=0, x=1), Point(2)}) == 2


def test_what_somebody_has_put_beside_it_counts_for_nothing() -> None:
    point = Point(1)
    vars(point)["cached"] = 7  # as `functools.cached_property` does
    assert (point, hash(point)) == (Point(1), hash(Point(1)))
    assert point.replace(x=2) == Point(2)
    assert repr(point) == "Point(x=1)"


def test_its_repr_leaves_out_what_is_secret() -> None:
    assert repr(Point(1, 2)) == pprint.pformat(Point(1, 2)) == "Point(x=1)"


def test_a_pickle_and_a_copy_of_it_are_the_same_value() -> None:
    for copied in (pickle.loads(pickle.dumps(Point(1))), copy.deepcopy(Point(1))):
        assert copied == Point(1)


def test_a_check_and_an_error_are_matched_by_their_positions() -> None:
    match Check(dict):
        case Check(fn):
            assert fn is dict
    match Error(404, "Not Found", "", "an-id"):
        case Error(code, name, _, request_id):
            assert (code, name, request_id) == (404, "Not Found", "an-id")


@pytest.mark.parametrize("name", ["self", "cls", "name", "label"])
def test_no_other_name_is_a_setting(name: str) -> None:
    values: dict[str, Any] = {name: 1}
    with pytest.raises(SettingsError, match=f"{name}: allowed is one of"):
        Settings(**values)
    with pytest.raises(SettingsError, match=f"{name}: allowed is one of"):
        Settings().replace(**values)


def test_errors_have_members_of_their_own() -> None:
    assert Error(404, "Not Found", "").extra is not Error(404, "Not Found", "").extra
