"""The log's side of redaction: every text and field of a line, before it is cut."""

import copy
import io
import logging
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from tests.calls import answering, call
from tests.conftest import Log
from tests.logs.access_line import line_of as access_line_of
from tests.logs.access_line import only_ours
from tests.support import strict_json
from wsgi_observe import AccessLog, bind, configure_logging, observe
from wsgi_observe.logs import ConsoleFormatter, JsonFormatter, join
from wsgi_observe.logs.log_record import make_own_extra
from wsgi_observe.settings import Settings

SECRET = "hunter2hunter2"
FORMATTERS = [JsonFormatter, ConsoleFormatter]
_log = logging.getLogger("shop")


def record_of(msg: object = "hello", *args: Any, **extra: Any) -> logging.LogRecord:
    exc_info = extra.pop("exc_info", None)
    record = logging.LogRecord("shop", logging.ERROR, "shop.py", 1, msg, args, exc_info)
    record.__dict__.update(extra)
    return record


def failing(error: BaseException, cause: BaseException | None = None) -> Any:
    try:
        raise error from cause
    except BaseException:
        return sys.exc_info()


def sql_error() -> Any:
    engine = create_engine("sqlite://")
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT :a, x FROM nowhere"), {"a": SECRET})
    except Exception:
        return sys.exc_info()
    finally:
        engine.dispose()


def noted() -> Any:
    error = ValueError("no")
    error.add_note(f"password={SECRET}")
    return failing(error)


RECORDS = {
    "the message": lambda: record_of(f"password={SECRET}"),
    "an argument": lambda: record_of("sent %s", {"api_key": SECRET}),
    "a message that is no text": lambda: record_of({"api_key": SECRET}),
    "a message with arguments that do not fit": lambda: record_of(f"token={SECRET} %d", "x"),
    "a field": lambda: record_of(user_token=SECRET),
    "a field of data": lambda: record_of(order={"card": [{"cvv": SECRET}]}),
    "a field of text": lambda: record_of(note=f"Bearer {SECRET}"),
    "an exception": lambda: record_of(exc_info=failing(ValueError(f"password={SECRET}"))),
    "a cause": lambda: record_of(
        exc_info=failing(ValueError("no"), KeyError(f"redis://:{SECRET}@cache"))
    ),
    "a group": lambda: record_of(
        exc_info=failing(ExceptionGroup("no", [ValueError(f"password={SECRET}")]))
    ),
    "a note": lambda: record_of(exc_info=noted()),
    "a statement": lambda: record_of(exc_info=sql_error()),
    "a text of an exception": lambda: record_of(exc_text=f"ValueError: password={SECRET}"),
    "a stack": lambda: record_of(stack_info=f"Stack:\n    password = '{SECRET}'"),
    "a long text": lambda: record_of(f"password='{SECRET * 2000}' {'b' * 9000}"),
}


BOTH = [
    pytest.param(formatter, make, id=f"{formatter.__name__}, {what}")
    for formatter in FORMATTERS
    for what, make in RECORDS.items()
    if formatter is JsonFormatter or what != "a stack"  # which a person is not shown
]


@pytest.mark.parametrize(("formatter", "make"), BOTH)
def test_a_secret_is_not_on_the_line(make: Any, formatter: type[logging.Formatter]) -> None:
    shown = formatter().format(make())
    assert SECRET not in shown
    assert "[REDACTED]" in shown


@pytest.mark.parametrize(("formatter", "make"), BOTH)
def test_switched_off_it_is(make: Any, formatter: Any) -> None:
    assert SECRET in formatter(redact=False).format(make())


@pytest.mark.parametrize("make", RECORDS.values(), ids=RECORDS)
def test_no_part_of_a_long_record_has_it(make: Any) -> None:
    lines = JsonFormatter(max_line_bytes=1024).lines(make())
    assert not [line for line in lines if SECRET[:7].encode() in line]
    assert not [record for record in join(lines) if SECRET[:7] in str(record)]


def test_a_record_and_what_is_on_it_stay_as_they_were() -> None:
    order = {"card": [{"cvv": SECRET}]}
    record = record_of("password=%s", SECRET, order=order)
    before = copy.deepcopy(order)
    JsonFormatter().format(record)
    assert order == before
    assert record.order is order
    assert record.getMessage() == f"password={SECRET}"


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_names_are_added_and_taken_off(formatter: Any) -> None:
    line = formatter(redact_add=["order_note"], redact_keep=["session"]).format(
        record_of("orderNote: one, session_id: two")
    )
    assert "orderNote: [REDACTED], session_id: two" in line


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize(("personal", "shown"), [(True, "[REDACTED]"), (False, "jane@example.com")])
def test_persons_are_left_out_when_asked_for(formatter: Any, personal: bool, shown: str) -> None:
    line = formatter(redact_personal=personal).format(record_of("sent to jane@example.com"))
    assert f"sent to {shown}" in line


def test_the_fields_of_the_contract_stay() -> None:
    facts = {"request_id": "4111111111111111", "duration_ms": 4111111111111111}
    record = record_of("hello", **make_own_extra(facts))
    line = strict_json(JsonFormatter(redact_personal=True, redact_add=["pid"]).format(record))
    assert line["request_id"] == "4111111111111111"
    assert line["duration_ms"] == 4111111111111111
    assert line["pid"] == record.process


def test_static_fields_are_redacted_too() -> None:
    formatter = JsonFormatter(static_fields={"service": "shop", "db": f"pg://a:{SECRET}@db"})
    line = strict_json(formatter.format(record_of()))
    assert (line["service"], line["db"]) == ("shop", "pg://a:[REDACTED]@db")


