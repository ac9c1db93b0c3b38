"""Redaction of log lines: paths, user agents and fields, each by its own rule."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from wsgi_observe.field_names import LINE_NAMES
from wsgi_observe.logs.fields import Fields
from wsgi_observe.redaction import Budget, NullRedactor, Redactor
from wsgi_observe.redaction.budget import make_room

_USER_AGENT_BUDGET = (1536, 150)  # characters, and steps
_MAX_CACHED, _MAX_CACHED_LENGTH = 4096, 256


class LineRedaction:
    """Redact the parts of lines.

    Paths and user agents without secrets are cached.

    :param is_on: whether anything is redacted.
    :param static: names of fields that are the same on every line.
    :param options: the settings ``redact_…``, as `Settings` has them.
    """

    def __init__(self, is_on: bool, static: Collection[str] = (), **options: Any) -> None:
        options = {name.removeprefix("redact_"): value for name, value in options.items()}
        self.redactor = Redactor(**options) if is_on else NullRedactor()
        # Set by us, or by `logging` from the code.
        self._own_names = LINE_NAMES.union(static)
        self._clean_paths: set[str] = set()
        self._clean_agents: set[str] = set()

    def path(self, redactor: Redactor, path: str) -> str:
        """Return a request's path without secrets.

        :param redactor: ours, or one that also knows the secrets in the paths of this request.
        """
        if redactor is not self.redactor:
            return redactor.path(path)
        if path in self._clean_paths:
            return path
        shown = redactor.path(path)
        if shown == path:
            _remember(self._clean_paths, path)
        return shown

    def user_agent(self, redactor: Redactor, user_agent: str) -> str:
        """Return a ``User-Agent`` header without secrets."""
        if redactor is self.redactor and user_agent in self._clean_agents:
            return user_agent
        shown: str = redactor.field("user_agent", user_agent, Budget(*_USER_AGENT_BUDGET))
        if redactor is self.redactor and shown == user_agent:
            _remember(self._clean_agents, user_agent)
        return shown

    def fields(
        self, redactor: Redactor, fields: Fields, budget: Budget | None = None
    ) -> tuple[Fields, bool]:
        """Return fields without secrets, and whether some are left out for lack of budget.

        Fields under names of the line itself are not redacted.
        """
        own_names = self._own_names
        if redactor.are_clean(fields):
            return fields, budget is not None and budget.has_cut
        budget = budget or Budget()
        shown: Fields = {}
        for name, value in fields.items():
            if name in own_names:
                shown[name] = value
            elif budget.steps >= 0:
                shown[name] = redactor.field(name, value, budget)
        return shown, budget.has_cut or len(shown) < len(fields)


def _remember(texts: set[str], text: str) -> None:
    if len(text) <= _MAX_CACHED_LENGTH:
        make_room(texts, _MAX_CACHED)
        texts.add(text)
