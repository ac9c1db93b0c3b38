"""Objects that hold a secret, in each of the forms that code has them in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import attrs
import pydantic
from sqlalchemy import create_engine, literal, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


class Login(NamedTuple):
    user: str
    password: str


@dataclass
class Account:
    user: str
    password: str


@attrs.define
class Customer:
    user: str
    password: str


class Form(pydantic.BaseModel):
    user: str
    password: str


class Base(DeclarativeBase):
    pass


class Stored(Base):
    __tablename__ = "account"
    user: Mapped[str] = mapped_column(primary_key=True)
    password: Mapped[str]

    def __repr__(self) -> str:
        return f"<Stored {self.user} {self.password}>"


class Slotted:
    """Shows what it holds without a name beside it."""

    __slots__ = ("token", "user")

    def __init__(self, user: str, token: str) -> None:
        self.user, self.token = user, token

    def __repr__(self) -> str:
        return f"<Slotted {self.user} {self.token}>"


def _row(user: str, password: str) -> Any:
    with create_engine("sqlite://").connect() as connection:
        statement = select(literal(user).label("user"), literal(password).label("password"))
        return connection.execute(statement).one()


OBJECTS: dict[str, Callable[[str], Any]] = {
    "namedtuple": lambda secret: Login("jane", secret),
    "namedtuple as a key": lambda secret: {Login("jane", secret): 1},
    "nested": lambda secret: [{"logins": (Login("jane", secret),)}],
    "dataclass": lambda secret: Account("jane", secret),
    "attrs": lambda secret: Customer("jane", secret),
    "pydantic": lambda secret: Form(user="jane", password=secret),
    "ORM object": lambda secret: Stored(user="jane", password=secret),
    "row": lambda secret: _row("jane", secret),
    "slots": lambda secret: Slotted("jane", secret),
    "namespace": lambda secret: SimpleNamespace(user="jane", password=secret),
    "pair": lambda secret: ("password", secret),
    "command line": lambda secret: ["psql", "--password", secret, "shop"],
    "name and value": lambda secret: {"name": "DB_PASSWORD", "value": secret},
    "environ": lambda secret: {"HTTP_X_API_KEY": secret, "REQUEST_METHOD": "GET"},
}


def made(secrets: Mapping[str, str]) -> dict[str, Any]:
    """Return the objects that hold some secrets, by the names of their forms."""
    return {name: OBJECTS[name](secret) for name, secret in secrets.items()}
