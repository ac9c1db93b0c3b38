"""Request IDs: which inbound ones fit, how a new one is made."""

import os
import random
import re
import string
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.ids import is_valid_id, new_id, parse_id, parse_traceparent

ALPHABET = string.ascii_letters + string.digits + "._:/+=@~-"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("a", id="one character"),
        pytest.param("a" * 128, id="128 characters"),
        pytest.param(ALPHABET, id="every character that is allowed"),
        pytest.param("0190c2f5-7c1e-7b8a-9d5e-2f1a3b4c5d6e", id="UUIDv7"),
        pytest.param("01ARZ3NDEKTSV4RRFFQ69G5FAV", id="ULID"),
        pytest.param("8f1c2a7e-1b1a-9f6b-8c5d-0a1b2c3d4e5f", id="Envoy's, with its mark"),
        pytest.param("1-67891233-abcdef012345678912345678", id="a trace's root"),
        pytest.param("..", id="dots"),
    ],
)
def test_this_id_fits(value: str) -> None:
    assert is_valid_id(value)
    assert parse_id("X-Request-ID", value) == value


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("", id="empty"),
        pytest.param("a" * 129, id="129 characters"),
        pytest.param("a" * 8190, id="8190 characters"),
        pytest.param("a,b", id="two headers joined"),
        pytest.param("a, b", id="two headers joined with a space"),
        pytest.param("a b", id="a space"),
        pytest.param("a\tb", id="a tab"),
        pytest.param("a\n", id="a newline at the end"),
        pytest.param("a\r\nX-Evil: 1", id="CR LF"),
        pytest.param("a\x00", id="NUL"),
        pytest.param("a\x1b[31m", id="an escape"),
        pytest.param("a\x7f", id="DEL"),
        pytest.param('a"b', id="a quote"),
        pytest.param("a'b", id="an apostrophe"),
        pytest.param("%0a", id="percent-encoded"),
        pytest.param("a\\n", id="a backslash"),
        pytest.param("${jndi:ldap://x}", id="braces"),
        pytest.param("<script>", id="markup"),
        pytest.param("\xe9", id="Latin-1"),
        pytest.param("\u0661\u0662", id="digits that are not ASCII"),
        pytest.param("\uff41", id="a letter that is not ASCII"),
        pytest.param("a\u2028b", id="a line separator"),
        pytest.param("\ud800", id="a lone surrogate"),
    ],
)
def test_this_id_does_not_fit(value: str) -> None:
    assert not is_valid_id(value)
    assert parse_id("X-Request-ID", value) is None


@pytest.mark.parametrize("value", [" a", "a ", "a\t"], ids=repr)
def test_white_space_round_an_id_does_not_fit_where_it_comes_from_no_header(value: str) -> None:
    assert not is_valid_id(value)


OWS = [" ", "\t", " \t ", "\t\t"]


@pytest.mark.parametrize("header", ["X-Request-ID", "X-Correlation-ID"])
@pytest.mark.parametrize("ows", OWS, ids=repr)
def test_optional_white_space_is_no_part_of_an_id(ows: str, header: str) -> None:
    assert [parse_id(header, value) for value in (ows + "abc-1", "abc-1" + ows)] == ["abc-1"] * 2
    assert parse_id(header, f"{ows}abc-1{ows}") == "abc-1"
    assert parse_id(header, f"{ows}{'a' * 128}{ows}") == "a" * 128


@pytest.mark.parametrize("ows", OWS, ids=repr)
def test_optional_white_space_is_no_part_of_a_trace(ows: str) -> None:
    assert parse_traceparent(f"{ows}{PARENT}{ows}") == (TRACE, 1)
    assert parse_id("traceparent", f"{ows}{PARENT}{ows}") == TRACE
    amazon = f"{ows}Self=1-2;{ows}Root=1-67-ab{ows};Sampled=1"
    assert parse_id("X-Amzn-Trace-Id", amazon) == "1-67-ab"


@pytest.mark.parametrize(
    "value",
    ["\n", "\r\n", "\x0b", "\x0c", "\x00", "\x1f", "\x85", "\xa0", "\u2028", "\u3000", "\ufeff"],
    ids=ascii,
)
def test_any_other_white_space_makes_an_id_unfit(value: str) -> None:
    for mixed in (value + "abc-1", "abc-1" + value, f" {value} abc-1", f"abc-1 {value} ", "abc 1"):
        assert parse_id("X-Request-ID", mixed) is None
        assert parse_id("X-Amzn-Trace-Id", f"Root={mixed};Sampled=1") is None
    assert parse_traceparent(PARENT + value) is parse_traceparent(value + PARENT) is None


