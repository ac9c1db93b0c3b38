"""Request data on Sentry events: the ID as a tag, bound fields, method and URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from wsgiref.util import application_uri

from wsgi_observe.context import RequestContext, current_context, get_attached_request_id
from wsgi_observe.sentry.dedupe import get_exception
from wsgi_observe.wsgi.environ import printable, request_path

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def add_request_context(event: dict[str, Any], hint: Any) -> None:
    """Add the request's data to `event`, without replacing what is there."""
    context = current_context()
    request_id = _get_request_id(context, get_exception(hint))
    if request_id is not None:
        _get_own_part(event, "tags").setdefault("request_id", request_id)
    if context is not None:
        _add_bound_fields(event, dict(context.fields or {}))
        if context.environ:
            _add_request(event, context.environ)


def _get_request_id(context: RequestContext | None, error: BaseException | None) -> str | None:
    """Return the request's ID, or that of the job in which `error` was raised."""
    if context is not None:
        return context.request_id
    return None if error is None else get_attached_request_id(error)


def _add_bound_fields(event: dict[str, Any], fields: dict[str, object]) -> None:
    user = fields.pop("user", None)
    if user is not None:
        # A copy: the existing dict belongs to Sentry's scope.
        event["user"] = {"id": user, **(event.get("user") or {})}
    if "route" in fields:
        _get_own_part(event, "tags").setdefault("route", fields["route"])
    if fields:
        _get_own_part(event, "contexts").setdefault("bound", fields)


def _add_request(event: dict[str, Any], environ: WSGIEnvironment) -> None:
    """Add method and URL, unless one of Sentry's integrations has."""
    request = _get_own_part(event, "request")
    request.setdefault("method", printable(environ.get("REQUEST_METHOD", "")))
    if "url" not in request:
        base_url = application_uri({**environ, "SCRIPT_NAME": "", "PATH_INFO": ""}).rstrip("/")
        request["url"] = printable(base_url) + request_path(environ)


def _get_own_part(event: dict[str, Any], name: str) -> dict[str, Any]:
    """Replace a part of the event by a copy, which only this event has, and return it."""
    part = event[name] = dict(event.get(name) or {})
    return part
