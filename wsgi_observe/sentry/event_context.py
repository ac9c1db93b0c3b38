"""What an event has of its request: the ID as a tag, what was bound, method and URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from wsgiref.util import application_uri

from wsgi_observe.context import Scope, id_of_failure, running
from wsgi_observe.sentry.dedupe import error_of
from wsgi_observe.wsgi.environ import printable, request_path

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def add_facts(event: dict[str, Any], hint: Any) -> None:
    """Add them to `event`; what stands there already stays."""
    scope = running()
    request_id = _id_of(scope, error_of(hint))
    if request_id is not None:
        _in(event, "tags").setdefault("request_id", request_id)
    if scope is not None:
        _add_bound(event, dict(scope.fields or {}))
        if scope.environ:
            _add_request(event, scope.environ)


def _id_of(scope: Scope | None, error: BaseException | None) -> str | None:
    """Return the request's ID, or that of the job that `error` has left."""
    if scope is not None:
        return scope.request_id
    return None if error is None else id_of_failure(error)


def _add_bound(event: dict[str, Any], fields: dict[str, object]) -> None:
    user = fields.pop("user", None)
    if user is not None:
        # Not into the one that is there: it is Sentry's scope's.
        event["user"] = {"id": user, **(event.get("user") or {})}
    if "route" in fields:
        _in(event, "tags").setdefault("route", fields["route"])
    if fields:
        _in(event, "contexts").setdefault("bound", fields)


def _add_request(event: dict[str, Any], environ: WSGIEnvironment) -> None:
    """Say which request it was, where none of Sentry's integrations does."""
    request = _in(event, "request")
    request.setdefault("method", printable(environ.get("REQUEST_METHOD", "")))
    if "url" not in request:
        outer = application_uri({**environ, "SCRIPT_NAME": "", "PATH_INFO": ""}).rstrip("/")
        request["url"] = printable(outer) + request_path(environ)


def _in(event: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a part of the event that is the event's own."""
    made = event[name] = dict(event.get(name) or {})
    return made
