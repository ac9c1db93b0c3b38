"""Reading objects without running their code: what they hold, a dataclass's fields."""

from __future__ import annotations

from types import GetSetDescriptorType, MemberDescriptorType
from typing import Any

# Past a metaclass of the app's own.
_mro: Any = type.__dict__["__mro__"].__get__
_dict: Any = type.__dict__["__dict__"].__get__
_DESCRIPTORS = (GetSetDescriptorType, MemberDescriptorType)


def is_dataclass(value: object) -> bool:
    """Return whether it is an object of fields; an exception is shown by its text all the same."""
    kind = type(value)
    if issubclass(kind, BaseException):
        return False
    return any("__dataclass_fields__" in _dict(one) for one in _mro(kind))


def shown_fields(value: Any) -> dict[str, object]:
    """Return a dataclass's fields, without those that are kept out of its repr, as secrets are.

    A field that is a property is left out: to read it would run it.
    """
    from dataclasses import MISSING, fields  # whoever made the value has loaded it

    held = held_by(value)
    shown = {one.name: held.get(one.name, one.default) for one in fields(type(value)) if one.repr}
    return {name: one for name, one in shown.items() if one is not MISSING}


def held_by(value: object) -> dict[str, object]:
    """Return what an object has in its ``__dict__`` and in its slots."""
    found: dict[str, object] = {}
    has_dict = False
    for kind in _mro(type(value)):
        for name, one in list(_dict(kind).items()):
            try:
                if name == "__dict__":
                    held = one.__get__(value) if type(one) in _DESCRIPTORS and not has_dict else {}
                    has_dict = True
                    found.update(held if type(held) is dict else {})
                elif type(one) is MemberDescriptorType:
                    found.setdefault(name, one.__get__(value))
            except AttributeError:  # a slot that nothing was assigned to
                continue
    return found
