"""A line's fields and texts without secrets."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Set
from itertools import islice
from typing import Any

from wsgi_observe.core.masked import in_this_request
from wsgi_observe.core.names import ACCESS_NAMES, FACTS, LINE_NAMES
from wsgi_observe.core.redact import Redactor
from wsgi_observe.logs.request_fields import Fields, noted_secrets

_ACCESS = "wsgi_observe.access"
_FIRST = 6  # the number of the first field that is not on each line
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
        self.wanted = wanted
        self.glance = _nothing_wanted if self._redactor is None else self._redactor.glance
        # What only we set, or what `logging` knows of the code.
        self._known = LINE_NAMES.union(static)  # a set, so that all names are asked for at once
        self._known_of_access = self._known | ACCESS_NAMES

    def static(self, fields: Mapping[str, object]) -> Fields:
        """Return the fields of every line, once."""
        if self._redactor is None:
            return dict(fields)
        return {name: self._redactor.field(name, value) for name, value in fields.items()}

    def text(self, record: logging.LogRecord, text: str) -> str:
        """Return a text of a record's line, such as its traceback."""
        return text if self._redactor is None else _knowing(self._redactor, record).text(text)

    def line(self, record: logging.LogRecord, fields: Fields) -> Fields:
        """Return a record's fields: the same mapping where nothing is to be taken out."""
        if self._redactor is None:
            return fields
        redactor = _knowing(self._redactor, record)
        if record.name == _ACCESS and FACTS in record.__dict__:  # its message is its path
            line = self._some(redactor, fields, _FIRST, self._known_of_access)
            return _with_agent(redactor, line) if "user_agent" in line else line
        line = self._some(redactor, fields, _FIRST, self._known)
        message: Any = line["message"]
        shown = redactor.text(message)
        return line if shown is message else {**line, "message": shown}

    def bound(self, fields: Fields) -> Fields:
        """Return what was bound to a request, and stands on its access line."""
        if self._redactor is None:
            return fields
        return self._some(in_this_request(self._redactor), fields, 0, self._known_of_access)

    def is_clean_agent(self, agent: str) -> bool:
        """Tell whether nothing is taken out of a user agent."""
        return self._redactor is None or self._redactor.field("user_agent", agent) == agent

    def is_hidden(self, name: str) -> bool:
        """Tell whether no value of a field of this name is told."""
        redactor = None if name in self._known_of_access else self._redactor
        return redactor is not None and redactor.is_sensitive(name)

    @staticmethod
    def _some(redactor: Redactor, line: Fields, first: int, known: Set[str]) -> Fields:
        """Look at the path, and at the fields from a number on that are not known."""
        path: Any = line.get("path", "")
        if len(path) > LONG or "=" in path:
            line = _with_path(line, path, redactor.text(path))
        if line.keys() <= known:
            return line
        field = redactor.field
        changed: Fields | None = None
        for name, value in islice(line.items(), first, None):
            if name not in known:
                shown = field(name, value)
                if shown is not value:
                    changed = line.copy() if changed is None else changed
                    changed[name] = shown
        return line if changed is None else changed


def _knowing(redactor: Redactor, record: logging.LogRecord) -> Redactor:
    """Return a redactor that also knows the secrets in the path of a record's request."""
    found = in_this_request(redactor)
    if found is redactor and (secrets := noted_secrets(record.__dict__)):
        return redactor.knowing(secrets)
    return found


def _nothing_wanted(text: str) -> bool:
    return True


def _with_agent(redactor: Redactor, line: Fields) -> Fields:
    agent = line["user_agent"]
    shown = redactor.field("user_agent", agent)
    return line if shown is agent else {**line, "user_agent": shown}


def _with_path(line: Fields, path: str, shown: str) -> Fields:
    if shown == path:
        return line
    return {**line, "path": shown, "message": str(line["message"]).replace(path, shown)}
