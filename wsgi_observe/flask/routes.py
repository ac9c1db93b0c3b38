"""Routes of requests: ``route`` and ``endpoint`` on the log lines, secrets out of ``path``."""

from __future__ import annotations

import re
from functools import cached_property

from flask import Flask, request
from werkzeug.routing import Rule

from wsgi_observe.context import RequestContext, get_raw_context
from wsgi_observe.redaction import REDACTED, Redactor
from wsgi_observe.redaction.path_secrets import path_secret_finders
from wsgi_observe.wsgi.environ import MASKED_PATH, request_path

_ARGUMENT = re.compile(r"<(?:([a-zA-Z_]\w*)(?:\(.*?\))?:)?([a-zA-Z_]\w*)>")
_SEGMENT_CONVERTERS = frozenset({"", "string", "int", "float", "uuid", "any", "default"})


class _PathMask:
    """Search for the secret arguments of one URL rule in a path."""

    def __init__(self, rule: str, redactor: Redactor) -> None:
        arguments = enumerate(_ARGUMENT.finditer(rule), 1)
        self.secret_groups = [n for n, a in arguments if redactor.is_sensitive(a[2], in_query=True)]
        self._search = re.compile(_make_pattern(rule)).search

    def spans(self, path: str) -> list[tuple[int, int]]:
        """Return their positions in `path`, the last first; none if `path` does not match."""
        match = self._search(path)
        return [] if match is None else [match.span(n) for n in reversed(self.secret_groups)]


class RouteRecorder:
    """Record the route of each request, right after it was matched.

    :param app: the app whose URL map is used.
    :param redactor: decides by the name of an argument whether it is secret.
    """

    def __init__(self, app: Flask, redactor: Redactor) -> None:
        self._url_map = app.url_map
        self._redactor = redactor
        self._masks: dict[str, _PathMask | None] = {}
        path_secret_finders.add(self)

    def record(self) -> None:
        """Record the current request; to be called before any code of the app."""
        context = get_raw_context()
        if context is None or not context.is_active:  # a test's own request context
            return
        # Fast path: each attribute of the proxy `flask.request` looks its object up again.
        current_request = request._get_current_object()  # type: ignore[attr-defined]
        rule = current_request.url_rule
        if rule is None:
            self._mask_path(context, self._all_masks)  # a redirect to the slash, a 405
            return
        context.add_fields({"route": rule.rule, "endpoint": rule.endpoint}, first=True)
        if current_request.view_args and (mask := self._get_mask(rule)) is not None:
            self._mask_path(context, [mask], rule.rule)

    def find_path_secrets(self, path: str) -> list[str]:
        """Return the secrets in a path, for redaction after its request has ended."""
        all_spans = (mask.spans(path) for mask in self._all_masks)
        return [path[start:end] for start, end in next(filter(None, all_spans), [])]

    def _get_mask(self, rule: Rule) -> _PathMask | None:
        try:
            return self._masks[rule.rule]
        except KeyError:
            mask = _PathMask(rule.rule, self._redactor)
            self._masks[rule.rule] = result = mask if mask.secret_groups else None
            return result

    @cached_property
    def _all_masks(self) -> list[_PathMask]:
        return list(filter(None, map(self._get_mask, self._url_map.iter_rules())))

    def _mask_path(
        self, context: RequestContext, masks: list[_PathMask], fallback: str | None = None
    ) -> None:
        """Redact the secrets in the path; all of it if a custom converter hides where they are."""
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
            raw_path = env.get("SCRIPT_NAME", "") + env["PATH_INFO"]
            env[MASKED_PATH] = (raw_path, masked_path, *secrets)
        if context.request_entry is not None:
            context.request_entry.replace_path(masked_path)


def _make_pattern(rule: str) -> str:
    """Return a pattern for the end of a path, with a group for each argument of the rule."""
    parts, end = [], 0
    for match in _ARGUMENT.finditer(rule):
        parts.append(_make_literal(rule[end : match.start()]))
        parts.append("([^/]+)" if (match[1] or "") in _SEGMENT_CONVERTERS else "(.+?)")
        end = match.end()
    return "".join([*parts, _make_literal(rule[end:].rstrip("/")), r"/*\Z"])


def _make_literal(text: str) -> str:
    return re.escape(text).replace("/", "/+")  # slashes are merged by a redirect
