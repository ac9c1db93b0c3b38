"""Nested data: a redacted copy, whatever is in it and however deep."""

import copy
import json
from collections import OrderedDict, namedtuple
from collections.abc import Mapping
from dataclasses import dataclass, field, make_dataclass
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType, SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.redaction.test_sensitive_names import SENSITIVE
from wsgi_observe.redaction import REDACTED, Redactor

REDACTOR = Redactor()
SECRET = "hunter2hunter2"

Login = namedtuple("Login", ["name", "password"])


@dataclass
class User:
    name: str = "jane"
    password: str = SECRET
    note: Any = field(default=None)


class Slotted:
    __slots__ = ("name", "secret")

    def __init__(self) -> None:
        self.name, self.secret = "jane", SECRET

    def __str__(self) -> str:
        return f"<Slotted {self.name} {self.secret}>"


class Loose:
    def __init__(self) -> None:
        self.api_key, self.order = SECRET, 7

    def __repr__(self) -> str:
        return f"<Loose {self.order} with {self.api_key}>"


class Case(Mapping[str, Any]):
    def __init__(self, **items: Any) -> None:
        self.items_ = items

    def __getitem__(self, key: str) -> Any:
        return self.items_[key]

    def __iter__(self) -> Any:
        return iter(self.items_)

    def __len__(self) -> int:
        return len(self.items_)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ({"password": SECRET, "page": 2}, {"password": REDACTED, "page": 2}),
        ({"a": [{"b": ({"token": SECRET},)}]}, {"a": [{"b": ({"token": REDACTED},)}]}),
        ({"a": [f"password={SECRET}"]}, {"a": ["password=[REDACTED]"]}),
        ({"password": {"a": [SECRET]}}, {"password": REDACTED}),
        ({"password": "", "otp": 123456}, {"password": REDACTED, "otp": REDACTED}),
        ([("Cookie", SECRET), ("Host", "a")], [("Cookie", REDACTED), ("Host", "a")]),
        ([["X-Api-Key", SECRET], ["Host", "a"]], [["X-Api-Key", REDACTED], ["Host", "a"]]),
        ([(b"Cookie", SECRET.encode())], [(b"Cookie", REDACTED)]),
        ({b"password": SECRET}, {b"password": REDACTED}),
        ({1: {"password": SECRET}}, {1: {"password": REDACTED}}),
        (["psql", "--token", SECRET, "db"], ["psql", "--token", REDACTED, "db"]),
        (("--token", SECRET), ("--token", REDACTED)),
        ((f"--password={SECRET}", "shop"), ("--password=[REDACTED]", "shop")),
        ([b"-password", SECRET.encode(), b"db"], [b"-password", REDACTED, b"db"]),
        ([f"DB_PASSWORD={SECRET}", "sh"], ["DB_PASSWORD=[REDACTED]", "sh"]),
        (
            {"env": [{"name": "DB_PASSWORD", "value": SECRET}, {"name": "HOME", "value": "/"}]},
            {"env": [{"name": "DB_PASSWORD", "value": REDACTED}, {"name": "HOME", "value": "/"}]},
        ),
        ({"Key": "ApiKey", "Value": [SECRET]}, {"Key": "ApiKey", "Value": REDACTED}),
        (
            {"loc": ("user", "password"), "msg": "too short", "input": SECRET},
            {"loc": ("user", "password"), "msg": "too short", "input": REDACTED},
        ),
        ({f"token={SECRET}": "a"}, {"token=[REDACTED]": REDACTED}),
        ({"tokens": 512, "has_password": True}, {"tokens": 512, "has_password": True}),
        ({f"password={SECRET}", "a"}, {"password=[REDACTED]", "a"}),
        (f"password={SECRET}".encode(), b"password=[REDACTED]"),
        (Login("jane", SECRET), Login("jane", REDACTED)),
        (OrderedDict(password=SECRET, a=1), {"password": REDACTED, "a": 1}),
        (MappingProxyType({"password": SECRET}), {"password": REDACTED}),
        (Case(password=SECRET, a=1), {"password": REDACTED, "a": 1}),
        (User(), {"name": "jane", "password": REDACTED, "note": None}),
        ([User()], [{"name": "jane", "password": REDACTED, "note": None}]),
        (Slotted(), "<Slotted jane [REDACTED]>"),
        (Loose(), "<Loose 7 with [REDACTED]>"),
        (
            SimpleNamespace(user="jane", password=SECRET),
            "namespace(user='jane', password='[REDACTED]')",
        ),
        (ValueError(f"password={SECRET}"), "password=[REDACTED]"),
        ({"QUERY_STRING": f"code={SECRET}&page=2"}, {"QUERY_STRING": "code=[REDACTED]&page=2"}),
        ({"request_id": "Bearer abc123def"}, {"request_id": "Bearer abc123def"}),
    ],
)
def test_a_secret_goes_out_of_the_copy_and_stays_in_the_original(value, shown) -> None:
    before = copy.deepcopy(value) if not isinstance(value, MappingProxyType) else None
    made = REDACTOR.value(value)
    assert made == shown
    assert type(made) is type(shown)
    assert SECRET not in repr(made)
    if isinstance(value, (dict, list)):
        assert repr(value) == repr(before)


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, 0, -1, 1.5, float("inf"), 10**30, "", "text", b"\xff", (), [], {}, set()),
        datetime(2026, 11, 22, tzinfo=UTC),
        Decimal("9.99"),
        UUID(int=7),
        {"a": [1, {"b": (2, {"c"})}], "key": "value"},
        ["password", "email"],
        ["psql", "--password", "--verbose", "-h", "db"],
        {"name": "color", "value": "red"},
    ],
    ids=repr,
)
def test_what_is_harmless_is_unchanged(value) -> None:
    made = REDACTOR.value(value)
    assert made == value
    assert type(made) is type(value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**11), 10**11)  # a longer one may be the number of a card
    | st.floats(-1e11, 1e11)
    | st.text("abc 1é", max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("xyz", max_size=5), inner),
    max_leaves=12,
)


