"""The allow-list of hosts: what an entry may be, and which hosts it allows."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.allowed_hosts import AllowedHosts, parse_entry

LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,6}[a-z0-9])?", fullmatch=True)
NAMES = st.builds(".".join, st.lists(LABELS, max_size=3).map(lambda labels: [*labels, "internal"]))


@given(name=NAMES, suffix=st.sampled_from(["", "."]), port=st.integers(1, 65535))
def test_an_exact_name_allows_itself_in_any_case_and_nothing_else(
    name: str, suffix: str, port: int
) -> None:
    hosts = AllowedHosts([name])
    assert hosts.allows(name.upper() + suffix, port)
    for other in (f"x.{name}", f"x{name}", f"{name}.evil", f"{name}@evil", f"{name}%", f" {name}"):
        assert not hosts.allows(other, port)


@given(name=NAMES, port=st.integers(1, 65535))
def test_a_wildcard_allows_subdomains_alone(name: str, port: int) -> None:
    hosts = AllowedHosts(["*.internal"])
    assert hosts.allows(name, port) is (name != "internal")
    assert not hosts.allows(f"{name}.evil", port)
    assert not hosts.allows(f"evil/.{name}", port)


@given(port=st.integers(1, 65535), other=st.integers(1, 65535))
def test_an_entry_with_a_port_allows_that_port_alone(port: int, other: int) -> None:
    hosts = AllowedHosts([f"*.internal:{port}", f"[::1]:{port}", f"10.0.0.1:{port}"])
    for host in ("a.internal", "::1", "[0:0::1]", "10.0.0.1", "::ffff:10.0.0.1"):
        assert hosts.allows(host, other) is (port == other)


@given(address=st.ip_addresses(), bits=st.integers(0, 32))
def test_a_network_allows_the_addresses_in_it(address: object, bits: int) -> None:
    network = ip_network(f"{address}/{bits}", strict=False)
    unmapped = getattr(ip_address(str(address)), "ipv4_mapped", None) or address
    allowed = AllowedHosts([str(network)]).allows(str(address), 80)
    assert allowed is (unmapped in network)  # type: ignore[operator]


@given(text=st.text(max_size=20))
def test_any_text_is_an_entry_in_its_canonical_form_or_refused(text: str) -> None:
    try:
        entry = parse_entry(text)
    except ValueError:
        return
    assert parse_entry(str(entry)) == entry


@given(host=st.text(max_size=30))
def test_no_list_allows_a_host_that_is_not_on_it(host: str) -> None:
    hosts = AllowedHosts(["api.example.com", "*.internal", "10.0.0.0/8"])
    plain = host.lower().removesuffix(".")
    may_be = plain == "api.example.com" or plain.endswith(".internal") or "10." in plain
    assert hosts.allows(host, 80) <= may_be


@pytest.mark.parametrize(
    "host", ["\u212a.internal", "a.internal\u3002", "ⓐ.internal", "é.internal"]
)
def test_a_host_that_is_not_in_ascii_is_not_allowed(host: str) -> None:
    assert not AllowedHosts(["*.internal"]).allows(host, 80)


@pytest.mark.parametrize("host", ["127.1", "0x7f.0.0.1", "2130706433", "127.0.0.01", "0177.0.0.1"])
def test_an_address_in_another_form_is_not_allowed(host: str) -> None:
    assert not AllowedHosts(["127.0.0.0/8", "127.0.0.1"]).allows(host, 80)


def test_an_empty_list_allows_nothing() -> None:
    assert not AllowedHosts([])
    assert not AllowedHosts([]).allows("localhost", 80)
