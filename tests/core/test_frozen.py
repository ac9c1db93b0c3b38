"""A frozen value is what a frozen dataclass is, to Python and to whoever holds one."""

import copy
import dataclasses
import pickle
import sys
from typing import Any

import pytest

from wsgi_observe import Check, Settings
from wsgi_observe.core.envelope import Error
from wsgi_observe.core.frozen import Frozen


class Point(Frozen):
    x: int
    y: int = 0

    def _fit(self, values: dict[str, Any]) -> dict[str, Any]:
        if values["x"] < 0:
            raise ValueError("x is below 0")
        return {"y": 0, **values}

    @classmethod
    def _is_shown(cls, name: str) -> bool:
        return name != "y"


class Other(Point): ...


def ping() -> None: ...


def by_copy_replace(value: Any, **changes: Any) -> Any:
    if sys.version_info < (3, 13):
        pytest.skip("copy.replace is of Python 3.13")
    return copy.replace(value, **changes)


REPLACE = [
    pytest.param(Point.replace, id="its own"),
    pytest.param(dataclasses.replace, id="of dataclasses"),
    pytest.param(by_copy_replace, id="of copy"),
]


@pytest.mark.parametrize("replace", REPLACE)
def test_a_copy_has_the_change_and_the_first_stays(replace: Any) -> None:
    first = Point(x=1, y=2)
    assert vars(replace(first, x=3)) == {"x": 3, "y": 2}
    assert vars(first) == {"x": 1, "y": 2}


@pytest.mark.parametrize("replace", REPLACE)
def test_a_change_is_checked_as_at_first(replace: Any) -> None:
    with pytest.raises(ValueError, match="x is below 0"):
        replace(Point(x=1), x=-1)


def test_nothing_of_it_is_set_or_deleted() -> None:
    point: Any = Point(x=1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="Point is frozen; its x cannot be"):
        point.x = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="Point is frozen; its z cannot be"):
        point.z = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="Point is frozen; its x cannot be"):
        del point.x
    assert vars(point) == {"x": 1, "y": 0}


def test_values_are_equal_by_what_they_hold_within_a_class() -> None:
    assert Point(x=1) == Point(x=1, y=0) != Point(x=2)
    assert Point(x=1) != Other(x=1)
    assert len({Point(x=1), Point(x=1, y=0), Point(x=2)}) == 2


def test_its_repr_leaves_out_what_is_secret() -> None:
    assert repr(Point(x=1, y=2)) == "Point(x=1)"
    assert [one.name for one in dataclasses.fields(Point(x=1)) if one.repr] == ["x"]


def test_a_pickle_and_a_copy_of_it_are_the_same_value() -> None:
    for copied in (pickle.loads(pickle.dumps(Point(x=1))), copy.deepcopy(Point(x=1))):
        assert copied == Point(x=1)


@pytest.mark.parametrize(
    ("value", "names"),
    [
        (Other(x=1), ["x", "y"]),
        (Check(ping), ["fn", "timeout", "critical"]),
        (Error(404, "Not Found", ""), ["code", "name", "description", "request_id", "extra"]),
    ],
    ids=["a subclass", "Check", "Error"],
)
def test_dataclasses_sees_the_fields_of(value: Any, names: list[str]) -> None:
    assert dataclasses.is_dataclass(value)
    assert [field.name for field in dataclasses.fields(value)] == names
    assert list(dataclasses.asdict(value)) == names


def test_dataclasses_sees_the_settings_with_their_defaults() -> None:
    fields = dataclasses.fields(Settings)
    assert [field.name for field in fields] == list(vars(Settings()))
    defaults = {field.name: field.default for field in fields}
    assert (defaults["check_ttl"], defaults["log_level"]) == (2.0, "INFO")
    assert [field.name for field in fields if not field.repr] == ["user_key", "mail_password"]
