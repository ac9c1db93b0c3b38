"""How much of a peer's address a line tells."""

import pytest

from wsgi_observe.core.peer import peer, stricter


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
    ],
)
def test_truncated_is_the_network(address: str, shown: str | None) -> None:
    assert peer(address, "truncated") == shown


def test_full_is_all_and_off_is_nothing() -> None:
    assert (peer("203.0.113.7", "full"), peer("203.0.113.7", "off")) == ("203.0.113.7", None)


def test_of_two_modes_the_one_that_tells_less_counts() -> None:
    assert stricter("full", "off") == stricter("off", "truncated") == "off"
    assert stricter("full", "truncated") == "truncated"
