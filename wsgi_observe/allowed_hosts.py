"""The allow-list of hosts: names, subdomains, addresses and networks, with a port or without."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

_MAX_CACHED_HOSTS = 1024

_match_entry = re.compile(
    r"(\[[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*\]|[^:\[\]]+)(?::([0-9]{1,5}))?"
).fullmatch
# The names of DNS, and the underscore that container networks have. Nothing else is matched:
# not what clients and resolvers read in different ways.
_match_name = re.compile(r"(?!-)[a-z0-9_-]+(?:\.[a-z0-9_-]+)*").fullmatch
# Resolvers read these as addresses: 127.1, 0x7f.1, 2130706433.
_is_numeric = re.compile(r"(?:.*\.)?(?:0x[0-9a-f]*|[0-9]+)").fullmatch


class HostEntry(NamedTuple):
    """One entry of an allow-list: `host` (an address in its canonical form) or `network`."""

    host: str
    port: int | None = None
    network: IPv4Network | IPv6Network | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host and self.network is None else self.host
        return host if self.port is None else f"{host}:{self.port}"


def parse_entry(text: str) -> HostEntry:
    """Return an entry of an allow-list.

    :raises ValueError: for a text that is none.

    >>> str(parse_entry("API.internal.:8080")), str(parse_entry("0:0::1"))
    ('api.internal:8080', '[::1]')
    """
    if "/" in text:
        network = ip_network(text)
        return HostEntry(str(network), None, network)
    if not text.isascii():
        raise ValueError(f"{text!r} is not in ASCII: an IDN begins with xn--")
    if text.count(":") > 1 and not text.startswith("["):
        text = f"[{text}]"
    match = _match_entry(text)
    if match is None:
        raise ValueError(f"{text!r} is not a host")
    host, port = _canonical_host(match[1]), int(match[2]) if match[2] else None
    name = host.removeprefix("*.")
    is_address = ":" in host or _is_numeric(name) is not None
    if not is_address and not _match_name(name):
        raise ValueError(f"{text!r} is not a host")
    if is_address and str(_unmapped(host)) != host:
        raise ValueError(f"{text!r} is not an address")
    if port is not None and not 0 < port < 65536:
        raise ValueError(f"{text!r} has no valid port")
    return HostEntry(host, port)


class AllowedHosts:
    """An allow-list of hosts; empty, it allows none.

    :param entries: ``api.example.com``, ``*.internal`` (its subdomains alone), ``[::1]:8080``,
        ``10.0.0.0/8`` (hosts that are named by their address alone).
    :raises ValueError: for an entry that is none of these.

    >>> hosts = AllowedHosts(["*.internal", "10.0.0.0/8"])
    >>> [hosts.allows(host, 80) for host in ("API.internal.", "internal", "10.1.2.3", "10.evil")]
    [True, False, True, False]
    """

    def __init__(self, entries: Iterable[str]) -> None:
        parsed = [parse_entry(entry) for entry in entries]
        self._networks = [entry.network for entry in parsed if entry.network is not None]
        self._hosts = {(entry.host, entry.port) for entry in parsed if entry.network is None}
        self.allows = lru_cache(_MAX_CACHED_HOSTS)(self._allows)
        """Return whether a host is on the list, by the host and port that a client connects to."""

    def __bool__(self) -> bool:
        return bool(self._hosts or self._networks)

    def _allows(self, host: str, port: int | None) -> bool:
        if not host.isascii():
            return False
        host = _canonical_host(host)
        if ":" in host or _is_numeric(host):
            return self._allows_address(host, port)
        if not _match_name(host):
            return False
        if self._has(host, port):
            return True
        _, *labels = host.split(".")
        return any(self._has("*." + ".".join(labels[n:]), port) for n in range(len(labels)))

    def _allows_address(self, host: str, port: int | None) -> bool:
        try:
            address = _unmapped(host)
        except ValueError:
            return False
        return self._has(str(address), port) or any(address in one for one in self._networks)

    def _has(self, host: str, port: int | None) -> bool:
        return (host, None) in self._hosts or (host, port) in self._hosts


def _canonical_host(host: str) -> str:
    """Return a host in lower case, without its brackets or the dot of an absolute name."""
    host = host.lower()
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    if ":" in host:
        try:
            return str(_unmapped(host))
        except ValueError:
            return host
    return host.removesuffix(".")


def _unmapped(host: str) -> object:
    """Return an address; one of IPv4 for ``::ffff:10.0.0.1``, which connects to the same."""
    address = ip_address(host)
    return getattr(address, "ipv4_mapped", None) or address
