"""The error that an app raises for a request that makes no sense to it."""

from __future__ import annotations

from collections.abc import Mapping

from werkzeug.exceptions import HTTPException

from wsgi_observe.errors.statuses import describe_status


class InvalidAPIUsage(HTTPException):
    """Raise it in a view: the client gets the status, the message, and the payload's keys.

    It is an ``HTTPException``, so that an app's own handler for those gets it as well.

    :param message: the ``description`` that the client reads.
    :param status_code: 400 to 599.
    :param payload: further members of the answer; one that collides with ``code``, ``name``,
        ``description`` or ``request_id`` is kept as ``extra_<key>``.
    :raises ValueError: for a status that is none of an error.
    :raises TypeError: for a payload that is no mapping.

    >>> raise InvalidAPIUsage("Too many items.", 409, {"limit": 10})  # doctest: +SKIP
    """

    def __init__(
        self,
        message: str,
        status_code: int = 400,
        payload: Mapping[str, object] | None = None,
    ) -> None:
        if status_code not in range(400, 600):
            raise ValueError(f"status_code must be an error's, 400 to 599, got {status_code!r}")
        if payload is not None and not isinstance(payload, Mapping):
            raise TypeError(f"payload must be a mapping or None, got {payload!r}")
        super().__init__(message)
        self.code = int(status_code)
        self.payload = dict(payload or {})

    @property
    def name(self) -> str:
        """The status's name."""
        return describe_status(int(self.code or 400))[0]
