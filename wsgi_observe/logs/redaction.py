"""A line's fields and texts without secrets."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Set
from functools import partial
from itertools import islice, takewhile
from operator import ne
from typing import Any

from wsgi_observe.core.masked import in_this_request
from wsgi_observe.core.names import ACCESS_NAMES, FACTS, LINE_NAMES
from wsgi_observe.core.redact import SHORTEST_LINK, Budget, Redactor
from wsgi_observe.logs.request_fields import Fields, noted_secrets

_ACCESS = "wsgi_observe.access"
_FIRST = 6  # the number of the first field that is not on each line
_OF_AN_AGENT = (1536, 150)  # the budget: characters, and steps
_MOST_PATHS, _LONGEST_PATH = 4096, 256  # that are remembered


class Redaction:
    """Takes secrets out of lines, or nothing where it is switched off.

    :param static: names of fields that are the same on every line.
    :param options: ``redact_add``, ``redact_keep``, ``redact_patterns``, ``redact_personal``.
    """

    def __init__(self, wanted: bool, static: Collection[str] = (), **options: Any) -> None:
        taken = {name.removeprefix("redact_"): value for name, value in options.items()}
        self._redactor = Redactor(**taken) if wanted else None
        self.wanted = wanted
        self.glance_at_whole = (
            _nothing_wanted if self._redactor is None else self._redactor.glance_at_whole
        )
        has_patterns = self._redactor is not None and self._redactor.has_patterns
        self.matches = self._redactor.matches if self._redactor and has_patterns else None
        """Returns whether a pattern matches in a text; None where there are no patterns."""
        self.glance = _nothing_wanted if self._redactor is None else self._redactor.glance
        # What only we set, or what `logging` knows of the code.
        self._known = LINE_NAMES.union(static)  # a set, so that all names are asked for at once
        self._known_of_access = self._known | ACCESS_NAMES
        self.clean_paths: set[str] = set()
        """Some of those that `is_clean_path` has been asked for."""
        self._last_path = ("", "")

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
        path: Any = fields.get("path", "")
        line = fields
        if redactor is not self._redactor or not self.is_clean_path(path):
            line = _with_path(fields, path, self._path(redactor, path))
        if record.name == _ACCESS and FACTS in record.__dict__:  # its message is its path
            line = _with_fields(redactor, line, _FIRST, self._known_of_access)
            line = _with_agent(redactor, line) if "user_agent" in line else line
            if self.matches is None:
                return line
            return {**line, "message": redactor.text(str(line["message"]), Budget(*_OF_AN_AGENT))}
        message: Any = line["message"]
        glance = redactor.glance
        if glance is not None and type(message) is str and glance(message):
            return _with_fields(redactor, line, _FIRST, self._known)
        budget = Budget()
        shown = redactor.text(message, budget)
        line = _with_fields(redactor, line, _FIRST, self._known, budget)
        return line if shown is message else {**line, "message": shown}

    def bound(self, fields: Fields) -> Fields:
        """Return what was bound to a request, and stands on its access line."""
        if self._redactor is None:
            return fields
        return _with_fields(in_this_request(self._redactor), fields, 0, self._known_of_access)

    def is_clean_path(self, path: str) -> bool:
        """Return whether nothing is taken out of a path."""
        if path in self.clean_paths or self._redactor is None:
            return True
        glance = self.glance
        if glance is not None and len(path) < SHORTEST_LINK and glance(path):
            self._remember_path(path)
            return True
        return self._path(self._redactor, path) == path

    def _path(self, redactor: Redactor, path: str) -> str:
        """Return what is shown of a path; the last one is remembered: all lines of a request's."""
        if redactor is not self._redactor:
            return redactor.path(path)  # it knows the secrets of this request
        last, shown = self._last_path
        if last == path:
            return shown
        shown = redactor.path(path)
        self._last_path = path, shown
        if shown == path and len(path) <= _LONGEST_PATH:
            self._remember_path(path)
        return shown

    def _remember_path(self, path: str) -> None:
        if len(self.clean_paths) >= _MOST_PATHS:
            self.clean_paths.clear()  # they come from clients
        self.clean_paths.add(path)

    def is_clean_agent(self, agent: str) -> bool:
        """Return whether nothing is taken out of a user agent."""
        if self._redactor is None:
            return True
        shown: object = self._redactor.field("user_agent", agent, Budget(*_OF_AN_AGENT))
        return shown == agent

    def is_hidden(self, name: str) -> bool:
        """Return whether no value of a field of this name is shown."""
        redactor = None if name in self._known_of_access else self._redactor
        return redactor is not None and redactor.is_sensitive(name)


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
    shown = redactor.field("user_agent", agent, Budget(*_OF_AN_AGENT))
    return line if shown is agent else {**line, "user_agent": shown}


def _with_fields(
    redactor: Redactor, line: Fields, first: int, known: Set[str], budget: Budget | None = None
) -> Fields:
    """Return the line with its fields redacted, from a number on, that are not known.

    Those for which the record's budget leaves nothing are left out.
    """
    if not line.keys() <= known:
        budget = budget or Budget()
        line = _looked_at(redactor, line, first, known, budget)
    return {**line, "truncated": True} if budget is not None and budget.has_cut else line


def _looked_at(
    redactor: Redactor, line: Fields, first: int, known: Set[str], budget: Budget
) -> Fields:
    field = redactor.field
    changed: Fields | None = None
    for name, value in islice(line.items(), first, None):
        if name not in known:
            shown = field(name, value, budget)
            if shown is not value:
                changed = line.copy() if changed is None else changed
                changed[name] = shown
            if budget.steps < 0:
                budget.has_cut = True
                seen = {*known, name, *takewhile(partial(ne, name), line)}
                return {one: kept for one, kept in (changed or line).items() if one in seen}
    return line if changed is None else changed


def _with_path(line: Fields, path: str, shown: str) -> Fields:
    """Return the line with another path, in its message too."""
    if shown == path:
        return line
    return {**line, "path": shown, "message": str(line["message"]).replace(path, shown)}
