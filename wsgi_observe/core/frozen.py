"""A value that is never changed: what a frozen dataclass is, at a fraction of its import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

if TYPE_CHECKING:
    from dataclasses import Field


class _Fields:
    """The fields, made when `dataclasses` asks for them."""

    def __get__(self, instance: object, owner: type[Frozen]) -> dict[str, Field[Any]]:
        from dataclasses import make_dataclass

        classes = [base for base in reversed(owner.__mro__) if base not in (object, Frozen)]
        names = dict.fromkeys(name for base in classes for name in base.__annotations__)
        declared = [(name, Any, owner._field(name)) for name in names]
        made: Any = make_dataclass(owner.__name__, declared, kw_only=True)
        fields: dict[str, Field[Any]] = made.__dataclass_fields__
        return fields


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Frozen:
    """A frozen value, by what its class annotates: told, compared and copied by that.

    `dataclasses` brings `inspect` along and compiles each class anew, together a third of what
    `import wsgi_observe` took. Type checkers see a dataclass here (PEP 681), and so does
    `dataclasses`: its ``replace``, ``fields`` and ``asdict`` work.
    """

    __dataclass_fields__: ClassVar[Any] = _Fields()

    def __init__(self, **values: Any) -> None:
        vars(self).update(self._fit(values))

    def _fit(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return what is kept of the values given; here a subclass refuses what does not fit."""
        return values

    @classmethod
    def _is_shown(cls, name: str) -> bool:
        """Tell whether the ``repr`` has it; it leaves out what is secret."""
        return True

    @classmethod
    def _field(cls, name: str) -> Any:
        """Return one of the fields that `dataclasses` asks for."""
        from dataclasses import field

        return field(repr=cls._is_shown(name))

    def replace(self, **changes: Any) -> Self:
        """Return a copy with these changes; they are checked like those given at first."""
        return type(self)(**{**vars(self), **changes})

    __replace__ = replace  # copy.replace, Python 3.13

    def __setattr__(self, name: str, value: object) -> None:
        self._refuse(name)

    def __delattr__(self, name: str) -> None:
        self._refuse(name)

    def _refuse(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"{type(self).__name__} is frozen; its {name} cannot be changed")

    def __repr__(self) -> str:
        shown = (f"{name}={value!r}" for name, value in vars(self).items() if self._is_shown(name))
        return f"{type(self).__name__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(tuple(vars(self).values()))
