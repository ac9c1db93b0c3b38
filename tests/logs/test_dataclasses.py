"""Dataclasses in a record: told as objects, wherever they stand and however odd they are."""

import logging
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest

from tests.support import strict_json
from wsgi_observe.logs import ConsoleFormatter, JsonFormatter, join


@dataclass
class Item:
    name: str
    price: float = 1.5
    kind: ClassVar[str] = "item"


@dataclass(frozen=True, slots=True)
class Order:
    number: int
    items: tuple[Item, ...] = ()


@dataclass
class Mute:
    name: str = "mute"

    def __repr__(self) -> str:
        raise ValueError("no text")


@dataclass
class Cyclic:
    name: str
    itself: Any = None


@dataclass
class Login:
    user: str
    password: str = field(repr=False)


@dataclass(slots=True)
class Unset:
    there: int = 1
    missing: int = field(init=False)


@dataclass
class Raising:
    name: str

    def __getattribute__(self, name: str) -> Any:
        if name == "name":
            raise ValueError("no")
        return super().__getattribute__(name)


@dataclass
class RefusedError(Exception):
    reason: str

    def __str__(self) -> str:
        return f"refused: {self.reason}"


@dataclass
class Rows(dict[str, int]):
    table: str = "orders"


def cyclic() -> Cyclic:
    made = Cyclic("round")
    made.itself = [made]
    return made


ITEM = {"name": "tea", "price": 1.5}

TOLD = [
    pytest.param(Item("tea"), ITEM, id="plain"),
    pytest.param(Order(7, (Item("tea"),)), {"number": 7, "items": [ITEM]}, id="frozen, slots"),
    pytest.param({"a": [Item("tea")]}, {"a": [ITEM]}, id="nested"),
    pytest.param(Mute(), {"name": "mute"}, id="repr that raises"),
    pytest.param(cyclic(), {"name": "round", "itself": ["<a cycle>"]}, id="cyclic"),
    pytest.param(Login("ann", "secret"), {"user": "ann"}, id="a field kept out of its repr"),
    pytest.param(Unset(), {"there": 1}, id="a field never set"),
    pytest.param(Raising("x"), {"name": "x"}, id="a field that raises where code reads it"),
    pytest.param(RefusedError("late"), "refused: late", id="an exception"),
    pytest.param(Rows(), {}, id="a mapping"),
    pytest.param(Item("tea", float("nan")), {"name": "tea", "price": "nan"}, id="NaN in it"),
]


def record_of(message: str, *args: object, **extra: object) -> logging.LogRecord:
    record = logging.LogRecord("shop", logging.INFO, "shop.py", 1, message, args, None)
    record.__dict__.update(extra)
    return record


@pytest.mark.parametrize("encoder", ["json", "orjson"])
@pytest.mark.parametrize(("value", "told"), TOLD)
def test_it_is_told_as_an_object(value: object, told: object, encoder: str) -> None:
    line = JsonFormatter(encoder=encoder).format(record_of("placed", order=value))
    assert strict_json(line)["order"] == told


@pytest.mark.parametrize(("value", "told"), TOLD)
def test_as_an_argument_it_leaves_a_line(value: object, told: object) -> None:
    message = strict_json(JsonFormatter().format(record_of("placed %s", value)))["message"]
    assert message.startswith("placed %s (its" if isinstance(value, Mute) else "placed ")


@pytest.mark.parametrize(("value", "told"), TOLD)
def test_on_the_console_it_is_one_line(value: object, told: object) -> None:
    assert "\n" not in ConsoleFormatter().format(record_of("placed", order=value))


def test_one_that_is_too_long_for_a_line_follows_in_parts() -> None:
    formatter = JsonFormatter()
    lines = formatter.lines(record_of("placed", order=Item("x" * 10_000)))
    assert all(len(line) <= 4096 for line in lines)
    assert join(lines)[0]["order"] == {"name": "x" * 10_000, "price": 1.5}
