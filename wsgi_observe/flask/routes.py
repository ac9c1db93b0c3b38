"""What the router found: ``route`` and ``endpoint`` on the log lines, secrets out of ``path``."""

from __future__ import annotations

import re
from collections.abc import Iterator

from flask import Flask, request
from werkzeug.routing import Rule

from wsgi_observe.context import RequestContext, get_raw_context
from wsgi_observe.redaction import REDACTED, Redactor
from wsgi_observe.redaction.path_secrets import path_secret_finders
from wsgi_observe.wsgi.environ import MASKED_PATH, request_path

_ARGUMENT = re.compile(r"<(?:([a-zA-Z_]\w*)(?:\(.*?\))?:)?([a-zA-Z_]\w*)>")
_SEGMENT_CONVERTERS = frozenset({"", "string", "int", "float", "uuid", "any", "default"})


class PathMask:
    """Finds the secret arguments of one rule in a path."""

    def __init__(self, rule: Rule, redactor: Redactor) -> None:
        names = enumerate(_get_argument_names(rule), 1)
        self.secret_groups = [n for n, name in names if redactor.is_sensitive(name, in_query=True)]
        self._rule = rule.rule
        self._search = re.compile(_make_pattern(rule.rule)).search

    def spans(self, path: str) -> list[tuple[int, int]]:
        """Return where in `path` they stand, the last first; nowhere if it is none of the rule."""
        result = self._search(path)
        return (
            []
            if result is None
            else [result.span(number) for number in reversed(self.secret_groups)]
        )


class RouteRecorder:
    """Notes the route of each request, right after it was matched.

    :param app: whose router it is.
    :param redactor: which decides what is secret by its name.
    """

    def __init__(self, app: Flask, redactor: Redactor) -> None:
        self._url_map = app.url_map
        self._redactor = redactor
        self._masks: dict[str, PathMask | None] = {}
        self._all_masks: list[PathMask] | None = None
        path_secret_finders.add(self)

    def record(self) -> None:
        """Do so; to be called before any code of the app's."""
        context = get_raw_context()
        if context is None or not context.is_active:  # a test's own request context
            return
        # Every request pays for this, and each use of `flask.request` finds its object anew.
        result = request._get_current_object()  # type: ignore[attr-defined]
        rule = result.url_rule
        if rule is None:
            self._mask_path(context, self._get_all_masks())  # a redirect to the slash, a 405
            return
        context.add_fields({"route": rule.rule, "endpoint": rule.endpoint}, first=True)
        if result.view_args and (mask := self._get_mask(rule)) is not None:
            self._mask_path(context, [mask], rule.rule)

    def find_path_secrets(self, path: str) -> list[str]:
        """Return the secrets in a path, for who meets it after its request."""
        result = (mask.spans(path) for mask in self._get_all_masks())
        return [path[start:end] for start, end in next(filter(None, result), [])]

    def _get_mask(self, rule: Rule) -> PathMask | None:
        cached = self._masks.get(rule.rule, self)
        if cached is not self:
            return cached  # type: ignore[return-value]
        mask = PathMask(rule, self._redactor)
        result = self._masks[rule.rule] = mask if mask.secret_groups else None
        return result

    def _get_all_masks(self) -> list[PathMask]:
        if self._all_masks is None:
            masks = (self._get_mask(rule) for rule in self._url_map.iter_rules())
            self._all_masks = [mask for mask in masks if mask is not None]
        return self._all_masks

    def _mask_path(
        self, context: RequestContext, masks: list[PathMask], fallback: str | None = None
    ) -> None:
        """Leave out what is secret; where a converter of the app's hides it, the whole path."""
        environ = request.environ
        path = request_path(environ)
        spans = next((spans for mask in masks if (spans := mask.spans(path))), [])
        masked_path, secrets = path, []
        for start, end in spans:
            secrets.append(path[start:end])
            masked_path = masked_path[:start] + REDACTED + masked_path[end:]
        if not spans:
            if fallback is None:
                return
            masked_path = environ.get("SCRIPT_NAME", "") + fallback
        for env in (environ, context.environ):  # a middleware may have copied it
            env[MASKED_PATH] = (
                env.get("SCRIPT_NAME", "") + env["PATH_INFO"],
                masked_path,
                *secrets,
            )
        if context.request_entry is not None:
            context.request_entry.replace_path(masked_path)


def _get_argument_names(rule: Rule) -> Iterator[str]:
    return (result[2] for result in _ARGUMENT.finditer(rule.rule))


def _make_pattern(rule: str) -> str:
    """Return what a path of the rule ends with, a group for each argument."""
    parts, end = [], 0
    for result in _ARGUMENT.finditer(rule):
        parts.append(_make_literal(rule[end : result.start()]))
        parts.append("([^/]+)" if (result[1] or "") in _SEGMENT_CONVERTERS else "(.+?)")
        end = result.end()
    return "".join([*parts, _make_literal(rule[end:].rstrip("/")), r"/*\Z"])


def _make_literal(text: str) -> str:
    return re.escape(text).replace("/", "/+")  # slashes are merged by a redirect
