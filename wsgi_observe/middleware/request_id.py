"""RequestID: the middleware that gives each request its ID."""

from __future__ import annotations

from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

from wsgi_observe.context import REQUEST_ID_KEY, RequestContext
from wsgi_observe.ids import new_id, parse_id
from wsgi_observe.settings import Settings
from wsgi_observe.trace_context import continue_trace, start_trace
from wsgi_observe.wsgi.client_address import ClientAddressResolver, is_in_networks
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware


class RequestID(Middleware):
    """Accept or make the request's ID and echo it on every response.

    The app finds it as ``environ["HTTP_X_REQUEST_ID"]`` and
    ``environ["wsgi_observe.request_id"]``. The trace (W3C Trace Context) of a trusted peer is
    continued: the request's log lines have ``trace_id``, ``trace_flags`` and a ``span_id`` of ours.

    :param settings: the defaults of the following.
    :param request_id_headers: where an inbound ID is looked for, in order.
    :param trust_request_id: whether to accept it: True, False, or the networks in which the
        peer has to be. One that is not accepted is logged as ``client_request_id``.
    :param trace: ``auto`` continues a caller's trace, ``always`` also starts one for a request
        without, ``off`` does neither.
    :param expose_request_id: whether a response that scripts of other origins may read (CORS)
        names the ID's header in ``Access-Control-Expose-Headers``, so that they may read it too.
    :param remote_addr: how much of the client's address the request's log lines show: ``full``,
        ``truncated`` (/24, /48), ``off``.
    :param trusted_proxies: how many proxies, or which networks, are trusted to name the client in
        ``X-Forwarded-For``.
    :param user_key: the key of `bind_user`'s pseudonyms: at least 32 secret bytes.
    :raises SettingsError: for an unknown setting or an invalid value.
    """

    def __init__(
        self, app: WSGIApplication, settings: Settings | None = None, **overrides: Any
    ) -> None:
        settings = (settings or Settings()).replace(**overrides)
        super().__init__(app)
        self._inbound_headers = [
            (name, "HTTP_" + name.upper().replace("-", "_")) for name in settings.request_id_headers
        ]
        self.trusted_peers: Any = settings.trust_request_id
        self._continues_trace = settings.trace != "off"
        self._starts_trace = settings.trace == "always"
        self._expose_request_id = settings.expose_request_id
        self._user_key: Any = settings.user_key
        self._address_resolver = ClientAddressResolver(
            settings.remote_addr, settings.trusted_proxies
        )
        self._resolves_client = not self._address_resolver.is_default

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Give the request its ID, unless a `RequestID` further out has done so."""
        context = exchange.context
        if context.request_id is None:
            for name, key in self._inbound_headers:
                if key in environ and (parsed := parse_id(name, environ[key])) is not None:
                    is_inbound = self._is_trusted(environ)
                    request_id = parsed if is_inbound else self._replace_id(parsed, context)
                    break
            else:
                request_id, is_inbound = new_id(), False
            context.request_id = request_id
            environ["HTTP_X_REQUEST_ID"] = environ[REQUEST_ID_KEY] = request_id
            if not self._expose_request_id:
                context.expose_request_id = False
            if self._resolves_client:
                self._address_resolver.apply_to(context, environ)
            if self._user_key:
                context.user_key = self._user_key
            if self._starts_trace or ("HTTP_TRACEPARENT" in environ and self._continues_trace):
                self._begin_trace(context, environ, None if is_inbound else request_id)

    def _begin_trace(
        self, context: RequestContext, environ: WSGIEnvironment, new_request_id: str | None
    ) -> None:
        """Continue the trace of a trusted peer, or else start one if the setting says so."""
        traceparent = environ.get("HTTP_TRACEPARENT", "")
        is_continued = (
            traceparent
            and self._is_trusted(environ)
            and continue_trace(context, traceparent, environ.get("HTTP_TRACESTATE", ""))
        )
        if self._starts_trace and not is_continued:
            start_trace(context, new_request_id)

    def _replace_id(self, inbound: str, context: RequestContext) -> str:
        context.add_fields({"client_request_id": inbound})
        return new_id()

    def _is_trusted(self, environ: WSGIEnvironment) -> bool:
        """Return whether the peer may choose the ID; one without an address (a socket) may not."""
        if isinstance(self.trusted_peers, bool):
            return self.trusted_peers
        from ipaddress import ip_address  # loaded with the networks

        try:
            peer = ip_address(environ.get("REMOTE_ADDR", ""))
        except ValueError:
            return False
        return is_in_networks(peer, self.trusted_peers)