@given(st.text(st.sampled_from("abz019._:/+=@~- \t\n\xa0;,"), max_size=140))
def test_only_optional_white_space_is_ever_removed_from_an_id(value: str) -> None:
    bare = value.strip(" \t")
    assert parse_id("X-Request-ID", value) == (bare if is_valid_id(bare) else None)


@given(st.text())
def test_an_id_fits_exactly_when_it_is_short_and_of_the_allowed_characters(value: str) -> None:
    assert is_valid_id(value) == (1 <= len(value) <= 128 and set(value) <= set(ALPHABET))


@given(st.sampled_from(["X-Request-ID", "X-Amzn-Trace-Id", "traceparent"]), st.text())
def test_what_is_read_from_a_header_fits_and_stood_in_it(header: str, value: str) -> None:
    found = parse_id(header, value)
    assert found is None or (is_valid_id(found) and found in value)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("Root=1-67891233-abcdef", "1-67891233-abcdef"),
        ("Self=1-2;Root=1-67891233-abcdef;Sampled=1", "1-67891233-abcdef"),
        ("Self=1-2; Root=1-67891233-abcdef", "1-67891233-abcdef"),
        ("Self=1-67891233-abcdef", None),
        ("Root=", None),
        ("Root=1-67891233 abcdef;Sampled=1", None),
        ("NotRoot=1-2", None),
        ("Root=a,Root=b", None),
        ("1-67891233-abcdef", None),
        ("", None),
    ],
)
def test_amazons_header_gives_its_root(value: str, found: str | None) -> None:
    assert parse_id("X-AMZN-Trace-ID", value) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        pytest.param(PARENT, TRACE, id="version 00"),
        pytest.param(f"01-{TRACE}-00f067aa0ba902b7-01-more", TRACE, id="a later version, longer"),
        pytest.param(f"cc-{TRACE}-00f067aa0ba902b7-01", TRACE, id="a later version"),
        pytest.param(f"00-{TRACE}-00f067aa0ba902b7-01-more", None, id="version 00, longer"),
        pytest.param(f"ff-{TRACE}-00f067aa0ba902b7-01", None, id="version ff"),
        pytest.param(f"00-{'0' * 32}-00f067aa0ba902b7-01", None, id="no trace"),
        pytest.param(f"00-{TRACE}-{'0' * 16}-01", None, id="no parent"),
        pytest.param(PARENT.upper(), None, id="upper case"),
        pytest.param(f"01-{TRACE}-00f067aa0ba902b7-01more", None, id="a later version, no dash"),
        pytest.param(PARENT + "\n", None, id="a newline at the end"),
        pytest.param(f"01-{TRACE}-00f067aa0ba902b7-01-a\nb", None, id="a newline within"),
        pytest.param(f"{PARENT},{PARENT}", None, id="two headers joined"),
        pytest.param("", None, id="empty"),
    ],
)
def test_traceparent_gives_its_trace_id(value: str, found: str | None) -> None:
    parsed = parse_traceparent(value)
    assert (parsed and parsed[0]) == found
    assert parse_id("Traceparent", value) == found


def test_a_new_id_is_32_lower_case_hex_digits_in_the_layout_of_uuid_v7() -> None:
    made = new_id()
    assert re.fullmatch("[0-9a-f]{32}", made)
    assert is_valid_id(made)
    uuid = UUID(made)
    assert (uuid.version, uuid.variant) == (7, "specified in RFC 4122")


def test_a_new_id_has_the_time_in_milliseconds_in_front() -> None:
    import time

    before = time.time_ns() // 1_000_000
    made = int(new_id()[:12], 16)
    assert before <= made <= time.time_ns() // 1_000_000


def test_new_ids_sort_by_time() -> None:
    made = []
    for _ in range(50):
        made.append(new_id())
        stamp = made[-1][:16]
        while new_id()[:16] == stamp:
            pass
    assert made == sorted(made)


def test_new_ids_are_unique_across_threads() -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: new_id(), range(20_000)))
    assert len(set(made)) == len(made)


def test_an_app_that_seeds_the_common_random_numbers_does_not_repeat_ids() -> None:
    random.seed(1)
    first = new_id()
    random.seed(1)
    assert first[16:] != new_id()[16:]


def test_forked_workers_share_no_randomness() -> None:
    tails = []
    for _ in range(4):
        read, write = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.write(write, new_id().encode())
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        tails.append(os.read(read, 64)[16:])
        os.close(read)
        os.close(write)
    tails.append(new_id()[16:].encode())
    assert len(set(tails)) == 5
