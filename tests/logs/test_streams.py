"""The named streams: a file's path, the server's own, a captured one."""

import io
import logging
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.calls import answering, call
from tests.logs.writers import messages, run
from tests.support import strict_json
from wsgi_observe import _safely as once
from wsgi_observe import configure_logging, observe
from wsgi_observe.logs import LineHandler, logging_config

pytestmark = pytest.mark.usefixtures("clean_logging")


def test_a_path_is_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "shop.log"
    path.write_text('{"message":"before"}\n')
    configure_logging(log_stream=str(path), log_format="json")
    logging.getLogger("shop").info("hello")
    assert messages(path) == ["before", "hello"]


def test_during_a_request_the_servers_error_stream_is_written_to(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(log_stream="wsgi.errors", log_format="json")

    def app(environ, start_response):
        logging.getLogger("shop").info("within")
        return answering()(environ, start_response)

    errors = io.StringIO()
    call(observe(app), "/orders", **{"wsgi.errors": errors})
    logging.getLogger("shop").info("outside")
    told = [strict_json(line)["message"] for line in errors.getvalue().splitlines()]
    assert told == ["within", "GET /orders 200"]
    assert "outside" in capsys.readouterr().err


PRINTS_ARE_LOGGED = """
class Prints:
    def __init__(self):
        self.logger = logging.getLogger("prints")
    def write(self, text):
        if text.strip():
            self.logger.info(text.rstrip())
    def flush(self):
        pass
sys.stdout = Prints()
"""


@pytest.mark.parametrize(
    ("program", "expected"),
    [
        (
            f"{PRINTS_ARE_LOGGED}configure_logging()\nlogging.warning('hello')\nprint('printed')",
            ["hello", "printed"],
        ),
        (
            f"configure_logging()\n{PRINTS_ARE_LOGGED}logging.root.handlers[0].close()\n"
            "logging.getLogger('prints').disabled = True\nlogging.warning('hello')\n",
            ["hello"],
        ),
    ],
    ids=["from the start", "from when the stream is opened again"],
)
def test_a_stream_that_logs_what_is_printed_is_not_written_to(
    program: str, expected: list[str]
) -> None:
    head = "import logging, sys\nfrom wsgi_observe import configure_logging\n"
    command = [sys.executable, "-c", head + program]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    assert [strict_json(line)["message"] for line in done.stdout.splitlines()] == expected
    assert done.stderr == ""


def test_one_warning_says_that_a_captured_stream_may_block(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(once, "_seen", set())
    configure_logging(log_format="json")
    configure_logging(log_format="json")
    logging.getLogger("shop").info("hello")
    first, second = map(strict_json, capsys.readouterr().out.splitlines())
    assert "writes of log lines may block" in first["message"]
    assert (first["level"], second["message"]) == ("WARNING", "hello")


def test_a_captured_stream_that_is_closed_gives_way_to_the_one_that_is_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first, second = io.StringIO(), io.StringIO()
    monkeypatch.setattr("sys.stdout", first)
    configure_logging(log_format="json")
    monkeypatch.setattr("sys.stdout", second)
    first.close()
    (ours,) = [one for one in logging.getLogger().handlers if isinstance(one, LineHandler)]
    ours._checked_at = 0.0
    logging.getLogger("shop").info("hello")
    assert "hello" in second.getvalue()


def test_a_stream_of_another_encoding_gets_the_same_text_in_ascii() -> None:
    buffer = io.BytesIO()
    stream = io.TextIOWrapper(buffer, encoding="ascii")
    handler = LineHandler(stream)
    handler.setFormatter(logging.Formatter('{"message":"%(message)s"}'))
    handler.handle(logging.makeLogRecord({"msg": "Grüße 😀"}))
    assert strict_json(buffer.getvalue().splitlines()[-1])["message"] == "Grüße 😀"


class Failing(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        raise RuntimeError("no")


def test_a_formatter_that_fails_leaves_a_line_about_it() -> None:
    stream = io.StringIO()
    handler = LineHandler(stream)
    handler.setFormatter(Failing())
    handler.handle(logging.makeLogRecord({"name": "shop", "msg": "hello"}))
    assert "a record of 'shop' could not be formatted: RuntimeError" in stream.getvalue()
    assert "hello" in stream.getvalue()


class Broken(io.StringIO):
    def write(self, text: str) -> int:
        raise ValueError("broken")


def test_a_stream_that_fails_costs_its_lines_only() -> None:
    handler = LineHandler(Broken())
    for _ in range(10):
        handler.handle(logging.makeLogRecord({"msg": "hello"}))
    assert handler._writer is not None
    assert handler._writer._dropped == 10  # the remark, a WARNING, is kept


def test_filters_are_asked() -> None:
    stream = io.StringIO()
    handler = LineHandler(stream)
    handler.addFilter(lambda record: record.msg != "no")
    assert handler.handle(logging.makeLogRecord({"msg": "yes"}))
    assert not handler.handle(logging.makeLogRecord({"msg": "no"}))
    assert stream.getvalue().splitlines()[-1] == "yes"


def test_configured_again_and_again_no_descriptor_is_left(tmp_path: Path) -> None:
    for stream in (str(tmp_path / "shop.log"), "stdout", "wsgi.errors"):
        configure_logging(log_stream=stream)
        before = len(list(Path("/proc/self/fd").iterdir()))
        for _ in range(20):
            configure_logging(log_stream=stream)
            logging.getLogger("shop").info("hello")
        assert len(list(Path("/proc/self/fd").iterdir())) <= before


def test_a_signal_handler_may_log_in_the_middle_of_a_line() -> None:
    done = run(
        """
        import signal
        configure_logging(log_format="json", log_wait=20)
        signal.signal(signal.SIGALRM, lambda *_: log.warning("interrupted"))
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
        for number in range(3000): log.info("hello %d", number)
        signal.setitimer(signal.ITIMER_REAL, 0)
        """
    )
    told = messages(done.stdout)
    assert [text for text in told if text.startswith("hello")] == [
        f"hello {number}" for number in range(3000)
    ]
    assert "interrupted" in told


def test_a_signal_handler_that_raises_in_the_middle_of_a_line_leaves_no_lock_behind() -> None:
    class TimeIsUp(BaseException):
        """As a watchdog of the app's raises it, past everybody's `except Exception`."""

    raised: list[int] = []

    def raise_it(number: int, frame: object) -> None:
        raised.append(number)
        raise TimeIsUp

    handler = LineHandler("/dev/null")
    free = []
    before = signal.signal(signal.SIGALRM, raise_it)
    try:
        for number in range(200):
            with suppress(TimeIsUp):
                signal.setitimer(signal.ITIMER_REAL, 0.0002 + number * 1e-6)
                write_until_more_are_raised(handler, raised)
            assert handler.lock is not None
            free.append(not handler.lock._is_owned())  # type: ignore[attr-defined]
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        handler.close()
    assert all(free)


def write_until_more_are_raised(handler: LineHandler, raised: list[int]) -> None:
    before = len(raised)
    while len(raised) == before:
        handler.write([b"x\n"], logging.INFO)


def test_levels_of_other_loggers_are_set() -> None:
    config = logging_config(log_level="INFO,sqlalchemy.engine=WARNING,shop=DEBUG")
    assert config["root"]["level"] == "INFO"
    assert config["loggers"] == {
        "sqlalchemy.engine": {"level": "WARNING"},
        "shop": {"level": "DEBUG"},
    }


@pytest.mark.parametrize(
    "early",
    [
        "from flask import Flask; Flask('shop').logger.warning('early')",
        "logging.getLogger('werkzeug').addHandler(import_('_ColorStreamHandler'))",
    ],
    ids=["Flask", "Werkzeug"],
)
def test_configured_after_a_framework_each_record_still_comes_out_once(early: str) -> None:
    done = run(
        f"""
        def import_(name):
            import werkzeug._internal
            werkzeug._internal._log("info", "early")
            return getattr(werkzeug._internal, name, logging.StreamHandler)()
        {early}
        configure_logging(log_format="json")
        for name in ("shop", "werkzeug"): logging.getLogger(name).warning("hello")
        """
    )
    assert messages(done.stdout) == ["hello", "hello"]
    assert b"hello" not in done.stderr


def test_a_record_outside_a_request_has_the_attributes_that_a_format_may_name() -> None:
    from wsgi_observe import ContextFilter

    stream = io.StringIO()
    handler = LineHandler(stream)
    handler.addFilter(ContextFilter())
    handler.setFormatter(logging.Formatter("%(request_id)s %(message)s"))
    handler.handle(logging.makeLogRecord({"msg": "hello"}))
    assert stream.getvalue().splitlines()[-1] == "- hello"
