"""Logging that other code configures too: our lines still leave, each of them once."""

from __future__ import annotations

import io
import logging
import logging.config
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from logging.handlers import MemoryHandler, QueueHandler, QueueListener
from pathlib import Path
from queue import SimpleQueue
from textwrap import dedent
from typing import Any

import pytest

from tests.calls import answering, call, raising
from tests.logs.writers import run, whole
from tests.support import strict_json
from wsgi_observe import Settings, configure_logging, observe
from wsgi_observe import _safely as once
from wsgi_observe._loggers import config_watch, get_logger
from wsgi_observe.logs import JsonFormatter, LineHandler, logging_config
from wsgi_observe.logs.installation import ServerLogging, installation

pytestmark = pytest.mark.usefixtures("clean_logging")

DISABLING = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "INFO"},
}
"""The schema's default: the loggers that exist are disabled."""


class Lines:
    """The lines in a log file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def all(self) -> list[dict[str, Any]]:
        return [strict_json(line) for line in self.path.read_text().splitlines()]

    @property
    def messages(self) -> list[str]:
        return [line["message"] for line in self.all]

    @property
    def warning(self) -> str:
        """The one WARNING of ours."""
        (line,) = [
            line
            for line in self.all
            if (line["level"], line["logger"]) == ("WARNING", "wsgi_observe.logs")
        ]
        return str(line["message"])


@pytest.fixture
def lines(tmp_path: Path) -> Lines:
    return Lines(tmp_path / "log")


@pytest.fixture
def shop() -> Iterator[logging.Logger]:
    """A logger of an app's; it is as new afterwards."""
    logger = logging.getLogger("shop")
    yield logger
    logger.__class__, logger.handlers = logging.Logger, []
    logger.propagate, logger.disabled, logger.level = True, False, logging.NOTSET


def console(**options: Any) -> logging.Handler:
    handler = logging.StreamHandler(sys.stdout)
    handler.setLevel(options.get("level", logging.NOTSET))
    for each in options.get("filters", ()):
        handler.addFilter(each)
    return handler


def drop(record: logging.LogRecord) -> bool:
    return False


# What an app does to root, and what our one WARNING calls it.
REPLACING: dict[str, tuple[Callable[[], object], str]] = {
    "dictConfig": (
        lambda: logging.config.dictConfig(DISABLING),
        "root logger's handler of wsgi_observe was replaced by StreamHandler",
    ),
    "basicConfig": (
        lambda: logging.basicConfig(force=True, level="INFO"),
        "root logger's handler of wsgi_observe was replaced by StreamHandler",
    ),
    "a list of handlers": (
        lambda: logging.getLogger().handlers.__setitem__(slice(None), [console()]),
        "root logger's handler of wsgi_observe was replaced by StreamHandler",
    ),
    "no handlers": (
        lambda: logging.getLogger().handlers.clear(),
        "root logger's handler of wsgi_observe was removed",
    ),
    "disable": (lambda: logging.disable(logging.CRITICAL), "logging.disable(CRITICAL) hid"),
}


@pytest.mark.parametrize("kind", REPLACING)
def test_what_replaces_our_handler_is_put_right_and_reported_once(
    kind: str, lines: Lines, capsys: pytest.CaptureFixture[str]
) -> None:
    replace, report = REPLACING[kind]
    configure_logging(log_stream=str(lines.path))
    for _ in range(3):
        replace()
        config_watch.due_at = 0.0  # two seconds later
        assert call(observe(raising(ValueError("boom"))), "/boom").code == 500
    errors = [line for line in lines.all if line["level"] == "ERROR"]
    assert [line["exc_type"] for line in errors] == ["ValueError"] * 3
    assert lines.messages.count("GET /boom 500") == 3
    assert report in lines.warning
    assert capsys.readouterr() == ("", "")


def test_a_configuration_in_a_request_is_put_right_when_it_ends(lines: Lines) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] == "/migrate":
            logging.config.dictConfig(DISABLING)
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    configure_logging(log_stream=str(lines.path))
    observed = observe(app)
    call(observed, "/migrate")
    call(observed, "/orders")
    assert [line for line in lines.messages if line.startswith("GET")] == [
        "GET /migrate 200",
        "GET /orders 200",
    ]


def add_a_console_handler(logger: logging.Logger) -> None:
    logger.addHandler(console())
    logger.propagate = False


