"""What was wrong with which field, as a validation library says it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

WHOLE = "_schema"
"""What is wrong with no field in particular; the name is marshmallow's."""

_Found = Iterator[tuple[str, str]]


def errors_by_field(error: BaseException) -> dict[str, list[str]]:
    """Return messages by the path of their field, such as ``items.0.name``.

    Of marshmallow's and pydantic's errors, known by what they have rather than by their class:
    neither is ours to import. What the client has sent is never repeated: pydantic's ``input``
    may be a password.
    """
    errors: dict[str, list[str]] = {}
    for path, message in _all_of(error):
        errors.setdefault(path, []).append(message)
    return errors


def _all_of(error: BaseException) -> _Found:
    messages = getattr(error, "messages", None)
    if messages is not None:
        return _of_marshmallow(messages, "")
    listed = getattr(error, "errors", None)
    return _of_pydantic(listed()) if callable(listed) else iter(())


def _of_marshmallow(messages: object, path: str) -> _Found:
    if isinstance(messages, Mapping):
        for name, inner in messages.items():
            yield from _of_marshmallow(inner, f"{path}.{name}" if path else str(name))
    elif isinstance(messages, list | tuple):
        for inner in messages:
            yield from _of_marshmallow(inner, path)
    else:
        yield path or WHOLE, str(messages)


def _of_pydantic(found: object) -> _Found:
    for one in found if isinstance(found, list | tuple) else ():
        path = ".".join(str(part) for part in one["loc"])
        yield path or WHOLE, str(one["msg"])
