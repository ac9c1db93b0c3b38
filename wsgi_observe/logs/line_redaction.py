"""Redaction of log lines: paths, messages, tracebacks and fields, each by its own rule."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from wsgi_observe.field_names import LINE_NAMES
from wsgi_observe.logs.fields import Fields
from wsgi_observe.redaction import Budget, Redactor

_USER_AGENT_BUDGET = (1536, 150)  # characters, and steps
_MAX_REMEMBERED, _MAX_REMEMBERED_LENGTH = 4096, 256


class LineRedaction:
    """Redact the parts of lines; with `is_on` false, return them unchanged.

    Paths and user agents without secrets are cached.

    :param static: names of fields that are the same on every line.
    :param options: the settings ``redact_…``, as `Settings` has them.
    """

    def __init__(self, is_on: bool, static: Collection[str] = (), **options: Any) -> None:
        options = {name.removeprefix("redact_"): value for name, value in options.items()}
        self.redactor = Redactor(**options) if is_on else None
        self.has_patterns = self.redactor is not None and self.redactor.has_patterns
        # Set by us, or by `logging` from the code.
        self._own_names = LINE_NAMES.union(static)
        self._clean_paths: set[str] = set()
        self._clean_agents: set[str] = set()

    def static_fields(self, fields: Mapping[str, object]) -> Fields:
        """Return the fields of every line, redacted once."""
        if self.redactor is None:
            return dict(fields)
        return {name: self.redactor.field(name, value) for name, value in fields.items()}

    def with_secrets(self, secrets: Iterable[str]) -> Redactor | None:
        """Return a redactor that also knows the secrets in a request's path."""
        if secrets and self.redactor is not None:
            return self.redactor.with_secrets(secrets)
        return self.redactor

    @staticmethod
    def get_is_clean(redactor: Redactor | None) -> Callable[[str], bool]:
        """Return a function that is True of a text only if the text contains no secret."""
        return _always if redactor is None else redactor.is_clean

    def path(self, redactor: Redactor | None, path: str) -> str:
        """Return a request's path without secrets."""
        if redactor is None or (redactor is self.redactor and path in self._clean_paths):
            return path
        shown = redactor.path(path)
        if shown == path and redactor is self.redactor:
            _remember(self._clean_paths, path)
        return shown

    def user_agent(self, redactor: Redactor | None, user_agent: str) -> str:
        """Return a ``User-Agent`` header without secrets."""
        if redactor is None or (redactor is self.redactor and user_agent in self._clean_agents):
            return user_agent
        shown: str = redactor.field("user_agent", user_agent, Budget(*_USER_AGENT_BUDGET))
        if shown == user_agent and redactor is self.redactor:
            _remember(self._clean_agents, user_agent)
        return shown

    def text(self, redactor: Redactor | None, text: str, budget: Budget | None = None) -> str:
        """Return a message or a traceback without secrets."""
        return text if redactor is None else redactor.text(text, budget)

    def fields(
        self, redactor: Redactor | None, fields: Fields, budget: Budget | None = None
    ) -> tuple[Fields, bool]:
        """Return fields without secrets, and whether some are left out for lack of budget.

        Fields under names of the line itself are not redacted.
        """
        own_names = self._own_names
        is_cut = budget is not None and budget.has_cut
        if redactor is None or redactor.are_clean(fields):
            return fields, is_cut
        budget = budget or Budget()
        shown: Fields = {}
        for name, value in fields.items():
            if name in own_names:
                shown[name] = value
            elif budget.steps >= 0:
                shown[name] = redactor.field(name, value, budget)
        return shown, budget.has_cut or len(shown) < len(fields)


def _always(text: str) -> bool:
    return True


def _remember(texts: set[str], text: str) -> None:
    """Add a text that came from a client to a bounded set."""
    if len(text) <= _MAX_REMEMBERED_LENGTH:
        if len(texts) >= _MAX_REMEMBERED:
            texts.clear()
        texts.add(text)
