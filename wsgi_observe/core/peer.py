"""The address of a request's peer, as fully as a log line may tell it."""

from __future__ import annotations

from functools import lru_cache

MODES = ("full", "truncated", "off")


def peer(address: str, mode: str) -> str | None:
    """Return `address` in one of the `MODES`; None for one that is not to be told.

    >>> peer("203.0.113.7", "truncated"), peer("2001:db8:1:2::7", "truncated")
    ('203.0.113.0', '2001:db8:1::')
    """
    if mode == "full":
        return address
    return _truncated(address) if mode == "truncated" else None


def stricter(one: str, other: str) -> str:
    """Return the mode that tells less."""
    return max(one, other, key=MODES.index)


@lru_cache(maxsize=1024)
def _truncated(address: str) -> str | None:
    """Return the /24 or /48 that an address is in; None for what is no address."""
    from ipaddress import IPv4Address, IPv6Address, ip_address  # for those who truncate

    try:
        found = ip_address(address.partition("%")[0].strip("[]"))
    except ValueError:
        return None  # a Unix socket's name, or worse
    if isinstance(found, IPv6Address):
        mapped = found.ipv4_mapped
        if mapped is None:
            return str(IPv6Address(int(found) >> 80 << 80))
        return f"::ffff:{IPv4Address(int(mapped) >> 8 << 8)}"
    return str(IPv4Address(int(found) >> 8 << 8))