@given(JSON)
def test_data_without_a_secret_is_equal_to_its_copy(data: Any) -> None:
    assert REDACTOR.value(data) == data


def _places(data: Any) -> list[dict[str, Any]]:
    inner = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    below = [place for item in inner for place in _places(item)]
    return [data, *below] if isinstance(data, dict) else below


@given(JSON.filter(_places), st.sampled_from(SENSITIVE), JSON, st.data())
def test_a_secret_anywhere_under_any_sensitive_name_goes_and_nothing_else(
    data: Any, name: str, secret: Any, drawn: st.DataObject
) -> None:
    place = drawn.draw(st.sampled_from(_places(data)))
    place[name] = [SECRET, secret]
    made = REDACTOR.value(data)
    assert SECRET not in repr(made)
    assert REDACTOR.value(made) == made
    place[name] = REDACTED
    assert made == data


@given(JSON, st.sampled_from(SENSITIVE))
def test_a_field_is_judged_by_its_name(value: Any, name: str) -> None:
    # Under some names a number is a count.
    if value is not None and not isinstance(value, (bool, int, float)):
        assert REDACTOR.field(name, value) == REDACTED
    assert REDACTOR.field("order", value) == value


@pytest.mark.parametrize("value", [None, True, False])
def test_none_and_booleans_are_no_secrets_as_in_a_text(value: Any) -> None:
    shown = [
        {"password": value, b"token": value},
        [("Cookie", value), ["Cookie", value]],
        {"name": "DB_PASSWORD", "value": value},
    ]
    assert REDACTOR.value(shown) == shown
    assert REDACTOR.field("password", value) is value
    text = f"password={value}, {{'token': {value}}}, {json.dumps({'secret': value})}"
    assert REDACTOR.text(text) == text


def test_under_a_name_that_was_added_none_is_no_secret_and_a_boolean_is() -> None:
    redactor = Redactor(add=["note"])
    assert redactor.value({"note": None, "notes": True}) == {"note": None, "notes": REDACTED}
    assert redactor.text("note=None notes=True") == "note=None notes=[REDACTED]"


def test_a_count_is_shown_in_every_form_of_a_named_value() -> None:
    shown = [{"max_tokens": 512}, ("max_tokens", 512), {"name": "max_tokens", "value": 512}]
    assert REDACTOR.value(shown) == shown