@pytest.mark.parametrize(
    ("options", "shown"),
    [({}, "password=[REDACTED]"), ({"redact": False}, f"password={SECRET}")],
)
def test_the_settings_reach_the_lines(
    options: Any, shown: str, clean_logging: None, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_format="json", **options)
    _log.warning("password=%s", SECRET)
    assert shown in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({}, "a=1&token=[REDACTED]&vin=2"),
        ({"redact": False}, "a=1&token=x&vin=2"),
        ({"redact_add": ["vin"], "redact_keep": ["token"]}, "a=1&token=x&vin=[REDACTED]"),
    ],
)
@pytest.mark.parametrize("wrap", [observe, AccessLog])
def test_the_query_is_told_as_the_settings_have_it(
    wrap: Any, options: Any, shown: str, log: Log
) -> None:
    call(wrap(answering(), access_query=True, **options), QUERY_STRING="a=1&token=x&vin=2")
    assert log.access["query_string"] == shown


JWT = f"eyJhbGciOiJIUzI1NiJ9.{SECRET}{SECRET}{SECRET}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (f"/verify/{JWT}", "/verify/[REDACTED]"),
        (f"/cart;jsessionid={SECRET}", "/cart;jsessionid=[REDACTED]"),
        (f"/cart;page={SECRET}", f"/cart;page={SECRET}"),
        ("/password:hunter22", "/password:[REDACTED]"),
        ("/get/https://u:hunter22@h/a", "/get/https://u:[REDACTED]@h/a"),
        ("/t/eyJhbGciOiJI.e30.c2ln", "/t/[REDACTED]"),
        ("/pay/4111111111111111", "/pay/[REDACTED]"),
        ("/accounts/reset/MQ/c4x2k1-4f5d6e7a8b9c0d/", "/accounts/reset/MQ/[REDACTED]/"),
        ("/verify-email/4f5d6e7a8b9c0d1e2f3a", "/verify-email/[REDACTED]"),
        ("/reset/how-to-reset-a-password", "/reset/how-to-reset-a-password"),
        ("/orders/01a20426de6971639deac60204342e73", "/orders/01a20426de6971639deac60204342e73"),
        ("/" + "a" * 100, "/" + "a" * 100),
    ],
)
def test_a_secret_in_a_path_is_not_told(path: str, shown: str, log: Log) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        _log.info("within")
        return answering()(environ, start_response)

    log.setFormatter(JsonFormatter())
    call(observe(app), path)
    assert log.access["path"] == shown
    assert log.access["message"] == f"GET {shown} 200"
    assert [line["path"] for line in map(strict_json, log.texts)] == [shown, shown]


TEXTS = st.sampled_from([SECRET, f"token={SECRET}", JWT, "harmless", ""])


@given(
    path=TEXTS.map(lambda end: f"/a/{end}"),
    fields=st.dictionaries(st.sampled_from(["order", "api_key", "status_code", "path"]), TEXTS),
    patterns=st.sampled_from([[], ["^harm"], ["GET /a/h.*"], ["(?<=/a/)[a-z]+", "[0-9]{3}"]]),
)
def test_the_access_line_made_without_a_record_is_the_same(
    clean_logging: None, path: str, fields: dict[str, object], patterns: list[str]
) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_X_REQUEST_ID": "a"}
    access = logging.getLogger("wsgi_observe.access")
    with only_ours() as stream:
        formatter = JsonFormatter(redact_patterns=patterns, static_fields={"service": "shop"})
        logging.getLogger().handlers[0].setFormatter(formatter)
        without = access_line_of(stream, dict(environ), fields)
        access.addFilter(_lets_all_through)
        try:
            assert access_line_of(stream, dict(environ), fields) == without
        finally:
            access.removeFilter(_lets_all_through)
    assert f"token={SECRET}" not in str(without)
    assert JWT not in str(without)


def _lets_all_through(record: logging.LogRecord) -> bool:
    return True


def test_a_secret_of_the_path_is_nowhere_on_its_requests_lines(log: Log) -> None:
    from flask import Flask, request

    from wsgi_observe.flask import Observe

    app = Flask("shop")

    @app.get("/reset/<token>")
    def reset(token: str) -> str:
        bind(seen=[token])
        _log.info("reset with %s at %s", token, request.url)
        raise ValueError(token)

    Observe(app)
    log.setFormatter(JsonFormatter())
    answer = app.test_client().get("/reset/tök-4242", buffered=True)
    assert answer.status_code == 500
    assert log.errors
    for line in log.texts:
        assert "4242" not in line


def test_a_text_whose_class_raises_is_read_past_its_class() -> None:
    class Mean(str):
        def replace(self, *arguments: Any) -> str:
            raise ValueError("no")

    line = strict_json(JsonFormatter().format(record_of(note=Mean(f"password={SECRET}"))))
    assert (line["message"], line["note"]) == ("hello", "password=[REDACTED]")


@pytest.mark.parametrize("path", ["/orders/EMP-42", "/orders"])
def test_a_pattern_may_match_across_method_path_and_status(clean_logging: None, path: str) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path}
    with only_ours() as stream:
        formatter = JsonFormatter(redact_patterns=["GET /orders 2", "EMP-[0-9]+ 200"])
        logging.getLogger().handlers[0].setFormatter(formatter)
        line = strict_json(access_line_of(stream, environ, {}))
    assert line["message"] in ("[REDACTED]00", "GET /orders/[REDACTED]")


def test_a_formatter_is_made_of_the_settings_names() -> None:
    settings = Settings(redact_add=["vin"])
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter(redact_add=settings.redact_add))
    handler.emit(record_of("vin: 12"))
    assert "vin: [REDACTED]" in stream.getvalue()
