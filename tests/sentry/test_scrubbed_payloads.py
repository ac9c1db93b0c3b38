"""Payloads of any shape: no secret stays, the rest does, and the given one is not changed."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.redaction import Redactor
from wsgi_observe.sentry.payload import redact_payload

SECRET = "hunter2-canary"
REDACTOR = Redactor(personal=True)
PARTS = (
    *("request", "exception", "threads", "breadcrumbs", "spans", "contexts", "logentry"),
    *("extra", "tags", "user", "message", "transaction", "fingerprint", "anything"),
)

LEAVES = st.none() | st.booleans() | st.integers(0, 99) | st.text(max_size=9)
DATA = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["values", "data", "query", "headers", "stacktrace", "frames", "a"]),
            inner,
            max_size=3,
        )
        | inner.map(lambda one: {"user_password": SECRET, "beside": one})
    ),
    max_leaves=8,
)


@given(event=st.dictionaries(st.sampled_from(PARTS), DATA, max_size=5))
def test_whatever_an_event_is_made_of_no_sensitive_value_stays(event: dict[str, Any]) -> None:
    given_event = {**copy.deepcopy(event), "event_id": "7"}
    clean = redact_payload(given_event, REDACTOR)
    assert SECRET not in json.dumps(clean)
    assert given_event == {**event, "event_id": "7"}
    assert redact_payload(copy.deepcopy(clean), REDACTOR) == clean


@given(thing=DATA)
def test_nor_in_anything_else_that_a_hook_is_given(thing: Any) -> None:
    assert SECRET not in json.dumps(redact_payload(thing, REDACTOR))
    log = {"body": "hello", "attributes": {"a": 1, "user_password": SECRET}}
    assert SECRET not in json.dumps(redact_payload(log, REDACTOR))


EVENT = {
    "event_id": "0190c2f5aaaa7bbb8cccddddeeeeffff",
    "timestamp": "2026-11-22T19:00:00Z",
    "modules": {"tokenize-rt": "6.0", "secretstorage": "3.3", "flask": "3.1"},
    "sdk": {"name": "sentry.python.flask", "version": "2.75.0"},
    "contexts": {
        "trace": {
            "trace_id": "4111111111111111aaaaaaaaaaaaaaaa",
            "span_id": "4111111111111111",
            "dynamic_sampling_context": {"public_key": "abc", "trace_id": "4"},
        }
    },
    "request": {"method": "GET", "url": "http://shop/orders/7", "query_string": "page=2"},
    "transaction": "reset_password",
    "tags": {"request_id": "4111111111111111", "route": "/orders/<int:token_id>"},
    "exception": {
        "values": [
            {
                "type": "TokenError",
                "module": "shop.auth.tokens",
                "value": "no token for order 7",
                "stacktrace": {
                    "frames": [
                        {
                            "filename": "shop/auth/token.py",
                            "function": "check_password",
                            "module": "shop.auth.token",
                            "lineno": 42,
                            "context_line": "    raise TokenError(order)",
                            "pre_context": ["def check_password(order):", ""],
                            "vars": {"order": "7"},
                            "in_app": True,
                        }
                    ]
                },
            }
        ]
    },
}


def test_what_is_no_secret_is_as_it_was() -> None:
    assert redact_payload(copy.deepcopy(EVENT), REDACTOR) == EVENT


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["run", "--db-password", SECRET], ["run", "--db-password", "[REDACTED]"]),
        (["run", f"--token={SECRET}", "-v"], ["run", "--token=[REDACTED]", "-v"]),
        (["run", "--tokens-used", "7"], ["run", "--tokens-used", "7"]),
    ],
)
def test_a_command_line_has_its_secrets_in_the_next_argument_too(
    arguments: list[str], shown: list[str]
) -> None:
    clean = redact_payload({"event_id": "7", "extra": {"sys.argv": arguments}}, REDACTOR)
    assert clean["extra"]["sys.argv"] == shown


def test_an_argument_of_a_message_has_its_name_in_the_message() -> None:
    entry = {"message": "password=%s", "formatted": f"password={SECRET}", "params": [SECRET]}
    clean = redact_payload({"event_id": "7", "logentry": entry}, REDACTOR)
    assert clean["logentry"]["params"] == ["[REDACTED]"]
    harmless = {"message": "order %s", "formatted": "order 7", "params": ["7"]}
    clean = redact_payload({"event_id": "7", "logentry": harmless}, REDACTOR)
    assert clean["logentry"] == harmless


@pytest.mark.parametrize(
    ("message", "params", "shown"),
    [
        ("password=%s", [SECRET], ["[REDACTED]"]),
        ("password=%(it)s", {"it": SECRET}, ["[REDACTED]"]),
        ("password=%s of %s", [SECRET], ["[REDACTED]"]),
        ("order %s of %d", ["7", 2], ["7", 2]),
        ("order %(id)s", {"id": "7"}, {"id": "7"}),
    ],
)
def test_so_it_has_where_sentry_does_not_format_the_message(
    message: str, params: Any, shown: Any
) -> None:
    entry = {"message": message, "params": params}
    clean = redact_payload({"event_id": "7", "logentry": entry}, REDACTOR)
    assert clean["logentry"]["params"] == shown


def test_the_header_of_an_envelope_has_no_secret_of_a_transactions_name() -> None:
    name = f"GET /reset/4f5d6e7a8b9c0d1e2f3a?token={SECRET}"
    sampling = {"public_key": "abc", "trace_id": "4", "transaction": name}
    trace = {"trace_id": "4", "dynamic_sampling_context": sampling}
    event = {"event_id": "7", "transaction": name, "contexts": {"trace": trace}}
    clean = redact_payload(event, REDACTOR)
    shown = "GET /reset/[REDACTED]?token=[REDACTED]"
    assert clean["transaction"] == shown
    assert clean["contexts"]["trace"]["dynamic_sampling_context"] == {
        **sampling,
        "transaction": shown,
    }


def test_a_check_in_has_its_trace_without_the_data_of_a_span() -> None:
    trace = {"trace_id": "4", "data": {"login": ["jane", SECRET]}}
    check_in = {"event_id": "7", "type": "check_in", "contexts": {"trace": trace}}
    clean = redact_payload(check_in, REDACTOR)
    assert clean["contexts"]["trace"] == {"trace_id": "4"}


def test_a_frame_of_a_database_driver_shows_no_variable() -> None:
    frame = {"module": "sqlalchemy.engine.base", "lineno": 1, "vars": {"params": [[SECRET]]}}
    values = [{"type": "E", "value": "x", "stacktrace": {"frames": [frame]}}]
    clean = redact_payload({"event_id": "7", "exception": {"values": values}}, REDACTOR)
    assert SECRET not in json.dumps(clean)