PLAIN = {"order": 4711, "customer": "jane", "total": 9.5, "paid": True, "note": None}


@pytest.mark.parametrize(
    ("redactor", "more", "is_clean"),
    [
        (REDACTOR, {}, True),
        (REDACTOR, {"password": "x"}, False),
        (REDACTOR, {"url": "/a"}, False),
        (REDACTOR, {"query_string": "a"}, False),
        (REDACTOR, {"text": "token=x"}, False),
        (REDACTOR, {"a": "order 5", "b": "4111111111111111"}, False),
        (REDACTOR, {"a": "token", "b": ": x"}, False),
        (REDACTOR, {"card": 4111111111111111}, False),
        (REDACTOR, {"data": {}}, False),
        (Redactor(patterns=["^EMP"]), {}, False),
        (Redactor(personal=True), {}, False),
        (REDACTOR.with_secrets(["jane"]), {}, False),
    ],
)
def test_fields_are_clean_only_if_none_of_them_is_redacted(
    redactor: Redactor, more: dict[str, Any], is_clean: bool
) -> None:
    assert redactor.are_clean({**PLAIN, **more}) is is_clean
    assert redactor.are_clean({**PLAIN, **more}) is is_clean


def test_what_is_too_deep_is_not_shown() -> None:
    deep: Any = SECRET
    for _ in range(1000):
        deep = {"a": [deep]}
    assert REDACTED in repr(REDACTOR.value(deep))
    assert SECRET not in repr(REDACTOR.value(deep))


@pytest.mark.parametrize(
    "large",
    [
        pytest.param([SECRET] * 20_000, id="a list"),
        pytest.param({str(number): SECRET for number in range(20_000)}, id="a mapping"),
        pytest.param([[SECRET] * 200] * 200, id="many lists"),
        pytest.param(range(10**9), id="a range"),
    ],
)
def test_what_is_too_large_is_not_shown(large: Any) -> None:
    assert len(repr(REDACTOR.value({"a": large}))) < 300_000


def test_a_cycle_is_named() -> None:
    cycle: dict[str, Any] = {"password": SECRET}
    cycle["self"] = [cycle]
    assert REDACTOR.value(cycle) == {"password": REDACTED, "self": ["<a cycle>"]}


class Hostile:
    def __str__(self) -> str:
        raise ValueError(SECRET)

    __repr__ = __str__


class HostileMapping(Case):
    def items(self) -> Any:
        raise ValueError(SECRET)


class HostileAttributes:
    __slots__ = ("password",)

    def __init__(self) -> None:
        self.password = SECRET

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(SECRET)

    def __str__(self) -> str:
        return SECRET


called: list[str] = []


def _noting(name: str) -> Any:
    def method(self: Any, *arguments: Any) -> Any:
        called.append(name)
        raise KeyboardInterrupt(name)

    return method


# `str` and `repr` are what logging itself would ask for.
_CODE = {
    name: _noting(name)
    for name in (
        *("__getattr__", "__getattribute__", "__iter__", "__len__", "__contains__", "__bool__"),
        *("__getitem__", "__eq__", "__ne__", "__lt__", "__hash__", "__index__", "__int__"),
        *("__float__", "__bytes__", "__format__", "__sizeof__", "__dir__", "__missing__"),
        *("keys", "items", "values", "get", "decode", "encode", "isoformat", "__reversed__"),
        *("_asdict", "__html__", "__json__", "__fspath__", "__instancecheck__", "__call__"),
    )
} | {
    name: property(_noting(name))
    for name in ("__class__", "__dict__", "__mro__", "password", "api_key", "__dataclass_fields__")
}
_TEXT = {"__str__": lambda _: "shown", "__repr__": lambda _: "shown"}


def _armed(base: type, **more: Any) -> type:
    """Return a class all of whose code, but for its text, notes that it runs, and raises."""
    return type("Armed", (base,), {**_CODE, **_TEXT, **more})


Field = make_dataclass("Field", [("name", str), ("password", str)])
_FIELDS = {"__dataclass_fields__": Field.__dataclass_fields__}
_SLOTS = {"__slots__": ("token_of_it", "secret")}

