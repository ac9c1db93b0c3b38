"""Mails of ERROR lines, to a real mail server: what they say, how many, and who waits."""

from __future__ import annotations

import logging
import os
import re
import shutil
import ssl
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import AuthResult, LoginPassword
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import answering, call, call_freely, raising
from tests.conftest import Log
from tests.logs.mailbox import Mailbox, hanging_server, mailbox
from tests.support import PATIENCE, eventually
from wsgi_observe import configure_logging, observe
from wsgi_observe.flask import Observe
from wsgi_observe.logs.handlers import mail_queue as post
from wsgi_observe.logs.handlers.mail import TIMEOUT_SECONDS, MailHandler, format_mail
from wsgi_observe.logs.handlers.mail_queue import Mail
from wsgi_observe.logs.line import LineMaker

ROOT = Path(__file__).parents[2]
SECRET = "hunter2-canary"
_log = logging.getLogger("shop")


@contextmanager
def mailing(port: int, **overrides: Any) -> Iterator[MailHandler]:
    """Have the errors of the block mailed."""
    settings = {"mail_from": "shop@example.com", "mail_host": f"127.0.0.1:{port}", **overrides}
    configure_logging(mail_to=["ops@example.com", "me@example.com"], **settings)
    root = logging.getLogger()
    (handler,) = [one for one in root.handlers if isinstance(one, MailHandler)]
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        handler.flush()
        handler.close()


@pytest.fixture(autouse=True)
def _no_thread_is_left() -> Iterator[None]:
    """Fail the test whose mails would still be on their way in the next."""
    yield
    eventually(lambda: not threads())


def threads() -> list[str]:
    return [one.name for one in threading.enumerate() if one.name == post.THREAD_NAME]


@pytest.fixture
def box(clean_logging: None) -> Iterator[Mailbox]:
    with mailbox() as found:
        yield found


def wait_for(box: Mailbox, count: int) -> list[Any]:
    eventually(lambda: len(box.envelopes) >= count)
    assert len(box.envelopes) == count
    return box.mails


def fail() -> Any:
    raise ValueError(f"password={SECRET} of jane@example.com")


def test_a_failure_is_one_mail_with_its_route_and_request_id(box: Mailbox) -> None:
    app = Flask("shop")
    app.get("/orders/<int:number>")(lambda number: fail())
    with mailing(box.port, log_fields={"service": "shop"}):
        Observe(app)
        call(app, "/orders/7", HTTP_X_REQUEST_ID="abc")
        (mail,) = wait_for(box, 1)
    assert mail["Subject"] == "[shop ERROR] GET /orders/<int:number>: ValueError (abc)"
    assert mail["To"] == "ops@example.com, me@example.com"
    assert mail["From"] == "shop@example.com"
    (text,) = box.texts
    assert "path: /orders/7\n" in text
    assert "request_id: abc\n" in text
    assert "Traceback (most recent call last):" in text
    assert "in fail\n" in text
    assert SECRET not in text
    assert "jane@example.com" not in text


def test_what_a_pattern_matches_is_not_mailed(box: Mailbox) -> None:
    with mailing(box.port, redact_patterns=[r"EMP-\d+"]):
        call(observe(raising(ValueError("EMP-42 is gone"))), "/staff/EMP-42")
        (mail,) = wait_for(box, 1)
    assert "EMP-42" not in mail["Subject"] + box.texts[0]
    assert "ValueError: [REDACTED] is gone" in box.texts[0]


def test_at_the_boundary_too_and_the_servers_echo_is_no_second_one(box: Mailbox) -> None:
    with mailing(box.port):
        error = ValueError("no")
        call(observe(raising(error)), "/crash", HTTP_X_REQUEST_ID="abc")
        logging.getLogger("gunicorn.error").error("Error handling request", exc_info=error)
        _log.error("the last one")
        first, last = wait_for(box, 2)
    assert first["Subject"] == "[ERROR] GET /crash: ValueError (abc)"
    assert last["Subject"] == "[ERROR] the last one"


def test_a_5xx_that_the_app_answers_itself_is_one_mail(box: Mailbox) -> None:
    with mailing(box.port):
        call(observe(answering("503 Service Unavailable")), "/busy", HTTP_X_REQUEST_ID="abc")
        (mail,) = wait_for(box, 1)
    assert mail["Subject"] == "[ERROR] GET /busy: GET /busy 503 (abc)"


def test_a_5xx_of_which_the_app_logs_an_error_is_one_mail(box: Mailbox) -> None:
    def app(environ: Any, start_response: Any) -> Any:
        _log.error("the queue is full")
        return answering("503 Service Unavailable")(environ, start_response)

    with mailing(box.port):
        call(observe(app))
        _log.error("the last one")
        first, last = wait_for(box, 2)
    assert first["Subject"].startswith("[ERROR] GET /: the queue is full")
    assert last["Subject"] == "[ERROR] the last one"


