"""Question 11 of the doctor: do secrets get into log lines, or to Sentry?"""

import socket
from pathlib import Path

import pytest

from tests.doctor.examining import ask_about, ask_one
from tests.doctor.test_logging_setup import CONFIGURED, HELLO, line_of
from wsgi_observe.doctor.answer import Result

REDACTED = "from wsgi_observe import configure_logging\nconfigure_logging()\n"
RECORDS = [
    *("password=… in a message", "the password in a URL", "password=… in an exception"),
    "a card number",
]
LOGS = """
from flask import request
import sys
"""


def test_lines_that_are_not_redacted_have_what_the_app_logs(tmp_path: Path) -> None:
    (fault,) = ask_one(tmp_path, HELLO, 11).faults
    assert fault.seen.partition(": ")[2].split(", ") == RECORDS
    assert ask_one(tmp_path, HELLO, 11, is_observed=True).result is Result.PASS


REQUESTS = {
    "headers": (
        'app.logger.error("%s", dict(request.headers))',
        "the header Authorization, the header X-Api-Key, a cookie",
    ),
    "query": ("app.logger.error(request.url)", "token in the query"),
    "body": (
        'app.logger.error("%s", request.get_json(silent=True))',
        "password in a JSON body",
    ),
    "print": ("print(request.full_path)", "token in the query"),
    "extra": (
        'app.logger.error("x", extra={"key": request.headers.get("X-Api-Key")})',
        "the header X-Api-Key",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("statement", "seen"),
    REQUESTS.values(),
    ids=REQUESTS,
)
def test_what_the_app_logs_of_requests_is_named_with_its_place(
    tmp_path: Path, statement: str, seen: str
) -> None:
    hook = f"@app.before_request\ndef log():\n    {statement}\n"
    source = f"{CONFIGURED}{HELLO}{LOGS}{hook}"
    fault = ask_one(tmp_path, source, 11).faults[0]
    assert fault.seen == f"log lines have {seen}"
    # What is printed has no record.
    assert fault.where == (None if "print" in statement else line_of(source, statement))


@pytest.mark.slow
@pytest.mark.parametrize("route", ["/reset/<token>", "/orders/<number>"])
def test_a_token_in_a_path_counts_if_the_app_has_such_a_route(tmp_path: Path, route: str) -> None:
    views = f"""
@app.after_request
def log(response):
    app.logger.error("done", extra={{"path": request.path}})
    return response
app.add_url_rule("{route}", "own", lambda **values: "ok")
"""
    seen = ask_one(tmp_path, f"{CONFIGURED}{HELLO}{LOGS}{views}", 11).faults[0].seen
    assert ("the token of /reset/<token>" in seen) == ("token" in route)


@pytest.mark.slow
def test_a_formatter_that_removes_all_but_card_numbers_is_a_warning(tmp_path: Path) -> None:
    source = f"""import logging, re
class Masking(logging.Formatter):
    def format(self, record):
        return re.sub(r"(password=|://[^:]*:)[^ @]*", r"\\1***", super().format(record))
handler = logging.StreamHandler()
handler.setFormatter(Masking())
logging.root.addHandler(handler)
{HELLO}"""
    answer = ask_one(tmp_path, source, 11)
    assert answer.result is Result.WARN
    assert answer.faults[0].seen.endswith(": a card number")


SENTRY = "import sentry_sdk\nsentry_sdk.init({options})\n"


@pytest.mark.slow
def test_events_for_sentry_are_searched_and_not_sent(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        port = server.getsockname()[1]
        init = SENTRY.format(options=f'"http://key@127.0.0.1:{port}/1"')
        source = f"{REDACTED}{init}{HELLO}"
        events, options = ask_one(tmp_path, source, 11, allows_network=True).faults
        with pytest.raises(BlockingIOError):  # nobody has connected
            server.accept()
    assert events.seen.startswith("events for Sentry have token in the query, password=…")
    assert "a local variable" in events.seen
    assert options.is_warning
    assert 'include_local_variables=True, max_request_body_size="medium"' in options.seen
    assert options.where == line_of(source, "sentry_sdk.init")


@pytest.mark.slow
def test_personal_data_for_sentry_are_a_fault_also_without_a_dsn(tmp_path: Path) -> None:
    hook = "before_send=lambda event, hint: {}"
    init = SENTRY.format(options=f"send_default_pii=True, {hook}")
    (fault,) = ask_one(tmp_path, f"{REDACTED}{init}{HELLO}", 11).faults
    assert fault.seen.startswith("send_default_pii is on")
    assert fault.where == "shop.py:4"


GOOD_SENTRY = {
    "init_sentry": 'from wsgi_observe.sentry import init_sentry\ninit_sentry("https://k@localhost/1")',
    "before_send": SENTRY.format(options="before_send=lambda event, hint: {'message': 'x'}"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "init",
    GOOD_SENTRY.values(),
    ids=GOOD_SENTRY,
)
def test_redacted_events_and_lines_pass(tmp_path: Path, init: str) -> None:
    answer = ask_one(tmp_path, f"{REDACTED}{init}\n{HELLO}", 11, is_observed=True)
    assert answer.faults == ()
    assert "to Sentry" in answer.seen


@pytest.mark.slow
def test_an_access_log_with_the_query_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "gunicorn.conf.py").write_text('accesslog = "-"\n', encoding="utf-8")
    answer = ask_one(tmp_path, f"{REDACTED}{HELLO}", 11, config="gunicorn.conf.py")
    assert answer.faults == ()  # the library's own handlers take Gunicorn's messages
    fault = ask_one(tmp_path, HELLO, 11, config="gunicorn.conf.py").faults[-1]
    assert "%(r)s" in fault.seen
    assert fault.where == "gunicorn.conf.py:1"


@pytest.mark.slow
def test_what_a_framework_writes_past_logging_needs_the_logger_class(tmp_path: Path) -> None:
    source = f"import falcon\n{REDACTED}app = falcon.App()\n"
    query, records = ask_one(tmp_path, source, 11).faults
    assert query.seen == "log lines have token in the query"
    assert (
        records.seen == "secrets that the doctor logs are not redacted: password=… in an exception"
    )
    assert records.is_warning
    assert "wsgi.errors" in query.remedy
    assert query.remedy == records.remedy
    assert ask_one(tmp_path, source, 11, is_observed=True).result is Result.PASS


SECOND_HANDLER = f"""{HELLO}import logging
class Own(logging.Formatter): pass
handler = logging.StreamHandler()
handler.setFormatter(Own("%(message)s"))
logging.root.addHandler(handler)
"""


@pytest.mark.slow
def test_the_remedy_for_a_handler_beside_the_librarys_is_to_remove_it(tmp_path: Path) -> None:
    answers = ask_about(tmp_path, SECOND_HANDLER, 8, 9, 11, is_observed=True)
    remedies = {fault.remedy for answer in answers.values() for fault in answer.faults}
    (remedy,) = remedies
    assert remedy.startswith("remove StreamHandler with Own from the logger root")
