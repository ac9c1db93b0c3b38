"""What the four middlewares have in common: taking their place in the exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import FunctionType
from typing import TYPE_CHECKING, Any

from wsgi_observe.context import probe_hooks
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.response import StaticResponse

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


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
        return exchange.run(app, environ)

    def has_middleware(self, kind: type[Middleware]) -> bool:
        """Return whether one of that kind takes part, this one or one right inside it."""
        return any(isinstance(middleware, kind) for middleware in self._middlewares)

    def insert(
        self, added: Middleware, before: type[Middleware] | tuple[type[Middleware], ...]
    ) -> None:
        """Have `added` take part too: right outside one of `before`, or else right round the app.

        For a door that finds an app which is wrapped already.
        """
        middlewares = list(self._middlewares)
        positions = (
            n for n, middleware in enumerate(middlewares) if isinstance(middleware, before)
        )
        middlewares.insert(next(positions, len(middlewares)), added)
        self._set_middlewares(middlewares)

    def _set_middlewares(self, middlewares: Iterable[Middleware]) -> None:
        self._middlewares = tuple(middlewares)
        # Found once: each request would look for them in classes that differ.
        self._request_processors = tuple(
            middleware.process_request for middleware in self._middlewares
        )

    def process_request(
        self, exchange: Exchange, environ: WSGIEnvironment
    ) -> WSGIApplication | None:
        """Take part in `exchange`; return who answers in place of the app inside, if anyone.

        The layers further in take part in that too, unless it is a probe.
        """
        raise NotImplementedError


def _send_static_response(
    exchange: Exchange, response: StaticResponse, environ: WSGIEnvironment
) -> Iterable[bytes]:
    """Let an answer out that is whole: nothing runs for it, and nothing is left to end."""
    exchange.status = response.status
    exchange.headers = list(response.headers)
    exchange.send_headers()
    return response.body_for(environ)


# Attributes in which Flask and middlewares have the app that they wrap.
_WRAPPED_APP_ATTRIBUTES = ("wsgi_app", "app", "application", "_app")


def iter_wrapped_apps(app: Any) -> Iterator[object]:
    """Yield an app and what it wraps, middlewares of others too, as far as one can see."""
    for _ in range(20):  # an app may name itself
        if app is None:
            return
        yield app
        names: tuple[str, ...] = _WRAPPED_APP_ATTRIBUTES
        if isinstance(app, FunctionType):
            names = ("__wrapped__", *names)  # `functools.wraps` copies the others
        app = next(filter(callable, (_get_attribute(app, name) for name in names)), None)


def _get_attribute(app: object, name: str) -> object:
    with suppress(Exception):  # a proxy raises what it likes
        return getattr(app, name, None)
    return None