@pytest.mark.parametrize("is_early", [True, False], ids=["before observe", "before a request"])
def test_what_an_app_does_right_after_our_configuration_is_put_right_by_its_first_request(
    is_early: bool, lines: Lines, shop: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        shop.error("failed")
        return answering()(environ, start_response)  # type: ignore[no-any-return]

    configure_logging(log_stream=str(lines.path))
    if is_early:
        add_a_console_handler(shop)
    observed = observe(app)
    if not is_early:
        add_a_console_handler(shop)
    call(observed, "/")
    assert lines.messages == ["failed", "GET / 200"]
    assert capsys.readouterr() == ("", "")


def test_a_change_is_put_right_without_an_access_log_too(
    lines: Lines, shop: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        shop.error("failed")  # as a framework does, which answers by itself
        return answering()(environ, start_response)  # type: ignore[no-any-return]

    configure_logging(log_stream=str(lines.path))
    observed = observe(app, access_log=False)
    logging.config.dictConfig({**DISABLING, "disable_existing_loggers": False})
    call(observed, "/boom")
    assert "failed" in lines.messages
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    "is_noted", [False, True], ids=["found by its thread", "noted by dictConfig"]
)
def test_a_console_handler_behind_a_queue_gives_way(
    is_noted: bool, lines: Lines, shop: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = io.StringIO()
    queue: SimpleQueue[Any] = SimpleQueue()
    listener = QueueListener(
        queue, console(level="WARNING"), logging.StreamHandler(kept), respect_handler_level=True
    )
    handler = QueueHandler(queue)  # type: ignore[arg-type]
    if is_noted:
        handler.listener = listener  # type: ignore[attr-defined]
    shop.addHandler(handler)
    configure_logging(log_stream=str(lines.path))
    listener.start()
    installation.check()
    shop.setLevel("INFO")
    shop.info("sold")
    shop.error("failed")
    listener.stop()
    assert lines.messages == ["failed"]
    assert kept.getvalue() == "sold\nfailed\n"
    assert capsys.readouterr() == ("", "")


def test_our_own_loggers_cannot_be_disabled_by_a_configuration() -> None:
    ours = get_logger("wsgi_observe.test")
    logging.config.dictConfig(DISABLING)
    assert not ours.disabled
    ours.disabled = True  # by whoever means it
    assert ours.disabled
    ours.disabled = False


def test_a_disabled_logger_still_logs_errors_and_is_named_with_the_remedy(tmp_path: Path) -> None:
    program = """
        import logging.config, sys
        from wsgi_observe import configure_logging, observe
        shop = logging.getLogger("shop")
        logging.getLogger("shop.orders.prices")  # below one that is named
        logging.getLogger("asyncio")
        for parent in "py", "wsgi":
            logging.getLogger(parent)  # as Gunicorn does, for those of py.warnings and wsgi.errors
        configure_logging()
        logging.config.dictConfig({"version": 1})
        observe(None)
        shop.info("lost")
        shop.error("failed")
        assert shop.disabled
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)], capture_output=True, check=True, timeout=20
    )
    warning, error = map(strict_json, done.stdout.splitlines())
    assert (error["level"], error["message"]) == ("ERROR", "failed")
    assert (
        "disabled the existing loggers shop and those below: only their errors"
        in warning["message"]
    )
    assert "pass disable_existing_loggers=False" in warning["message"]


def test_a_logger_that_is_named_later_is_itself_again(lines: Lines, shop: logging.Logger) -> None:
    configure_logging(log_stream=str(lines.path))
    logging.config.dictConfig(DISABLING)
    installation.check()
    logging.config.dictConfig({"version": 1, "loggers": {"shop": {"level": "INFO"}}})
    shop.info("heard")
    assert lines.messages[-1] == "heard"


def test_a_logger_that_was_disabled_on_purpose_stays_silent(
    lines: Lines, shop: logging.Logger
) -> None:
    shop.disabled = True
    configure_logging(log_stream=str(lines.path))
    installation.check()
    shop.error("not wanted")
    assert lines.path.read_text() == ""


@pytest.mark.parametrize("handlers", [[], [console()]], ids=["none", "the console"])
def test_a_logger_that_does_not_propagate_gets_our_handler(
    handlers: list[logging.Handler], lines: Lines, shop: logging.Logger
) -> None:
    shop.propagate, shop.handlers = False, handlers
    configure_logging(log_stream=str(lines.path))
    shop.info("sold")
    logging.getLogger("shop.child").info("sold, too")
    assert lines.messages[-2:] == ["sold", "sold, too"]
    assert ("does not propagate and has no handler" in lines.path.read_text()) is not handlers


def test_gunicorns_access_log_that_is_off_is_no_problem(lines: Lines) -> None:
    logging.getLogger("gunicorn.access").propagate = False  # as plain Gunicorn has it
    try:
        configure_logging(log_stream=str(lines.path))
        assert lines.all == []
    finally:
        logging.getLogger("gunicorn.access").propagate = True


def test_handlers_shared_with_another_logger_are_not_written_twice(
    lines: Lines, shop: logging.Logger
) -> None:
    other = logging.getLogger("shop_server")
    shop.handlers, shop.propagate = other.handlers, False
    configure_logging(log_stream=str(lines.path))
    other.info("once")
    assert lines.messages.count("once") == 1


def test_a_logger_with_a_file_of_its_own_keeps_it_and_its_failures_are_here_too(
    lines: Lines, shop: logging.Logger, tmp_path: Path
) -> None:
    own = logging.FileHandler(tmp_path / "own")
    shop.addHandler(own)
    shop.propagate = False
    configure_logging(log_stream=str(lines.path))
    shop.info("theirs")
    shop.error("failed")
    shop.info("caught", exc_info=ValueError())
    own.close()
    assert lines.messages == ["failed", "caught"]
    assert (tmp_path / "own").read_text().startswith("theirs\nfailed\ncaught\n")


def test_of_gunicorns_log_in_a_file_of_its_own_only_errors_are_here_too(
    lines: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = logging.FileHandler(tmp_path / "own")
    error_log = get_logger("gunicorn.error")
    monkeypatch.setattr(error_log, "handlers", [own])
    monkeypatch.setattr(error_log, "propagate", False)
    configure_logging(log_stream=str(lines.path))
    error_log.info("Listening")
    error_log.error("failed")
    own.close()
    assert lines.messages == ["failed"]


def test_a_logger_whose_file_is_gone_has_all_its_records_here_again(
    lines: Lines, shop: logging.Logger, tmp_path: Path
) -> None:
    own = logging.FileHandler(tmp_path / "own")
    shop.addHandler(own)
    shop.propagate = False
    configure_logging(log_stream=str(lines.path))
    shop.removeHandler(own)
    own.close()
    shop.propagate = True
    installation.check()
    shop.info("ours")
    assert lines.messages == ["ours"]


def test_a_logger_that_is_muted_stays_muted(lines: Lines, shop: logging.Logger) -> None:
    shop.addHandler(logging.NullHandler())
    shop.propagate = False
    configure_logging(log_stream=str(lines.path))
    shop.error("noise")
    assert lines.path.read_text() == ""


def test_handlers_that_do_not_write_to_the_console_stay(
    lines: Lines, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    root, kept = logging.getLogger(), io.StringIO()
    root.addHandler(logging.StreamHandler(kept))
    file = logging.FileHandler(tmp_path / "theirs")
    root.addHandler(file)
    configure_logging(log_stream=str(lines.path))
    logging.getLogger("shop").warning("hello")
    file.close()
    assert caplog.messages == ["hello"]
    assert kept.getvalue() == "hello\n"
    assert (tmp_path / "theirs").read_text() == "hello\n"
    assert lines.messages == ["hello"]


def test_a_handler_for_our_own_file_gives_way(lines: Lines) -> None:
    theirs = logging.FileHandler(lines.path)
    logging.getLogger().addHandler(theirs)
    configure_logging(log_stream=str(lines.path))
    logging.getLogger("shop").warning("hello")
    theirs.close()
    assert lines.messages == ["hello"]


class Filtered(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return "noise" not in record.getMessage()


# A console handler that gives way: its options, and of which records a line is left.
GATES = {
    "plain": ({}, ["debug", "info", "noise", "warning", "error", "noise error", "caught"]),
    "a level": (
        {"level": logging.CRITICAL},
        ["error", "noise error", "caught"],
    ),
    "a filter": (
        {"filters": [Filtered()]},
        ["debug", "info", "warning", "error", "noise error", "caught"],
    ),
    "a filter that drops all": ({"filters": [drop]}, ["error", "noise error", "caught"]),
}


@pytest.mark.parametrize("kind", GATES)
def test_levels_and_filters_of_a_replaced_handler_count_but_drop_no_failure(
    kind: str, lines: Lines, shop: logging.Logger
) -> None:
    options, expected = GATES[kind]
    shop.addHandler(console(**options))
    shop.setLevel("DEBUG")
    configure_logging(log_stream=str(lines.path))
    shop.debug("debug")
    shop.info("info")
    shop.info("noise")
    shop.warning("warning")
    shop.error("error")
    shop.error("noise error")
    shop.info("caught", exc_info=ValueError())
    logging.getLogger("other").info("other")
    assert lines.messages == [*expected, "other"]


@pytest.mark.parametrize("name", ["gunicorn.error", "wsgi.errors", "wsgi_observe.health"])
def test_levels_and_filters_on_root_do_not_count_for_what_the_service_says(
    name: str, lines: Lines
) -> None:
    configure_logging(log_stream=str(lines.path))
    logging.getLogger().addHandler(console(level=logging.CRITICAL, filters=[drop]))
    installation.check()
    get_logger(name).info("said by the service")
    assert lines.messages == ["said by the service"]


class Raising(logging.Handler):
    """A handler whose filter, or itself, raises, as one does that reads ``flask.request``."""

    def emit(self, record: logging.LogRecord) -> None:
        raise RuntimeError("working outside of request context")


def fail(*arguments: Any, **keywords: Any) -> Any:
    raise RuntimeError("working outside of request context")


def a_console_handler_whose_filter_raises() -> None:
    logging.getLogger().addHandler(console(filters=[fail]))


def a_filter_that_raises_on_our_handler() -> None:
    logging.getLogger().handlers[0].addFilter(fail)


def a_handler_that_raises_at_the_first_place() -> None:
    logging.getLogger().handlers.insert(0, Raising())


RAISING: dict[str, Callable[[], object]] = {
    "the filter of a handler that gives way": a_console_handler_whose_filter_raises,
    "a filter on our handler": a_filter_that_raises_on_our_handler,
    "a handler": lambda: logging.getLogger().addHandler(Raising()),
    "a handler at the first place": a_handler_that_raises_at_the_first_place,
    "a record factory": lambda: logging.setLogRecordFactory(fail),
}


@pytest.mark.parametrize("kind", RAISING)
def test_what_raises_in_the_apps_own_logging_costs_no_line_of_ours_and_no_request(
    kind: str, lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "_seen", set())
    monkeypatch.setattr(logging, "_logRecordFactory", logging.LogRecord)
    configure_logging(log_stream=str(lines.path))
    RAISING[kind]()
    installation.check()
    observed = observe(raising(ValueError("boom")))
    for _ in range(2):
        assert call(observed, "/boom").code == 500
    get_logger("py.warnings").warning("said by Python")
    errors = [line for line in lines.all if line["level"] == "ERROR"]
    assert [line["exc_type"] for line in errors] == ["ValueError"] * 2
    assert lines.messages.count("GET /boom 500") == 2
    assert lines.messages.count("said by Python") == 1
    (warning,) = [line for line in lines.all if "logged once" in line["message"]]
    assert "working outside of request context" in warning["exc_info"]


def test_without_a_configuration_of_ours_what_raises_is_raised(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [Raising()])
    with pytest.raises(RuntimeError):
        get_logger("wsgi_observe.test").warning("hello")


# What an app does to each handler that root has.
ALTERING: dict[str, tuple[Callable[[logging.Handler], object], list[str]]] = {
    "a level": (lambda one: one.setLevel("CRITICAL"), ["failed", "caught"]),
    "a filter": (lambda one: one.addFilter(drop), ["failed", "caught"]),
    "a formatter": (
        lambda one: one.setFormatter(logging.Formatter("%(asctime)s %(message)s")),
        ["sold", "failed", "caught"],
    ),
}


@pytest.mark.parametrize("kind", ALTERING)
def test_what_an_app_sets_on_all_handlers_of_root_costs_no_failure_and_no_access_line(
    kind: str, lines: Lines, shop: logging.Logger
) -> None:
    alter, expected = ALTERING[kind]
    configure_logging(log_stream=str(lines.path))
    for handler in installation.handlers:  # an app's loop meets pytest's as well
        alter(handler)
    installation.check()
    shop.info("sold")
    shop.error("failed")
    shop.info("caught", exc_info=ValueError())
    call(observe(answering()), "/orders")
    found = [line for line in lines.messages if "formatter of wsgi_observe" not in line]
    assert found == [*expected, "GET /orders 200"]
    assert (lines.messages != found) is (kind == "a formatter")


def test_a_formatter_of_ours_is_kept_on_our_handler(lines: Lines) -> None:
    configure_logging(log_stream=str(lines.path))
    logging.getLogger().handlers[0].setFormatter(JsonFormatter(static_fields={"service": "shop"}))
    installation.check()
    logging.getLogger("shop").warning("hello")
    (line,) = lines.all
    assert line["service"] == "shop"


def test_a_handler_that_cannot_be_looked_at_keeps_nothing_from_being_restored(
    lines: Lines, shop: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    class Bound(logging.NullHandler):
        stream = property(fail)

    configure_logging(log_stream=str(lines.path))
    shop.addHandler(Bound())
    child = logging.getLogger("shop.orders")
    child.addHandler(console())
    installation.check()
    child.warning("hello")
    assert lines.messages == ["hello"]
    assert capsys.readouterr() == ("", "")


def test_a_failure_below_a_logger_with_a_file_is_written_once(
    lines: Lines, shop: logging.Logger, tmp_path: Path
) -> None:
    file = logging.FileHandler(tmp_path / "own")
    shop.addHandler(file)
    shop.propagate = False
    child = logging.getLogger("shop.orders")
    child.addHandler(console())
    configure_logging(log_stream=str(lines.path))
    child.error("failed")
    file.close()
    assert lines.messages == ["failed"]


def test_our_handler_that_an_app_attaches_by_dict_config_is_the_only_one(lines: Lines) -> None:
    configure_logging(log_stream=str(lines.path))
    config = logging_config(log_stream=str(lines.path), log_fields={"service": "shop"})
    logging.config.dictConfig(config)
    installation.check()
    logging.getLogger("shop").info("once")
    (line,) = lines.all
    assert (line["message"], line["service"]) == ("once", "shop")
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one, LineHandler)]
    assert installation.handlers == (handler,)


def test_a_level_that_was_asked_for_counts_over_that_of_the_app(lines: Lines) -> None:
    configure_logging(log_stream=str(lines.path), log_level="INFO,shop.db=ERROR")
    logging.getLogger().setLevel("WARNING")
    logging.getLogger("shop.db").setLevel("DEBUG")
    installation.check()
    logging.getLogger("shop").info("heard")
    logging.getLogger("shop.db").warning("not asked for")
    assert lines.messages[1:] == ["heard"]
    assert "the level of the logger root was set to WARNING" in lines.warning


def test_a_level_that_the_app_gives_another_name_is_the_level_that_was_asked_for(
    lines: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging, "_levelToName", {**logging._levelToName})
    monkeypatch.setattr(logging, "_nameToLevel", {**logging._nameToLevel})
    configure_logging(log_stream=str(lines.path), log_level="WARNING")
    logging.addLevelName(logging.WARNING, "\033[33mWARNING\033[0m")
    installation.check()
    assert lines.all == []


def test_a_level_below_which_logging_is_disabled_is_reported_once(lines: Lines) -> None:
    configure_logging(log_stream=str(lines.path))
    logging.disable(logging.INFO)
    try:
        for _ in range(2):
            installation.check()
    finally:
        logging.disable(logging.NOTSET)
    assert "logging.disable(INFO) hides all records of the app up to INFO" in lines.warning


@pytest.mark.parametrize("level", [logging.INFO, logging.WARNING, logging.CRITICAL])
def test_access_lines_stay_where_the_app_disables_logging_below_a_level(
    level: int, lines: Lines
) -> None:
    configure_logging(log_stream=str(lines.path))
    logging.disable(level)
    try:
        logging.getLogger("shop").info("not heard")
        call(observe(answering()), "/orders")
    finally:
        logging.disable(logging.NOTSET)
    assert [one for one in lines.messages if "disable" not in one] == ["GET /orders 200"]


def test_a_level_of_ours_counts_where_the_app_disables_logging(lines: Lines) -> None:
    configure_logging(log_stream=str(lines.path), log_level="WARNING")
    logging.disable(logging.INFO)
    try:
        call(observe(answering()), "/orders")
    finally:
        logging.disable(logging.NOTSET)
    assert "GET /orders 200" not in lines.messages


def test_a_level_of_root_that_hides_errors_is_lowered_and_reported_once(lines: Lines) -> None:
    configure_logging(log_stream=str(lines.path))
    for _ in range(2):
        logging.getLogger().setLevel(logging.CRITICAL)
        installation.check()
    logging.getLogger("shop").warning("not heard")
    logging.getLogger("shop").error("failed")
    assert "the level CRITICAL of the root logger hid errors" in lines.warning
    assert lines.messages[1:] == ["failed"]


def test_a_level_that_hides_errors_stays_if_it_was_asked_for(lines: Lines) -> None:
    configure_logging(log_stream=str(lines.path), log_level="CRITICAL")
    installation.check()
    logging.getLogger("shop").error("not asked for")
    assert lines.all == []


def test_what_the_servers_environment_asks_for_counts_where_the_apps_call_leaves_it_open(
    lines: Lines,
) -> None:
    environ = {
        "WSGI_OBSERVE_LOG_STREAM": str(lines.path),
        "WSGI_OBSERVE_LOG_LEVEL": "WARNING",
        "WSGI_OBSERVE_LOG_FIELDS": "service=shop",
    }
    installation.server = ServerLogging(Settings.from_env(environ))
    configure_logging(log_fields={"service": "orders"})
    logging.getLogger("shop").info("not asked for")
    logging.getLogger("shop").warning("heard")
    (line,) = lines.all
    assert (line["message"], line["service"]) == ("heard", "orders")


def test_an_apps_level_on_root_counts_where_none_was_asked_for_but_access_lines_stay(
    lines: Lines,
) -> None:
    configure_logging(log_stream=str(lines.path))
    logging.getLogger().setLevel("WARNING")
    installation.check()
    logging.getLogger("shop").info("not heard")
    call(observe(answering()), "/orders")
    assert lines.messages == ["GET /orders 200"]


def test_nothing_is_compared_before_something_is_installed() -> None:
    logging.config.dictConfig(DISABLING)
    assert call(observe(answering()), "/").code == 200
    assert not [one for one in logging.getLogger().handlers if isinstance(one, LineHandler)]


def test_of_loggers_without_number_the_report_stays_short(lines: Lines) -> None:
    configure_logging(log_stream=str(lines.path))
    for number in range(200):
        logging.getLogger(f"job.{number}").propagate = False
    for _ in range(2):
        installation.check()
    assert lines.warning.count("does not propagate and has no handler") == 20
    assert lines.warning.endswith("there are more, which are not listed")


def test_a_process_that_is_forked_in_the_middle_of_a_comparison_compares_again() -> None:
    done = run(
        "from wsgi_observe.logs.installation import installation\n"
        "configure_logging(log_format='json')\n"
        "with installation._lock:\n"
        "    child = os.fork()\n"
        "if child == 0:\n"
        "    logging.root.handlers = [logging.StreamHandler()]\n"
        "    installation.check()\n"
        "    logging.warning('heard')\n"
        "os.waitpid(child, 0) if child else os._exit(0)\n"
    )
    assert [line["message"] for line in whole(done.stdout.splitlines(keepends=True))][1:] == [
        "heard"
    ]
    assert done.stderr == b""


def test_a_buffer_before_the_console_is_reported_as_the_console_is(
    lines: Lines, shop: logging.Logger
) -> None:
    with closing(MemoryHandler(100, target=console())) as handler:
        shop.addHandler(handler)
        configure_logging(log_stream=str(lines.path))
        shop.error("failed")
    assert "MemoryHandler on the logger shop writes the same records" in lines.warning
    assert lines.messages[-1] == "failed"


@pytest.mark.parametrize(
    ("formatter", "texts"),
    [("Formatter", []), ("Own", ["sold"])],
    ids=["of a stock formatter", "of a formatter of the app's"],
)
def test_each_line_of_a_file_that_is_the_console_is_ours_too(
    formatter: str, texts: list[str]
) -> None:
    program = f"""
        import logging.handlers
        from logging import Formatter
        from wsgi_observe import configure_logging
        class Own(Formatter): pass
        handler = logging.handlers.WatchedFileHandler("/dev/stderr")
        handler.setFormatter({formatter}())
        shop = logging.getLogger("shop")
        shop.addHandler(handler)
        shop.propagate = False
        configure_logging()
        shop.warning("sold")
    """
    done = subprocess.run(
        [sys.executable, "-c", dedent(program)], capture_output=True, check=True, timeout=20
    )
    messages = [strict_json(line)["message"] for line in done.stdout.splitlines()]
    assert messages[-1] == "sold"
    assert done.stderr.decode().splitlines() == texts


def test_comparing_again_changes_nothing(lines: Lines, shop: logging.Logger) -> None:
    shop.addHandler(console())
    shop.propagate = False
    configure_logging(log_stream=str(lines.path))
    before = [list(one.handlers) for one in (logging.getLogger(), shop)]
    for _ in range(3):
        installation.check()
    assert [one.handlers for one in (logging.getLogger(), shop)] == before
    assert lines.path.read_text() == ""