def test_what_is_no_error_is_no_mail(box: Mailbox) -> None:
    with mailing(box.port):
        _log.warning("careful")
        _log.critical("now")
        (mail,) = wait_for(box, 1)
    assert mail["Subject"] == "[CRITICAL] now"


@pytest.mark.parametrize("observing", [lambda app: Observe(app), None], ids=["Observe", "Flask"])
def test_nobody_is_mailed_about_an_app_in_debug_mode(box: Mailbox, observing: Any) -> None:
    app = Flask("shop")
    app.debug = True
    app.get("/")(fail)
    with mailing(box.port):
        if observing is None:
            with app.app_context():
                app.logger.error("no")
        else:
            observing(app)
            with pytest.raises(ValueError, match="password"):
                call(app)
            _log.error("no")
    assert box.envelopes == []


HEADERS = st.text(st.characters(max_codepoint=0x2FF), max_size=300)


@given(path=HEADERS, message=HEADERS | st.text(max_size=50), name=st.text(max_size=20))
def test_no_text_can_add_a_header_or_a_line_to_the_subject(
    path: str, message: str, name: str
) -> None:
    error = type("Odd", (Exception,), {"__name__": name})(message)
    record = logging.makeLogRecord(
        {"levelname": "ERROR", "msg": message, "route": path, "method": "GET", "exc_info": error}
    )
    record.exc_info = (type(error), error, None)
    mail = format_mail(LineMaker(), record)
    assert mail.subject.isprintable()
    assert len(mail.subject) <= 300
    mail.subject.encode()
    mail.body.encode()


def test_the_stack_that_a_record_was_logged_with_is_mailed() -> None:
    record = logging.makeLogRecord({"msg": "failed", "stack_info": "Stack\n  File x"})
    assert format_mail(LineMaker(), record).body.endswith("\n\nStack\n  File x")


def test_an_inbound_id_stands_in_the_subject_as_it_is(box: Mailbox) -> None:
    with mailing(box.port):
        call_freely(
            observe(raising(ValueError())), "/a\r\nBcc: all@example.com", HTTP_X_REQUEST_ID="a=b"
        )
        (mail,) = wait_for(box, 1)
    assert mail["Bcc"] is None
    assert mail["Subject"].endswith("(a=b)")
    assert box.envelopes[0].rcpt_tos == ["ops@example.com", "me@example.com"]


def test_a_flood_is_a_few_mails_and_a_count(box: Mailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "EXIT_TIMEOUT_SECONDS", PATIENCE)
    with mailing(box.port) as handler:
        for number in range(200):
            _log.error("number %d", number)
        handler.flush()  # by its end it is known how many were too many
        handler.flush()
        assert len(about_numbers(box)) == post.MAX_PER_WINDOW
        assert told_by(box) == 200 - post.MAX_PER_WINDOW


def told_by(box: Mailbox) -> int:
    """How many errors the mails say that were not mailed."""
    return sum(int(count) for text in box.texts for count in re.findall(r"(\d+) more error", text))


def about_numbers(box: Mailbox) -> list[str]:
    return [text for text in box.texts if text.startswith("number ")]


def test_a_hanging_server_holds_nobody_up(
    clean_logging: None, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "EXIT_TIMEOUT_SECONDS", 0.1)
    with hanging_server() as port, mailing(port) as handler:
        thread = threading.Thread(target=lambda: [_log.error("no") for _ in range(300)])
        thread.start()
        thread.join(TIMEOUT_SECONDS)  # one mail alone takes as long
        assert not thread.is_alive()
    monkeypatch.setattr(post, "EXIT_TIMEOUT_SECONDS", PATIENCE)
    handler.flush()  # now that it is gone its mails end at once


def test_a_server_that_refuses_costs_its_mails_is_said_once_and_hears_the_count_later(
    box: Mailbox, log: Log
) -> None:
    box.reply = "554 no"
    with mailing(box.port):
        logging.getLogger().addHandler(log)
        for _ in range(3):
            _log.error("no")
        wait_for(box, 3)
        box.reply = "250 yes"
        eventually(lambda: log.warnings)
        _log.error("at last")
        wait_for(box, 4)
    assert "3 more errors not mailed" in box.texts[3]
    (line,) = log.warnings
    assert line["message"].startswith("sending an error by mail failed")
    assert line["exc_type"] == "SMTPDataError"


def test_a_closed_handler_ends_its_thread_whatever_it_could_not_mail(box: Mailbox) -> None:
    box.reply = "554 no"
    with mailing(box.port):
        _log.error("no")
        wait_for(box, 1)
        assert threads()
    eventually(lambda: not threads())  # long before the count would be told once more


def test_a_handler_that_is_closed_mails_all_the_same(box: Mailbox) -> None:
    with mailing(box.port) as handler:
        _log.error("no")
    handler.emit(logging.makeLogRecord({"levelname": "ERROR", "msg": "late"}))
    _, late = wait_for(box, 2)
    assert late["Subject"] == "[ERROR] late"


