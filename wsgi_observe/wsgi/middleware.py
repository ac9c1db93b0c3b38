"""The base class of the middlewares, and the walk of wrapped apps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import takewhile
from types import FunctionType, MethodType
from typing import Any, TypeVar
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from wsgi_observe.context import probe_hooks
from wsgi_observe.wsgi.app_call import call_app
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.response import StaticResponse


class Middleware:
    """A WSGI middleware (PEP 3333) that joins the exchange instead of wrapping the call again.

    :param app: the WSGI app inside.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self._innermost_app = app
        inner: tuple[Middleware, ...] = ()
        if isinstance(app, Middleware):
            inner = app._middlewares
            self._innermost_app = app._innermost_app
        self._set_middlewares((self, *inner))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        outer = getattr(start_response, "__self__", None)
        exchange = outer if outer.__class__ is Exchange else Exchange(environ, start_response)
        app = self._innermost_app
        for process_request in self._request_processors:
            response_app = process_request(exchange, environ)
            if response_app is not None:
                app = response_app
                if exchange.context.is_probe:
                    for hook in probe_hooks:
                        hook()
                    break
        if exchange is outer:
            return app(environ, start_response)
        if app.__class__ is StaticResponse and not exchange.on_close:
            return _send_static_response(exchange, app, environ)
        return call_app(exchange, app, environ)

    def has_middleware(self, kind: type[Middleware]) -> bool:
        """Return whether this one, or one right inside it, is of that class."""
        return any(isinstance(middleware, kind) for middleware in self._middlewares)

    def insert(
        self, added: Middleware, before: type[Middleware] | tuple[type[Middleware], ...]
    ) -> None:
        """Insert `added` right outside the first one of `before`, or else right around the app.

        For an integration whose app is wrapped already.
        """
        present = self._middlewares
        outside = list(takewhile(lambda one: not isinstance(one, before), present))
        self._set_middlewares((*outside, added, *present[len(outside) :]))

    def _set_middlewares(self, middlewares: tuple[Middleware, ...]) -> None:
        self._middlewares = middlewares
        # Looked up once: each request would look them up in classes that differ.
        self._request_processors = tuple(one.process_request for one in middlewares)

    def process_request(
        self, exchange: Exchange, environ: WSGIEnvironment
    ) -> WSGIApplication | None:
        """Take part in `exchange`; return an app that responds in place of the one inside, or None.

        The middlewares further in process that request too, unless it is a probe.
        """
        raise NotImplementedError


def _send_static_response(
    exchange: Exchange, response: StaticResponse, environ: WSGIEnvironment
) -> Iterable[bytes]:
    """Send a static response: no app runs for it, and there is nothing to close."""
    exchange.response.status = response.status
    exchange.response.headers = list(response.headers)
    exchange.send_headers()
    return response.body_for(environ)


_MiddlewareT = TypeVar("_MiddlewareT", bound=Middleware)


def find_middlewares(app: object, kind: type[_MiddlewareT]) -> list[_MiddlewareT]:
    """Return those middlewares round an app that are of a class, from the outside in."""
    return [one for one in iter_wrapped_apps(app) if isinstance(one, kind)]


_MAX_WRAPPED_APPS = 20

# Attributes and variables in which Flask and middlewares have the app that they wrap.
WRAPPED_APP_NAMES = ("wsgi_app", "app", "application", "_app", "wsgi")


def iter_wrapped_apps(app: Any) -> Iterator[object]:
    """Yield an app and the apps that it wraps, also inside middlewares of others."""
    seen: dict[int, object] = {}  # by their `id`, which each keeps while it is here
    while app is not None and len(seen) < _MAX_WRAPPED_APPS:
        yield app
        seen[id(app)] = app
        app = next((one for one in _iter_candidates(app) if id(one) not in seen), None)


def _iter_candidates(app: Any) -> Iterator[object]:
    """Yield what `app` may wrap: what it has by a usual name, then our middlewares in it.

    None of these objects runs code of its own: one that is lazy would be made here.
    """
    names: tuple[str, ...] = WRAPPED_APP_NAMES
    closure: dict[str, object] = {}
    variables = _get_attribute(app, "__dict__")
    if isinstance(app, FunctionType):
        names = ("__wrapped__", *names)  # `functools.wraps` copies the others
        closure = get_closure(app)
        used = app.__code__.co_names
        variables = closure | {name: app.__globals__.get(name) for name in used}
    for name in names:
        yield from filter(callable, (_get_attribute(app, name), closure.get(name)))
    if isinstance(variables, dict):
        yield from (one for one in variables.values() if issubclass(type(one), Middleware))


def get_closure(function: FunctionType | MethodType) -> dict[str, object]:
    """Return the variables of the functions around it that a function uses."""
    closure = {}
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        with suppress(ValueError):  # it has no value yet
            closure[name] = cell.cell_contents
    return closure


def _get_attribute(app: object, name: str) -> Any:
    with suppress(Exception):  # a proxy may raise any exception
        return getattr(app, name, None)
    return None
