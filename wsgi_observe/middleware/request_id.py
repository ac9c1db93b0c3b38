"""Gives each request one fit ID, which the app, the log and the client all see."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from wsgi_observe.context import REQUEST_ID_KEY, RequestContext
from wsgi_observe.ids import new_id, new_span_id, parse_id, parse_trace_id
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.client_address import ClientAddressResolver, is_in_networks
from wsgi_observe.wsgi.exchange import Exchange
from wsgi_observe.wsgi.middleware import Middleware

if TYPE_CHECKING:
    from ipaddress import IPv4Network, IPv6Network

    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment


class RequestID(Middleware):
    """Take over an inbound request ID or make one; echo it on every response.

    The app finds it as ``environ["HTTP_X_REQUEST_ID"]`` and
    ``environ["wsgi_observe.request_id"]``. A ``traceparent`` (W3C Trace Context) of a peer that
    may name the request gives its log lines ``trace_id`` and a ``span_id`` of ours.

    :param request_id_headers: where an inbound ID is looked for, in order.
    :param trust_request_id: whether to take it over: True, False, or the networks in which the
        peer has to be. One that is not taken over is kept as the field ``client_request_id``.
    :param expose_request_id: whether a response that scripts of other origins may read (CORS)
        names the ID's header in ``Access-Control-Expose-Headers``, so that they may read it too.
    :param remote_addr: how much of the client's address the request's lines show: ``full``,
        ``truncated`` (/24, /48), ``off``.
    :param trusted_proxies: how many proxies, or which networks, are trusted to say in
        ``X-Forwarded-For`` who the client is.
    :param user_key: what `bind_user` makes pseudonyms with: at least 32 secret bytes.
    :raises SettingsError: for an unfit setting.
    """

    def __init__(
        self,
        app: WSGIApplication,
        *,
        request_id_headers: Iterable[str] = ("X-Request-ID",),
        trust_request_id: bool | Iterable[str | IPv4Network | IPv6Network] = True,
        expose_request_id: bool = True,
        remote_addr: str = "full",
        trusted_proxies: int | Iterable[str | IPv4Network | IPv6Network] = 0,
        user_key: str | bytes | None = None,
    ) -> None:
        settings = Settings(
            request_id_headers=request_id_headers,
            trust_request_id=trust_request_id,
            expose_request_id=expose_request_id,
            remote_addr=remote_addr,
            trusted_proxies=trusted_proxies,
            user_key=user_key,
        )
        super().__init__(app)
        self._inbound_headers = [
            (name, "HTTP_" + name.upper().replace("-", "_")) for name in settings.request_id_headers
        ]
        self._trusted_peers = settings.trust_request_id
        self._expose_request_id = settings.expose_request_id
        self._user_key: Any = settings.user_key
        self._address_resolver = ClientAddressResolver(
            settings.remote_addr, settings.trusted_proxies
        )
        self._resolves_client = not self._address_resolver.is_default

    def process_request(self, exchange: Exchange, environ: WSGIEnvironment) -> None:
        """Give the request its ID, unless it has one."""
        context = exchange.context
        if context.request_id is None:
            for name, key in self._inbound_headers:
                if key in environ and (parsed := parse_id(name, environ[key])) is not None:
                    request_id = (
                        parsed if self._is_trusted(environ) else self._replace_id(parsed, context)
                    )
                    break
            else:
                request_id = new_id()
            context.request_id = request_id
            environ["HTTP_X_REQUEST_ID"] = environ[REQUEST_ID_KEY] = request_id
            if not self._expose_request_id:
                context.expose_request_id = False
            if self._resolves_client:
                self._address_resolver.apply_to(context, environ)
            if self._user_key:
                context.user_key = self._user_key
            if "HTTP_TRACEPARENT" in environ:
                self._continue_trace(context, environ)

    def _continue_trace(self, context: RequestContext, environ: WSGIEnvironment) -> None:
        """Have the lines tell the caller's trace (W3C), with a span of ours in it."""
        parsed = parse_trace_id(environ["HTTP_TRACEPARENT"])
        if parsed is not None and self._is_trusted(environ):
            context.trace = {"trace_id": parsed, "span_id": new_span_id()}

    def _replace_id(self, inbound: str, context: RequestContext) -> str:
        context.add_fields({"client_request_id": inbound})
        return new_id()

    def _is_trusted(self, environ: WSGIEnvironment) -> bool:
        """Return whether the peer may name the request; one with no address (a socket) may not."""
        if isinstance(self._trusted_peers, bool):
            return self._trusted_peers
        from ipaddress import ip_address  # loaded with the networks

        try:
            peer = ip_address(environ.get("REMOTE_ADDR", ""))
        except ValueError:
            return False
        return is_in_networks(peer, self._trusted_peers)
