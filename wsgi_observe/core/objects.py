"""A dataclass as what may be told of it: its fields."""

from __future__ import annotations

from typing import Any


def is_dataclass(value: object) -> bool:
    """Return whether it is an object of fields; an exception is shown by its text all the same."""
    return hasattr(type(value), "__dataclass_fields__") and not isinstance(value, BaseException)


def shown_fields(value: Any) -> dict[str, object]:
    """Return a dataclass's fields, without those that are kept out of its repr, as secrets are."""
    from dataclasses import fields  # whoever made the value has loaded it

    shown = [one.name for one in fields(value) if one.repr]
    return {name: getattr(value, name) for name in shown if hasattr(value, name)}
