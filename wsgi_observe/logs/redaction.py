"""A line's fields and texts without secrets."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from itertools import islice
from typing import Any

from wsgi_observe.core.context import running
from wsgi_observe.core.environ import MASKED_PATH
from wsgi_observe.core.names import ACCESS_NAMES, FACTS, LINE_NAMES
from wsgi_observe.core.redact import Redactor
from wsgi_observe.logs.fields import Fields

# What only we set, or what `logging` knows of the code: no secret is in it.
_KNOWN = LINE_NAMES - {"message"}
LONG = 64
"""Characters of a path that is looked at: a credential is longer, or has its name beside it."""


class Redaction:
    """Takes secrets out of lines, or nothing where it is switched off.

    :param static: names of fields that are the same on every line.
    :param options: the settings ``redact_add``, ``redact_keep`` and ``redact_personal``.
    """

    def __init__(self, wanted: bool, static: Collection[str] = (), **options: Any) -> None:
        taken = {name.removeprefix("redact_"): value for name, value in options.items()}
        self._redactor = Redactor(**taken) if wanted else None
        self._known = _KNOWN.union(static)
        self._known_of_access = self._known | ACCESS_NAMES | {"message"}

    def static(self, fields: Mapping[str, object]) -> Fields:
        """Return the fields of every line, once."""
        if self._redactor is None:
            return dict(fields)
        return {name: self._redactor.field(name, value) for name, value in fields.items()}

    def text(self, text: str) -> str:
        """Return a text of the line's, such as a traceback."""
        redactor = self._here()
        return text if redactor is None else redactor.text(text)

    def line(self, record: logging.LogRecord, fields: Fields) -> Fields:
        """Return a record's fields: the same mapping where nothing is to be taken out."""
        if self._redactor is None:
            return fields
        line = self._path(fields)
        if FACTS in record.__dict__:  # an access line: its message is its path
            return self._some(line, line.items(), self._known_of_access)
        return self._some(line, line.items(), self._known)

    def own_line(self, line: Fields, first: int) -> Fields:
        """Return an access line's fields, of which those from number `first` on were bound."""
        if self._redactor is None:
            return line
        line = self._path(line)
        return self._some(line, islice(line.items(), first, None), self._known_of_access)

    def _here(self) -> Redactor | None:
        """Return the redactor, which knows the secrets in the running request's path."""
        scope = running()
        if self._redactor is None or scope is None or MASKED_PATH not in scope.environ:
            return self._redactor
        return self._redactor.knowing(scope.environ[MASKED_PATH][2:])

    def _path(self, line: Fields) -> Fields:
        path = line.get("path")
        if self._redactor is None or not isinstance(path, str):
            return line
        if len(path) <= LONG and "=" not in path:
            return line
        shown = self._redactor.text(path)
        if shown == path:
            return line
        return {**line, "path": shown, "message": str(line["message"]).replace(path, shown)}

    def _some(
        self, line: Fields, items: Iterable[tuple[str, object]], known: Collection[str]
    ) -> Fields:
        redactor = self._here()
        assert redactor is not None
        changed: Fields = {}
        for name, value in items:
            if name not in known:
                shown = redactor.field(name, value)
                if shown is not value:
                    changed[name] = shown
        return {**line, **changed} if changed else line
