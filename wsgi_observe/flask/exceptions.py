"""`InvalidAPIUsage`: the exception that a view raises for an invalid request."""

from __future__ import annotations

from collections.abc import Mapping

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
