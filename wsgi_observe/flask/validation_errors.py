"""Messages of a validation library's exception, by the field that they are about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

NO_FIELD = "_schema"
"""The key of messages about no field in particular, named as in marshmallow."""

_FieldErrors = Iterator[tuple[str, str]]


def errors_by_field(error: BaseException) -> dict[str, list[str]]:
    """Return messages by the path of their field, such as ``items.0.name``.

    Exceptions of marshmallow and pydantic are recognised by their attributes: neither library is
    imported. The client's input is left out: pydantic's ``input`` may be a password.
    """
    errors: dict[str, list[str]] = {}
    for path, message in _iter_errors(error):
        errors.setdefault(path, []).append(message)
    return errors


def _iter_errors(error: BaseException) -> _FieldErrors:
    messages = getattr(error, "messages", None)
    if messages is not None:
        return _iter_marshmallow_errors(messages, "")
    get_errors = getattr(error, "errors", None)
    return _iter_pydantic_errors(get_errors()) if callable(get_errors) else iter(())


def _iter_marshmallow_errors(messages: object, path: str) -> _FieldErrors:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from _iter_marshmallow_errors(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _iter_marshmallow_errors(inner, path)
    else:
        yield path or NO_FIELD, str(messages)


def _iter_pydantic_errors(error_list: object) -> _FieldErrors:
    for field_error in error_list if isinstance(error_list, list | tuple) else ():
        path = ".".join(str(part) for part in field_error["loc"])
        yield path or NO_FIELD, str(field_error["msg"])