ARMED = {
    "an object": lambda: _armed(object)(),
    "an object with slots": lambda: _armed(object, **_SLOTS)(),
    "a dict": lambda: _armed(dict)(password=SECRET, a=[1]),
    "a list": lambda: list.__new__(_armed(list)),
    "a tuple": lambda: tuple.__new__(_armed(tuple), [("password", SECRET), 1]),
    "a namedtuple": lambda: tuple.__new__(_armed(Login), ["jane", SECRET]),
    "a set": lambda: set.__new__(_armed(set)),
    "a frozenset": lambda: frozenset.__new__(_armed(frozenset), ["a"]),
    "a text": lambda: str.__new__(_armed(str), f"password={SECRET}"),
    "bytes": lambda: bytes.__new__(_armed(bytes), f"password={SECRET}".encode()),
    "a bytearray": lambda: bytearray.__new__(_armed(bytearray)),
    "a whole number": lambda: int.__new__(_armed(int), 4111111111111111),
    "a float": lambda: float.__new__(_armed(float), 1.5),
    "an exception": lambda: Exception.__new__(_armed(Exception), SECRET),
    "a dataclass": lambda: object.__new__(_armed(Field, **_FIELDS)),
}
PLACES = {
    "alone": lambda one: one,
    "in a list": lambda one: [one, one],
    "in a pair": lambda one: (one, one),
    "behind a name": lambda one: {"order": one},
    "behind a sensitive name": lambda one: {"password": one},
    "beside a name": lambda one: {"name": one, "value": one, "loc": [one]},
    "behind an option": lambda one: ["--password", one, one],
    "in a tuple with names": lambda one: Login(one, one),
    "in a field": lambda one: Field(one, one),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES)
@pytest.mark.parametrize("make", ARMED.values(), ids=ARMED)
def test_no_code_of_an_objects_own_is_run_but_for_its_text(make: Any, place: Any) -> None:
    value = place(make())
    called.clear()
    REDACTOR.value(value)
    REDACTOR.field("order", value)
    REDACTOR.field("password", value)
    assert called == []


def test_an_object_that_is_a_key_is_shown_as_its_text() -> None:
    key = Login("jane", SECRET)
    made = REDACTOR.value({key: 1, f"password={SECRET}".encode(): 2, None: 3, (1, 2): 4})
    assert SECRET not in repr(made)
    assert [*made.values()] == [1, 2, 3, 4]
    assert json.loads(json.dumps({str(name): one for name, one in made.items()}))


class HostileLength(list[Any]):
    def __len__(self) -> int:
        raise OSError(SECRET)


HOSTILE = {
    "no text": Hostile,
    "no items": lambda: HostileMapping(a=1),
    "no attributes": HostileAttributes,
    "no length": lambda: HostileLength([("password", SECRET)]),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE)
def test_what_cannot_be_read_harms_nothing_and_is_not_shown(make: Any) -> None:
    made = REDACTOR.value({"a": [make()], "b": 2})
    assert made["b"] == 2
    assert SECRET not in repr(made)


@pytest.mark.parametrize(
    ("headers", "shown"),
    [
        ({"Cookie": "a=b", "Host": "x"}, {"Cookie": REDACTED, "Host": "x"}),
        ([("Cookie", "a=b"), ("Host", "x")], [("Cookie", REDACTED), ("Host", "x")]),
        ([["Authorization", "Bearer x"]], [["Authorization", REDACTED]]),
        ({"Referer": "http://u:p@h/"}, {"Referer": "http://u:[REDACTED]@h/"}),
        ({"Host": "x", "Accept": "*/*"}, {"Host": "x", "Accept": "*/*"}),
        ((("X-Api-Key", "a"),), (("X-Api-Key", REDACTED),)),
    ],
)
def test_headers_keep_their_shape(headers: Any, shown: Any) -> None:
    assert REDACTOR.headers(headers) == shown


def test_threads_share_a_redactor() -> None:
    from concurrent.futures import ThreadPoolExecutor

    def work(number: int) -> bool:
        text = f"name_{number % 7}={number}, password={SECRET}{number}"
        return REDACTOR.text(text) == f"name_{number % 7}={number}, password=[REDACTED]"

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(2000)))
