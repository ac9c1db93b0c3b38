"""Puts the running request's fields on a record, for any formatter to read."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from wsgi_observe.logs.fields import ABSENT, SOMETIMES_ABSENT, fields_of


class ContextFilter(logging.Filter):
    """For a logging set-up of your own: attach it to a handler, then use ``%(request_id)s``.

    Outside a request the attributes are there too, as ``"-"``. It lets every record through.

    :param log_fields: static fields for every record.
    :param remote_addr: ``full``, ``truncated`` or ``off``.

    >>> handler.addFilter(ContextFilter())  # doctest: +SKIP
    """

    def __init__(
        self, log_fields: Mapping[str, object] | None = None, *, remote_addr: str = "full"
    ) -> None:
        super().__init__()
        self._static = log_fields or {}
        self._remote_addr = remote_addr

    def filter(self, record: logging.LogRecord) -> bool:
        """Set the attributes; always true."""
        fields_of(record, self._static, self._remote_addr)
        for name in SOMETIMES_ABSENT:
            record.__dict__.setdefault(name, ABSENT)
        return True
