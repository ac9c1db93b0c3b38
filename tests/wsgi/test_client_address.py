"""How much of a peer's address a line tells."""

import ipaddress
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.wsgi.client_address import ClientAddressResolver, shorten_address, stricter_mode


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("203.0.113.7", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::ffff:203.0.113.7", "::ffff:203.0.113.0"),
        ("fe80::1%eth0", "fe80::"),
        ("[2001:db8::1]", "2001:db8::"),
        ("", None),
        ("unix:", None),
        ("203.0.113.7, 10.0.0.1", None),
        ("203.0.113.7%eth0:forged", None),
    ],
)
def test_truncated_is_the_network(address: str, shown: str | None) -> None:
    assert shorten_address(address, "truncated") == shown


@pytest.mark.parametrize("text", ["." * 8000 + ":x", "[]" * 4000])
def test_a_forged_address_takes_no_time(text: str) -> None:
    started = perf_counter()
    assert shorten_address(text, "truncated") is None
    assert perf_counter() - started < 0.3


def test_full_is_all_and_off_is_nothing() -> None:
    assert (shorten_address("203.0.113.7", "full"), shorten_address("203.0.113.7", "off")) == (
        "203.0.113.7",
        None,
    )


def test_of_two_modes_the_one_that_tells_less_counts() -> None:
    assert stricter_mode("full", "off") == stricter_mode("off", "truncated") == "off"
    assert stricter_mode("full", "truncated") == "truncated"


NETWORKS = tuple(map(ipaddress.ip_network, ("10.0.0.0/8", "2001:db8:1::/48")))


def client(trusted, peer_address: str, forwarded: str | None) -> str:
    environ = {"REMOTE_ADDR": peer_address}
    if forwarded is not None:
        environ["HTTP_X_FORWARDED_FOR"] = forwarded
    before = dict(environ)
    found = ClientAddressResolver("full", trusted).resolve(environ)
    assert environ == before
    return found


@pytest.mark.parametrize(
    ("hops", "forwarded", "found"),
    [
        pytest.param(0, "203.0.113.7", "10.0.0.1", id="nobody is trusted"),
        pytest.param(1, None, "10.0.0.1", id="nothing is forwarded"),
        pytest.param(1, "", "10.0.0.1", id="an empty header"),
        pytest.param(1, "203.0.113.7", "203.0.113.7", id="one proxy"),
        pytest.param(1, "192.0.2.9, 203.0.113.7", "203.0.113.7", id="the client forged an entry"),
        pytest.param(2, "192.0.2.9, 203.0.113.7, 10.0.0.2", "203.0.113.7", id="two proxies"),
        pytest.param(2, "203.0.113.7", "203.0.113.7", id="asked past the first proxy"),
        pytest.param(2, "evil<script>, 203.0.113.7", "203.0.113.7", id="no address"),
        pytest.param(3, "203.0.113.7, unknown, 10.0.0.2", "10.0.0.2", id="unknown (RFC 7239)"),
        pytest.param(1, "_hidden", "10.0.0.1", id="hidden (RFC 7239)"),
        pytest.param(1, "203.0.113.7:4711", "203.0.113.7", id="a port"),
        pytest.param(1, "203.0.113.7:x", "10.0.0.1", id="a port that is none"),
        pytest.param(1, "2001:DB8::7", "2001:db8::7", id="IPv6"),
        pytest.param(1, "[2001:db8::7]", "2001:db8::7", id="IPv6 in brackets"),
        pytest.param(1, "[2001:db8::7]:4711", "2001:db8::7", id="IPv6 with a port"),
        pytest.param(1, "[2001:db8::7]4711", "10.0.0.1", id="a port without a colon"),
        pytest.param(1, "[2001:db8::7", "10.0.0.1", id="a bracket alone"),
        pytest.param(1, "fe80::1%eth0\x1b", "fe80::1", id="a zone"),
        pytest.param(1, "::ffff:203.0.113.7", "::ffff:203.0.113.7", id="IPv4 in IPv6"),
        pytest.param(1, "203.0.113.7,, ,", "203.0.113.7", id="empty entries"),
        pytest.param(1, "203.0.113.7 192.0.2.9", "10.0.0.1", id="two in one entry"),
        pytest.param(1, "1" * 5000, "10.0.0.1", id="a long number"),
        pytest.param(1, "1," * 50_000 + "203.0.113.7", "203.0.113.7", id="a long list"),
    ],
)
def test_the_client_is_so_many_proxies_away(hops: int, forwarded: str | None, found: str) -> None:
    shown = ipaddress.ip_address(client(hops, "10.0.0.1", forwarded))
    assert shown == ipaddress.ip_address(found)


@pytest.mark.parametrize(
    ("peer_address", "forwarded", "found"),
    [
        pytest.param("10.0.0.1", "192.0.2.9, 203.0.113.7", "203.0.113.7", id="one proxy"),
        pytest.param("10.0.0.1", "203.0.113.7, 10.9.9.9", "203.0.113.7", id="two proxies"),
        pytest.param("198.51.100.1", "203.0.113.7", "198.51.100.1", id="a peer of no network"),
        pytest.param("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7", id="a dual-stack server"),
        pytest.param("2001:db8:1::5", "203.0.113.7", "203.0.113.7", id="a proxy of IPv6"),
        pytest.param("10.0.0.1", "10.1.1.1, 10.2.2.2", "10.1.1.1", id="all are trusted"),
        pytest.param("10.0.0.1", "203.0.113.7, x, 10.2.2.2", "10.2.2.2", id="no address"),
        pytest.param("10.0.0.1", "203.0.113.7, ::ffff:10.2.2.2", "203.0.113.7", id="both kinds"),
        pytest.param("", "203.0.113.7", "203.0.113.7", id="a Unix socket"),
        pytest.param("unix:", "203.0.113.7", "203.0.113.7", id="a Unix socket by name"),
        pytest.param("localhost", "203.0.113.7", "203.0.113.7", id="a Unix socket of Waitress"),
        pytest.param("a host", "203.0.113.7", "a host", id="a peer that has no address"),
    ],
)
def test_the_client_is_the_first_one_outside_the_networks(
    peer_address: str, forwarded: str, found: str
) -> None:
    assert client(NETWORKS, peer_address, forwarded) == found


ADDRESSES = st.ip_addresses().map(str)
ENTRIES = st.one_of(
    ADDRESSES,
    st.ip_addresses(v=4).map("{}:80".format),
    st.ip_addresses(v=6).map("[{}]:80".format),
    st.sampled_from(["10.0.0.7", "unknown", "", " "]),
    st.text(max_size=10),
)


@given(
    st.sampled_from([0, 1, 2, 32, NETWORKS]),
    st.one_of(ADDRESSES, st.sampled_from(["10.0.0.1", "", "unix:"])),
    st.lists(ENTRIES, max_size=40).map(",".join) | st.text(max_size=2000),
)
def test_whatever_is_forwarded_the_client_is_the_peer_or_an_address(
    trusted: object, peer_address: str, forwarded: str
) -> None:
    found = client(trusted, peer_address, forwarded)
    assert found == peer_address or str(ipaddress.ip_address(found)) == found


@given(st.text(max_size=300), ADDRESSES, st.lists(st.ip_addresses(v=4), max_size=3))
def test_nobody_can_forge_what_a_trusted_proxy_has_seen(
    forged: str, real: str, proxies: list[ipaddress.IPv4Address]
) -> None:
    forwarded = ", ".join([forged, real, *map(str, proxies)])
    assert client(len(proxies) + 1, "10.0.0.1", forwarded) == real
