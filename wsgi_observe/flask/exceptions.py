"""Exceptions about invalid requests: `InvalidAPIUsage`, and those of validation libraries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from werkzeug.exceptions import HTTPException

from wsgi_observe.errors import describe_status


class InvalidAPIUsage(HTTPException):
    """Error response with a status, a message and further members, raised in a view.

    It is an ``HTTPException``, so an app's own handler for those handles it too.

    :param message: the ``description`` in the response.
    :param status_code: 400 to 599.
    :param payload: further members of the response; one that collides with ``code``, ``name``,
        ``description`` or ``request_id`` is renamed to ``extra_<key>``.
    :raises ValueError: for a status that is not an error's.
    :raises TypeError: for a payload that is not a mapping.

    >>> raise InvalidAPIUsage("Too many items.", 409, {"limit": 10})  # doctest: +SKIP
    """

    def __init__(
        self,
        message: str,
        status_code: int = 400,
        payload: Mapping[str, object] | None = None,
    ) -> None:
        if status_code not in range(400, 600):
            raise ValueError(f"status_code must be a number from 400 to 599, got {status_code!r}")
        if payload is not None and not isinstance(payload, Mapping):
            raise TypeError(f"payload must be a mapping or None, got {payload!r}")
        super().__init__(message)
        self.code = int(status_code)
        self.payload = dict(payload or {})

    @property
    def name(self) -> str:
        """The reason phrase of the status."""
        return describe_status(int(self.code or 400))[0]


_NO_FIELD = "_schema"  # the key of messages about no field in particular, as in marshmallow

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
        yield path or _NO_FIELD, str(messages)


def _iter_pydantic_errors(error_list: object) -> _FieldErrors:
    for field_error in error_list if isinstance(error_list, list | tuple) else ():
        path = ".".join(str(part) for part in field_error["loc"])
        yield path or _NO_FIELD, str(field_error["msg"])
