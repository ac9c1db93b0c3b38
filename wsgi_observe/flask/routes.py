"""What the router found: ``route`` and ``endpoint`` on the log lines, secrets out of ``path``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask import Flask, request
from werkzeug.routing import Rule

from wsgi_observe.context import Scope, bound
from wsgi_observe.redaction import REDACTED, Redactor
from wsgi_observe.redaction.path_secrets import readers
from wsgi_observe.wsgi.environ import MASKED_PATH, request_path

_argument = re.compile(r"<(?:([a-zA-Z_]\w*)(?:\(.*?\))?:)?([a-zA-Z_]\w*)>")
_WITHIN_A_SEGMENT = frozenset({"", "string", "int", "float", "uuid", "any", "default"})


class Mask:
    """Finds the secret arguments of one rule in a path."""

    def __init__(self, rule: Rule, redactor: Redactor) -> None:
        names = enumerate(_arguments(rule), 1)
        self.secret = [n for n, name in names if redactor.is_sensitive(name, in_query=True)]
        self._rule = rule.rule
        self._find = re.compile(_pattern(rule.rule)).search

    def spans(self, path: str) -> list[tuple[int, int]]:
        """Return where in `path` they stand, the last first; nowhere if it is none of the rule."""
        found = self._find(path)
        return [] if found is None else [found.span(number) for number in reversed(self.secret)]


class Routes:
    """Notes the route of each request, right after it was matched.

    :param app: whose router it is.
    :param redactor: which decides what is secret by its name.
    """

    def __init__(self, app: Flask, redactor: Redactor) -> None:
        self._map = app.url_map
        self._redactor = redactor
        self._masks: dict[str, Mask | None] = {}
        self._all: list[Mask] | None = None
        readers.add(self)

    def note(self) -> None:
        """Do so; to be called before any code of the app's."""
        scope = bound()
        if scope is None or not scope.live:  # a test's own request context
            return
        # Every request pays for this, and each use of `flask.request` finds its object anew.
        found = request._get_current_object()  # type: ignore[attr-defined]
        rule = found.url_rule
        if rule is None:
            self._mask(scope, self._of_all_rules())  # a redirect to the slash, a 405
            return
        scope.add({"route": rule.rule, "endpoint": rule.endpoint}, first=True)
        if found.view_args and (mask := self._of(rule)) is not None:
            self._mask(scope, [mask], rule.rule)

    def secrets_in(self, path: str) -> list[str]:
        """Return the secrets in a path, for who meets it after its request."""
        found = (mask.spans(path) for mask in self._of_all_rules())
        return [path[start:end] for start, end in next(filter(None, found), [])]

    def _of(self, rule: Rule) -> Mask | None:
        known = self._masks.get(rule.rule, self)
        if known is not self:
            return known  # type: ignore[return-value]
        mask = Mask(rule, self._redactor)
        found = self._masks[rule.rule] = mask if mask.secret else None
        return found

    def _of_all_rules(self) -> list[Mask]:
        if self._all is None:
            masks = (self._of(rule) for rule in self._map.iter_rules())
            self._all = [mask for mask in masks if mask is not None]
        return self._all

    def _mask(self, scope: Scope, masks: list[Mask], otherwise: str | None = None) -> None:
        """Leave out what is secret; where a converter of the app's hides it, the whole path."""
        environ = request.environ
        path = request_path(environ)
        spans = next((spans for mask in masks if (spans := mask.spans(path))), [])
        shown, secrets = path, []
        for start, end in spans:
            secrets.append(path[start:end])
            shown = shown[:start] + REDACTED + shown[end:]
        if not spans:
            if otherwise is None:
                return
            shown = environ.get("SCRIPT_NAME", "") + otherwise
        for one in (environ, scope.environ):  # a middleware may have copied it
            one[MASKED_PATH] = (one.get("SCRIPT_NAME", "") + one["PATH_INFO"], shown, *secrets)
        slot = getattr(scope, "in_flight", None)
        if slot is not None:
            slot.show(shown)


def _arguments(rule: Rule) -> Iterator[str]:
    return (found[2] for found in _argument.finditer(rule.rule))


def _pattern(rule: str) -> str:
    """Return what a path of the rule ends with, a group for each argument."""
    parts, end = [], 0
    for found in _argument.finditer(rule):
        parts.append(_literal(rule[end : found.start()]))
        parts.append("([^/]+)" if (found[1] or "") in _WITHIN_A_SEGMENT else "(.+?)")
        end = found.end()
    return "".join([*parts, _literal(rule[end:].rstrip("/")), r"/*\Z"])


def _literal(text: str) -> str:
    return re.escape(text).replace("/", "/+")  # slashes are merged by a redirect
