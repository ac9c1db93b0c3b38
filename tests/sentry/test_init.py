"""`init_sentry`, and an init of one's own: options, hooks, what is left out, what is counted."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from sentry_sdk.consts import DEFAULT_OPTIONS

from tests.sentry.child import run
from tests.sentry.endpoint import Endpoint, sentry_endpoint
from tests.support import strict_json

SECRET = "hunter2-canary"

# Sentry imports each framework that is installed, to look whether it is in use: a second's work.
LIGHT = "auto_enabling_integrations=False"

# Each puts the secret into one kind of thing that Sentry sends, by a hook of the user's.
HOOKS = {
    "before_send": ("event", "sentry_sdk.capture_message('hello')"),
    "before_send_transaction": (
        "transaction",
        "with sentry_sdk.start_transaction(name='work'): pass",
    ),
    "before_breadcrumb": (
        "event",
        "sentry_sdk.add_breadcrumb(message='step'); sentry_sdk.capture_message('hello')",
    ),
    "before_send_log": ("log", "sentry_sdk.logger.info('hello')"),
    "before_send_metric": ("trace_metric", "sentry_sdk.metrics.count('orders', 1)"),
    "before_send_span": (
        "span",
        "with sentry_sdk.traces.start_span(name='work', parent_span=None): pass",
    ),
}
BAG = {
    "before_send": "extra",
    "before_send_transaction": "extra",
    "before_breadcrumb": "data",
}
OPTIONS = {
    "before_send_transaction": "traces_sample_rate=1.0",
    "before_send_log": "enable_logs=True",
    "before_send_span": "traces_sample_rate=1.0, trace_lifecycle='stream'",
}


def known(*hooks: str) -> list[Any]:
    """The hooks that this version of Sentry has, and the others as skipped."""
    return [
        pytest.param(one, marks=pytest.mark.skipif(one not in DEFAULT_OPTIONS, reason="too old"))
        for one in hooks
    ]


def with_hook(endpoint: Endpoint, hook: str, body: str, *more: str) -> None:
    """Run a process whose own hook does this to a thing before it is sent."""
    _, sending = HOOKS[hook]
    options = ", ".join([LIGHT, f"{hook}=own", *filter(None, [OPTIONS.get(hook, "")]), *more])
    run(
        endpoint,
        f"""
def own(thing, hint):
    {body}
    return thing
init_sentry({options})
with log_context("job-7"):
    {sending}
