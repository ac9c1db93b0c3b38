"""Exceptions of the app's own classes, made to be raised by the doctor."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from wsgi_observe.doctor.app.frameworks import Framework

MESSAGE = "the doctor tries an error handler"


class CannotMakeError(Exception):
    """An exception class whose arguments cannot be guessed; its text is the reason."""


def make_exception(cls: type[Exception]) -> Exception:
    """Return an exception of a class, with made-up arguments where it needs some.

    :raises CannotMakeError: if it cannot be made.
    """
    names = (f"{base.__module__.partition('.')[0]}.{base.__qualname__}" for base in cls.__mro__)
    make = next(filter(None, map(_MAKERS.get, names)), _call_with_guesses)
    try:
        error = make(cls)
    except Exception as failure:
        raise CannotMakeError(f"{type(failure).__name__}: {failure}") from None
    if not isinstance(error, cls):
        raise CannotMakeError(f"there is no {cls.__name__} to be made")
    return error


def make_handled_exceptions(framework: Framework) -> Iterator[tuple[str, Exception]]:
    """Yield exceptions of the app's own classes that it has handlers for, each with its scope."""
    for scope, cls in framework.get_handled_exceptions():
        with suppress(CannotMakeError):
            yield scope, make_exception(cls)


def _call_with_guesses(cls: Any) -> Any:
    try:
        signature = inspect.signature(cls)
    except ValueError:  # the constructor is the one of a built-in exception
        return cls(MESSAGE)
    bound = signature.bind_partial()
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.VAR_POSITIONAL:
            bound.arguments[name] = () if bound.args else (MESSAGE,)
        elif parameter.default is parameter.empty and parameter.kind is not parameter.VAR_KEYWORD:
            bound.arguments[name] = _guess(parameter)
    return cls(*bound.args, **bound.kwargs)


def _guess(parameter: inspect.Parameter) -> object:
    """Return a value for an argument, by its type or else by its name."""
    annotation = parameter.annotation
    if annotation is not parameter.empty:
        text = annotation if isinstance(annotation, str) else inspect.formatannotation(annotation)
        value = _find_value(_VALUES_BY_TYPE, text)
        if value == 1:
            return _find_value(_VALUES_BY_NAME[:1], parameter.name) or 1
        if value is not None:
            return value
    value = _find_value(_VALUES_BY_NAME, parameter.name)
    return MESSAGE if value is None else value


def _find_value(values: list[tuple[str, Callable[[], object]]], text: str) -> object:
    """Return a new value for the first pattern that matches; None for none."""
    return next((make() for pattern, make in values if re.search(pattern, text, re.I)), None)


_VALUES_BY_TYPE: list[tuple[str, Callable[[], object]]] = [
    (r"^(typing\.)?(dict|mapping|mutablemapping)\b", dict),
    (r"^(typing\.)?(list|sequence|iterable|collection)\b", list),
    (r"^(typing\.)?tuple\b", tuple),
    (r"^(typing\.)?(set|frozenset)\b", set),
    (r"\bstr\b", lambda: MESSAGE),
    (r"\bbool\b", lambda: False),
    (r"\b(int|float|decimal)\b", lambda: 1),
    (r"\bbytes\b", lambda: MESSAGE.encode()),
    (r"exception\b|error\b", lambda: Exception(MESSAGE)),
]

_VALUES_BY_NAME: list[tuple[str, Callable[[], object]]] = [
    (r"status|^(http_?)?code$", lambda: 409),
    (r"^(errors|payload|details|data|extra|headers|fields|context|params|kwargs)$", dict),
    (r"^(items|messages|args|names|missing)$", list),
    (r"(^|_)(id|pk|count|quantity|available|amount|limit|seconds|price|total|number)$", lambda: 1),
    (r"^(exc|exception|original|cause|orig)$", lambda: Exception(MESSAGE)),
]


def _make_pydantic_error(_cls: Any) -> Exception:
    """Return the error of a model of one field, since pydantic has no other way to make one."""
    from pydantic import ValidationError, create_model

    try:
        create_model("Order", quantity=(int, ...))(quantity="many")
    except ValidationError as error:
        return error
    raise AssertionError


# By the first part of the module and the name of a class, or of one that it inherits from.
_MAKERS: dict[str, Callable[[Any], Exception]] = {
    "pydantic_core.ValidationError": _make_pydantic_error,
    "pydantic.ValidationError": _make_pydantic_error,
    "marshmallow.ValidationError": lambda cls: cls({"quantity": ["Not a valid integer."]}),
    "sqlalchemy.StatementError": lambda cls: cls(MESSAGE, "SELECT 1", {}, Exception(MESSAGE)),
    "sqlalchemy.DBAPIError": lambda cls: cls("SELECT 1", {}, Exception(MESSAGE)),
    "builtins.UnicodeDecodeError": lambda cls: cls("utf-8", b"\xff", 0, 1, MESSAGE),
    "builtins.UnicodeEncodeError": lambda cls: cls("ascii", "\xff", 0, 1, MESSAGE),
    "builtins.OSError": lambda cls: (
        cls(2, MESSAGE) if _is_builtin(cls) else _call_with_guesses(cls)
    ),
}


def _is_builtin(cls: type) -> bool:
    return cls.__module__ == "builtins"
