"""Users by pseudonyms: the same person, but not who."""

from __future__ import annotations

import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, call, doing
from tests.conftest import Log
from wsgi_observe import SettingsError, bind_user, log_context, observe
from wsgi_observe.user import pseudonymize

KEY = "a key of at least thirty-two bytes"


@given(value=st.text(st.characters(codec="utf-8")) | st.integers() | st.uuids())
def test_a_pseudonym_is_the_keyed_digest_of_the_id(value: object) -> None:
    expected = hmac.new(KEY.encode(), str(value).encode(), "sha256").hexdigest()
    assert pseudonymize(value, KEY) == pseudonymize(value, KEY.encode()) == expected


def test_another_key_gives_another_pseudonym() -> None:
    assert pseudonymize(42, KEY) != pseudonymize(42, KEY + "!")


def test_a_text_that_utf_8_cannot_say_has_a_pseudonym_too() -> None:
    assert len(pseudonymize("\udcff", KEY)) == 64


@pytest.mark.parametrize("key", ["", b"", None, "short", b"k" * 31, 7])
def test_a_key_that_is_missing_or_short_is_refused(key: Any) -> None:
    with pytest.raises(SettingsError, match=r"^user_key must be a secret of at least 32 bytes"):
        pseudonymize(42, key)


def signed_in(user_id: object) -> Any:
    return doing(lambda: bind_user(user_id))


def test_the_lines_of_a_request_tell_its_user_by_a_pseudonym(log: Log) -> None:
    call(observe(signed_in(42), user_key=KEY))
    assert log.access["user"] == pseudonymize(42, KEY)


@pytest.mark.parametrize("nobody", [None, ""])
def test_nobody_has_no_pseudonym(nobody: object, log: Log) -> None:
    call(observe(signed_in(nobody), user_key=KEY))
    assert "user" not in log.access


def test_without_a_key_nobody_is_told_and_that_is_said_once(log: Log) -> None:
    for _ in range(2):
        call(observe(signed_in("jane@example.com")))
    (line,) = log.warnings
    assert "user_key" in line["message"]
    assert "jane" not in "".join(log.texts)


def test_an_id_that_has_no_text_costs_its_pseudonym_only(log: Log) -> None:
    class Unreadable:
        def __str__(self) -> str:
            raise OSError("gone")

    answer = call(observe(signed_in(Unreadable()), user_key=KEY))
    assert answer.code == 200
    assert "user" not in log.access
    assert len(log.warnings) == 1


def test_outside_a_request_nothing_happens(log: Log) -> None:
    bind_user(42)
    assert log.lines == []


def test_a_job_within_the_request_has_the_requests_key(log: Log) -> None:
    import logging

    def app(environ: Any, start_response: Any) -> Any:
        with log_context("job"):
            bind_user(42)
            logging.getLogger("job").info("working")
        return answering()(environ, start_response)

    call(observe(app, user_key=KEY))
    (line,) = log.of("job")
    assert line["user"] == pseudonymize(42, KEY)
    assert "user" not in log.access
