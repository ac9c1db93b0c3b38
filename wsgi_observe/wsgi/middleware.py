"""What the four middlewares have in common: taking their place in the exchange."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from wsgi_observe.context import on_probe
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.response import Answer

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Layer:
    """A WSGI middleware (PEP 3333) that joins the exchange instead of wrapping the call again.

    :param app: the WSGI app inside.
    """

    def __init__(self, app: WSGIApplication) -> None:
        self.app = app
        self._innermost = app
        inside: tuple[Layer, ...] = ()
        if isinstance(app, Layer):
            inside = app._layers
            self._innermost = app._innermost
        self._consist_of((self, *inside))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        outer = getattr(start_response, "__self__", None)
        exchange = outer if outer.__class__ is Exchange else Exchange(environ, start_response)
        app = self._innermost
        for join in self._joins:
            answering = join(exchange, environ)
            if answering is not None:
                app = answering
                if exchange.scope.is_probe:
                    for tell in on_probe:
                        tell()
                    break
        if exchange is outer:
            return app(environ, start_response)
        if app.__class__ is Answer and not exchange.at_end:
            return _reply(exchange, app, environ)
        return exchange.run(app, environ)

    def has(self, kind: type[Layer]) -> bool:
        """Return whether one of that kind takes part, this one or one right inside it."""
        return any(isinstance(layer, kind) for layer in self._layers)

    def take_in(self, guest: Layer, ahead_of: type[Layer] | tuple[type[Layer], ...]) -> None:
        """Have `guest` take part too: right outside one of `ahead_of`, or else right round the app.

        For a door that finds an app which is wrapped already.
        """
        layers = list(self._layers)
        places = (n for n, layer in enumerate(layers) if isinstance(layer, ahead_of))
        layers.insert(next(places, len(layers)), guest)
        self._consist_of(layers)

    def _consist_of(self, layers: Iterable[Layer]) -> None:
        self._layers = tuple(layers)
        # Found once: each request would look for them in classes that differ.
        self._joins = tuple(layer.join for layer in self._layers)

    def join(self, exchange: Exchange, environ: WSGIEnvironment) -> WSGIApplication | None:
        """Take part in `exchange`; return who answers in place of the app inside, if anyone.

        The layers further in take part in that too, unless it is a probe.
        """
        raise NotImplementedError


def _reply(exchange: Exchange, answer: Answer, environ: WSGIEnvironment) -> Iterable[bytes]:
    """Let an answer out that is whole: nothing runs for it, and nothing is left to end."""
    exchange.status = answer.status
    exchange.headers = list(answer.headers)
    exchange.start()
    return answer.chunks(environ)


# Where Flask, Werkzeug's and other middlewares keep the app that they wrap.
_INSIDE = ("wsgi_app", "app", "application")


def inward(app: Any) -> Iterator[object]:
    """Yield an app and what it wraps, middlewares of others too, as far as one can see."""
    for _ in range(20):  # an app may name itself
        if app is None:
            return
        yield app
        app = next(filter(callable, (_attribute(app, name) for name in _INSIDE)), None)


def _attribute(app: object, name: str) -> object:
    with suppress(Exception):  # a proxy raises what it likes
        return getattr(app, name, None)
    return None