sentry_sdk.flush(5)  # at the exit it is too late to start a thread, from Python 3.12 on
""",
    )


def planting(hook: str) -> str:
    bag = BAG.get(hook, "attributes")
    return f"thing.setdefault({bag!r}, {{}})['user_password'] = {SECRET!r}"


@pytest.mark.parametrize("hook", known(*HOOKS))
def test_what_a_hook_of_the_users_adds_is_scrubbed(hook: str) -> None:
    kind = HOOKS[hook][0]
    with sentry_endpoint() as endpoint:
        with_hook(endpoint, hook, planting(hook), "redact=False")
        assert SECRET.encode() in endpoint.raw  # or nothing would be proven below
    with sentry_endpoint() as endpoint:
        with_hook(endpoint, hook, planting(hook))
        assert endpoint.of(kind)
        assert SECRET.encode() not in endpoint.raw
        assert b"job-7" in endpoint.raw


@pytest.mark.parametrize("hook", known("before_send", "before_breadcrumb", "before_send_span"))
def test_a_hook_that_fails_lets_nothing_through_as_it_was(hook: str) -> None:
    with sentry_endpoint() as endpoint:
        with_hook(endpoint, hook, f"{planting(hook)}; raise ValueError('no')")
        assert SECRET.encode() not in endpoint.raw


@pytest.mark.parametrize("hook", known("before_send", "before_send_transaction", "before_send_log"))
def test_what_a_hook_of_the_users_drops_is_not_sent(hook: str) -> None:
    with sentry_endpoint() as endpoint:
        with_hook(endpoint, hook, "return None")
        assert endpoint.of(HOOKS[hook][0]) == []


def test_a_failure_that_a_hook_dropped_may_be_told_by_somebody_else() -> None:
    with sentry_endpoint() as endpoint:
        run(
            endpoint,
            """
            init_sentry(before_send=lambda event, hint: None if "log_record" in hint else event)
            def app(environ, start_response):
                try:
                    1 / 0
                except ZeroDivisionError:
                    logging.exception("first")
                    sentry_sdk.capture_exception()
                    raise
            call(observe(app))
            """,
        )
        (event,) = endpoint.events
    assert event["exception"]["values"][0]["type"] == "ZeroDivisionError"


def test_names_of_ones_own_count_here_and_the_switch_of_the_log_does_not() -> None:
    with sentry_endpoint() as endpoint:
        run(
            endpoint,
            f"""
            settings = Settings(redact=False, redact_add=("pupil",), redact_keep=("session",),
                redact_patterns=("EMP-[0-9]+",))
            init_sentry(settings=settings)
            sentry_sdk.set_context("mine", {{
                "pupil_name": {SECRET!r}, "user_password": {SECRET!r}, "session": "afternoon",
                "note": "EMP-42 left"}})
            sentry_sdk.capture_message("hello")
            """,
        )
        (event,) = endpoint.events
    mine = event["contexts"]["mine"]
    assert (mine["pupil_name"], mine["user_password"]) == ("[REDACTED]", "[REDACTED]")
    assert (mine["session"], mine["note"]) == ("afternoon", "[REDACTED] left")


def test_a_scrubber_that_fails_drops_what_it_cannot_read_says_so_once_and_counts() -> None:
    with sentry_endpoint() as endpoint:
        process = run(
            endpoint,
            f"""
            def own(event, hint):
                event["extra"] = type("Bag", (dict,), {{"items": None, "__iter__": None}})(
                    password={SECRET!r})
                return event
            init_sentry(before_send=own)
            sentry_sdk.capture_message("one")
            sentry_sdk.capture_message("two")
            print("dropped", scrub.dropped)
            """,
        )
        assert endpoint.events == []
    assert "dropped 2" in process.stdout
    assert process.stdout.count("logged once") == 1
    assert SECRET.encode() not in endpoint.raw


def test_without_a_dsn_nothing_starts_and_the_log_says_so() -> None:
    with sentry_endpoint() as endpoint:
        process = run(
            endpoint,
            """
            init_sentry()
            print("active", sentry_sdk.get_client().is_active())
            """,
            dsn="",
        )
    assert "active False" in process.stdout
    (line,) = [json.loads(text) for text in process.stdout.splitlines() if text[0] == "{"]
    assert (line["level"], line["logger"]) == ("INFO", "wsgi_observe.sentry")
    assert "SENTRY_DSN" in line["message"]


def at_the_end(options: str) -> str:
    """Return what a process prints that ends while an event is still on its way."""
    with sentry_endpoint() as endpoint:
        endpoint.released.clear()
        process = run(
            endpoint,
            f"""
            from sentry_sdk.integrations.atexit import AtexitIntegration
            init_sentry({LIGHT}, shutdown_timeout=0.5, {options})
            sentry_sdk.capture_message("hello")
            """,
        )
    assert process.stderr == ""
    return process.stdout


def test_what_is_still_being_sent_at_the_end_is_told_in_the_log() -> None:
    (line,) = [json.loads(text) for text in at_the_end("").splitlines()]
    assert (line["level"], line["logger"]) == ("INFO", "wsgi_observe.sentry")
    told = r"Sentry is still sending \d envelopes: waiting for up to 0.5 seconds"
    assert re.fullmatch(told, line["message"])


def test_who_says_how_to_tell_it_is_believed() -> None:
    own = "integrations=[AtexitIntegration(callback=lambda pending, timeout: print('mine'))]"
    assert at_the_end(own) == "mine\n"
    assert at_the_end("default_integrations=False") == ""


def test_an_argument_says_where_to_before_the_environment_does() -> None:
    with sentry_endpoint() as endpoint:
        run(
            endpoint,
            f"init_sentry({endpoint.dsn!r}); sentry_sdk.capture_message('hello')",
            dsn="http://public@127.0.0.1:9/1",
        )
        assert len(endpoint.events) == 1


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param("", (None, "never"), id="by default"),
        pytest.param("include_local_variables=True", ("'seen'", "never"), id="local variables"),
        pytest.param("max_request_body_size='always'", (None, "always"), id="request bodies"),
    ],
)
def test_local_variables_and_bodies_are_off_unless_an_option_says_otherwise(
    options: str, expected: tuple[Any, str]
) -> None:
    with sentry_endpoint() as endpoint:
        process = run(
            endpoint,
            f"""
            init_sentry({LIGHT}, {options})
            def fail():
                colour = "seen"
                raise ValueError
            try:
                fail()
            except ValueError as error:
                sentry_sdk.capture_exception(error)
            client = sentry_sdk.get_client()
            print("bodies", client.options["max_request_body_size"])
            print("pii", client.should_send_default_pii())
            """,
        )
        (event,) = endpoint.events
    frame = event["exception"]["values"][0]["stacktrace"]["frames"][-1]
    assert frame.get("vars", {}).get("colour") == expected[0]
    assert f"bodies {expected[1]}" in process.stdout
    assert "pii False" in process.stdout


@pytest.mark.skipif("before_send_log" not in DEFAULT_OPTIONS, reason="too old")
def test_an_init_of_ones_own_takes_the_integration_and_the_hook() -> None:
    with sentry_endpoint() as endpoint:
        run(
            endpoint,
            """
            sentry_sdk.init(integrations=[ObserveIntegration()], before_send=scrub,
                            before_send_log=scrub, enable_logs=True, include_local_variables=True)
            def app(environ, start_response):
                password = "hunter2-canary"
                sentry_sdk.logger.warning("password=hunter2-canary")
                raise ValueError("password=hunter2-canary")
            call(observe(app), HTTP_X_REQUEST_ID="abc")
            """,
        )
        (event,) = endpoint.events
        (logs,) = endpoint.of("log")
    assert SECRET.encode() not in endpoint.raw
    assert event["tags"]["request_id"] == "abc"
    assert {log["attributes"]["request_id"]["value"] for log in logs["items"]} == {"abc"}


@pytest.mark.parametrize("fingerprint", [None, ["mine"]], ids=["ours", "the app's own"])
def test_an_event_is_grouped_by_the_error_id_of_its_line(fingerprint: list[str] | None) -> None:
    with sentry_endpoint() as endpoint:
        done = run(
            endpoint,
            f"""
            init_sentry()
            def app(environ, start_response):
                if {fingerprint}:
                    sentry_sdk.get_isolation_scope().fingerprint = {fingerprint}
                raise ValueError("x")
            call(observe(app))
            """,
        )
        (event,) = endpoint.events
    lines = map(strict_json, done.stdout.splitlines())
    (error_id,) = [line["error_id"] for line in lines if line["level"] == "ERROR"]
    assert event["tags"]["error_id"] == error_id
    assert event["fingerprint"] == (fingerprint or [error_id])


def test_a_probe_makes_no_transaction_and_a_request_makes_one() -> None:
    with sentry_endpoint() as endpoint:
        run(
            endpoint,
            """
            init_sentry(traces_sample_rate=1.0)
            from flask import Flask
            app = Flask("shop")
            app.get("/")(lambda: "hello")
            app.wsgi_app = observe(app.wsgi_app, checks={"db": lambda: None})
            for path in ("/health", "/ready", "/ready/db", "/health/", "/"):
                assert call(app, path, HTTP_X_REQUEST_ID="abc").code == 200
            """,
        )
        (transaction,) = endpoint.of("transaction")
    assert transaction["request"]["url"].endswith("/")
    assert transaction["tags"]["request_id"] == "abc"


@pytest.mark.parametrize(
    "options",
    ["", "integrations=[LoggingIntegration(event_level=logging.WARNING)]"],
    ids=["by default", "with warnings as events"],
)
@pytest.mark.parametrize("how", ["raise OSError('refused')", "return False"])
def test_a_check_that_starts_to_fail_is_one_event(options: str, how: str) -> None:
    with sentry_endpoint() as endpoint:
        run(
            endpoint,
            f"""
            from sentry_sdk.integrations.logging import LoggingIntegration
            init_sentry({LIGHT}, {options})
            def ping():
                {how}
            app = observe(lambda environ, start: [], checks={{"db": ping}}, check_ttl=0.0,
                          check_remind=0.001)
            for _ in range(3):
                assert call(app, "/ready").code == 503
            """,
        )
        (event,) = endpoint.events
    assert event["logger"] == "wsgi_observe.health"
    assert event["level"] == "error"
    assert event["tags"]["check"] == "db"
    assert event["logentry"]["message"].startswith("Readiness check db fails")


def test_a_configuration_that_disables_loggers_costs_no_event() -> None:
    with sentry_endpoint() as endpoint:
        run(
            endpoint,
            """
            import logging.config
            init_sentry()
            configure_logging()
            logging.config.dictConfig({"version": 1})  # by default it disables all of them
            def app(environ, start_response):
                raise ValueError("boom")
            call(observe(app), HTTP_X_REQUEST_ID="abc")
            """,
        )
        (event,) = endpoint.events
    assert event["exception"]["values"][0]["type"] == "ValueError"
    assert event["tags"]["request_id"] == "abc"