def test_logging_that_is_configured_anew_leaves_one_thread(box: Mailbox) -> None:
    with mailing(box.port) as first:
        _log.error("no")
        first.flush()  # the mail server of this test logs, which waits for `dictConfig` to end
        with mailing(box.port):
            _log.error("no")
            wait_for(box, 2)
            eventually(lambda: len(threads()) == 1)


def test_a_count_that_has_been_told_is_no_mail_of_nothing() -> None:
    sent: list[Mail] = []
    out = post.MailQueue(sent.append)
    for mail in (Mail("count", "", is_summary=True), Mail("error", "")):
        out.put(mail)
    out.flush()
    out.close()
    assert sent == [Mail("error", "")]


def test_the_end_of_a_process_waits_for_a_count_too(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "WINDOW_SECONDS", 0.1)
    is_sending = threading.Event()
    sent: list[str] = []

    def send(mail: Mail) -> None:
        if not mail.is_summary:
            raise OSError("no")
        is_sending.set()
        time.sleep(0.2)
        sent.append(mail.subject)

    out = post.MailQueue(send)
    out.put(Mail("error", ""))
    assert is_sending.wait(PATIENCE)
    out.flush()
    out.close()
    assert sent == ["1 more error not mailed"]


def test_a_close_starts_no_mail(log: Log) -> None:
    attempts: list[str] = []

    def send(mail: Mail) -> None:
        attempts.append(mail.subject)
        raise OSError("no")

    out = post.MailQueue(send)
    out.put(Mail("error", ""))
    out.flush()
    out.flush()
    out.close()
    eventually(lambda: not threads())
    assert attempts == ["error", "1 more error not mailed"]


def run(script: str, port: int, **env: str) -> subprocess.CompletedProcess[str]:
    head = f"""
import logging, os, sys, time
from wsgi_observe import configure_logging
configure_logging(mail_to=["ops@example.com"], mail_host="127.0.0.1:{port}", log_format="json")
"""
    return subprocess.run(
        [sys.executable, "-c", head + textwrap.dedent(script)],
        cwd=ROOT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )


def test_the_last_mail_of_a_process_still_goes_out(box: Mailbox) -> None:
    run("logging.error('goodbye')", box.port)
    assert [mail["Subject"] for mail in box.mails] == ["[ERROR] goodbye"]


def test_a_hanging_server_does_not_keep_a_process_alive() -> None:
    with hanging_server() as port:
        # Within the patience of the test.
        run(
            "from wsgi_observe.logs.handlers import mail_queue\n"
            "mail_queue.EXIT_TIMEOUT_SECONDS = 0.5; logging.error('bye')",
            port,
        )


def test_a_forked_worker_mails_its_own_errors_and_none_of_its_parents(box: Mailbox) -> None:
    run(
        """
        logging.error("parent")
        logging.getLogger().handlers[1].flush()
        pid = os.fork()
        logging.error("worker" if pid == 0 else "parent again")
        if pid:
            os.waitpid(pid, 0)
        """,
        box.port,
    )
    subjects = sorted(mail["Subject"] for mail in box.mails)
    assert subjects == ["[ERROR] parent", "[ERROR] parent again", "[ERROR] worker"]


def test_mail_is_loaded_for_those_alone_who_want_it() -> None:
    process = subprocess.run(
        [
            *(sys.executable, "-c"),
            "import sys; from wsgi_observe import *; configure_logging();"
            "print([name for name in ('smtplib', 'ssl', 'hmac') if name in sys.modules])",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert process.stdout == "[]\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for 127.0.0.1 in one file, which nobody knows."""
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"),
        *("-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(path), "-out", f"{path}.crt"),
    ]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def knows_jane(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    return AuthResult(success=data == LoginPassword(b"jane", SECRET.encode()))


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes the certificate")
@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("tls", ["starttls", "tls"])
def test_a_password_is_sent_to_a_server_with_a_known_certificate_only(
    certificate: Path, tls: str, is_known: bool
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    how: dict[str, Any] = {"authenticator": knows_jane, "auth_required": True}
    if tls == "starttls":
        how.update(tls_context=context, require_starttls=True)
    else:
        how.update(ssl_context=context, auth_require_tls=False)
    with mailbox(**how) as box:
        process = run(
            f"""
            configure_logging(mail_to=["ops@example.com"], mail_host="127.0.0.1:{box.port}",
                              mail_tls="{tls}", mail_user="jane", mail_password="{SECRET}",
                              log_format="json")
            logging.error("hello")
            """,
            box.port,
            **({"SSL_CERT_FILE": str(certificate)} if is_known else {}),
        )
    assert len(box.envelopes) == int(is_known)
    assert ("SSLCertVerificationError" in process.stdout) is not is_known
    assert SECRET not in process.stdout
