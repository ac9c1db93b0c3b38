"""The client address of a request: resolve it through trusted proxies, shorten it for log lines."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any
from wsgiref.types import WSGIEnvironment

from wsgi_observe.context import RequestContext
from wsgi_observe.validators import MAX_PROXIES

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

REMOTE_ADDR_MODES = ("full", "truncated", "off")


def shorten_address(address: str, mode: str) -> str | None:
    """Return `address` in one of the `REMOTE_ADDR_MODES`; None for one that is not logged.

    >>> shorten_address("203.0.113.7", "truncated"), shorten_address("2001:db8:1:2::7", "truncated")
    ('203.0.113.0', '2001:db8:1::')
    """
    if mode == "full":
        return address
    return _truncate(address) if mode == "truncated" else None


def stricter_mode(one: str, other: str) -> str:
    """Return the mode that logs less of the address."""
    return max(one, other, key=REMOTE_ADDR_MODES.index)


@lru_cache(maxsize=1024)
def _truncate(address: str) -> str | None:
    """Return the /24 or /48 of an address; None for a text that is not an address."""
    client = _parse_address(address)
    if client is None:
        return None  # the path of a Unix socket, for example
    mapped = getattr(client, "ipv4_mapped", None)
    bits = 80 if client.version == 6 and mapped is None else 8
    shortened = type(mapped or client)(int(mapped or client) >> bits << bits)
    return f"::ffff:{shortened}" if mapped else str(shortened)


_MAX_FORWARDED_CHARS = 1024  # characters of X-Forwarded-For that are looked at, from its end


class ClientAddressResolver:
    """Resolves the address for a request's log lines by the settings.

    :param mode: how much of it is logged, one of the `REMOTE_ADDR_MODES`.
    :param trusted: the number of proxies before the server, or their networks.
    """

    def __init__(self, mode: str, trusted: int | Iterable[Any]) -> None:
        self._mode = mode
        self._hops = trusted if isinstance(trusted, int) else None
        self._networks = () if isinstance(trusted, int) else tuple(trusted)
        # Clients come again, and to parse an address takes longer than all else here.
        self._find_client_cached = lru_cache(maxsize=1024)(self._find_client)

    @property
    def is_default(self) -> bool:
        """Whether it is the server's own ``REMOTE_ADDR``, in full."""
        return self._mode == "full" and self._hops == 0

    def apply_to(self, context: RequestContext, environ: WSGIEnvironment) -> None:
        """Set the client's address, and how much of it is logged, on the context of a request."""
        context.remote_addr_mode = stricter_mode(context.remote_addr_mode, self._mode)
        if self._hops != 0 and not context.client_addr:
            context.client_addr = self.resolve(environ)

    def resolve(self, environ: WSGIEnvironment) -> str:
        """Return the address from which the trusted proxies got the request.

        ``X-Forwarded-For`` is read from the right, where each proxy has added its peer, until an
        address is not trusted. An entry that is not an address (``unknown``, a forged text) ends
        the search at the proxy that wrote it. Where all are trusted, it is the leftmost one.
        """
        peer: str = environ.get("REMOTE_ADDR") or ""
        forwarded: str = environ.get("HTTP_X_FORWARDED_FOR") or ""
        if len(forwarded) > _MAX_FORWARDED_CHARS:
            forwarded = forwarded[-_MAX_FORWARDED_CHARS:].partition(",")[2]
        return self._find_client_cached(peer, forwarded) if forwarded else peer

    def _find_client(self, peer: str, forwarded: str) -> str:
        is_unix_socket = self._hops is None and _is_unix_socket(peer)
        if not is_unix_socket and not self._is_trusted(_parse_address(peer), 0):
            return peer
        entries = [entry for entry in forwarded.split(",") if not entry.isspace() and entry]
        client = peer
        for hop, entry in enumerate(reversed(entries[-MAX_PROXIES:]), 1):
            address = _parse_address(entry.strip())
            if address is None:
                break
            client = str(address)
            if not self._is_trusted(address, hop):
                break
        return client

    def _is_trusted(self, address: IPv4Address | IPv6Address | None, hop: int) -> bool:
        if self._hops is not None:
            return hop < self._hops
        return is_in_networks(address, self._networks)


def is_in_networks(address: IPv4Address | IPv6Address | None, networks: Iterable[Any]) -> bool:
    """Return whether `address` is in one of `networks`."""
    # A dual-stack server or proxy shows an IPv4 address as ::ffff:10.0.0.1.
    unmapped = getattr(address, "ipv4_mapped", None) or address
    return unmapped is not None and any(unmapped in network for network in networks)


def _is_unix_socket(peer: str) -> bool:
    """Return whether a peer came by a Unix socket: only the host's own proxy can."""
    # Gunicorn and gevent have no address for it, Waitress says localhost, others its path.
    return peer in ("", "localhost") or peer.startswith(("unix:", "/", "@"))


def _parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address in an entry of X-Forwarded-For, where some proxies add a port; or None."""
    from ipaddress import ip_address  # for those who have proxies

    if text.startswith("["):
        text, bracket, port = text[1:].partition("]")
        is_entry = bool(bracket) and (not port or (port[0] == ":" and port[1:].isdecimal()))
    else:
        host, colon, port = text.partition(":")
        has_port = bool(colon) and "." in host
        is_entry = not has_port or port.isdecimal()
        text = host if has_port else text
    try:
        return ip_address(text.partition("%")[0]) if is_entry else None
    except ValueError:
        return None
