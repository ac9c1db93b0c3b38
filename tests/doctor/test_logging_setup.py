"""Question 7 of the doctor: is logging configured, and before the app?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from wsgi_observe.doctor.answer import Answer, Result

HELLO = """
from flask import Flask
app = Flask(__name__)
"""

CONFIG = """
import logging, logging.config
CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"json": {"()": "pythonjsonlogger.json.JsonFormatter"}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json"}},
    "root": {"level": "INFO", "handlers": ["out"]},
}
"""
CONFIGURED = f"{CONFIG}logging.config.dictConfig(CONFIG)\n"
WSGI = """
def app(environ, start_response):
    start_response("200 OK", [])
    return []
"""


def line_of(source: str, text: str) -> str:
    """Return the place of the last line with a text, as the doctor writes it."""
    lines = source.splitlines()
    return f"shop.py:{max(number for number, line in enumerate(lines, 1) if text in line)}"


@pytest.mark.slow
def test_an_app_that_configures_nothing_has_the_default_handler_of_flask(tmp_path: Path) -> None:
    (fault,) = ask_one(tmp_path, HELLO, 7).faults
    assert "not configured: the logger shop has Flask's default handler alone" in fault.seen
    assert ask_one(tmp_path, HELLO, 7, is_observed=True).result is Result.PASS


@pytest.mark.slow
def test_a_default_handler_that_was_there_before_the_configuration_is_named(tmp_path: Path) -> None:
    source = f"{HELLO}app.logger.info('starting')\n{CONFIGURED}"
    (fault,) = ask_one(tmp_path, source, 7).faults
    assert "comes out 2 times, by Flask's default handler on shop and StreamHandler" in fault.seen
    assert "configured after the first use of app.logger" in fault.seen
    assert fault.where == line_of(source, "starting")


@pytest.mark.slow
def test_a_disabled_logger_is_named_with_the_configuration_that_did_it(tmp_path: Path) -> None:
    source = f"""{CONFIG}
orders = logging.getLogger("shop.orders")
CONFIG["disable_existing_loggers"] = True
logging.config.dictConfig(CONFIG)
{HELLO}"""
    (fault,) = ask_one(tmp_path, source, 7).faults
    assert "has disabled the logger shop.orders" in fault.seen
    assert fault.where == line_of(source, "logging.config.dictConfig")


@pytest.mark.slow
def test_a_disabled_logger_of_a_library_is_a_warning(tmp_path: Path) -> None:
    source = f"""import requests
{CONFIG}
CONFIG["disable_existing_loggers"] = True
logging.config.dictConfig(CONFIG)
{HELLO}"""
    answer = ask_one(tmp_path, source, 7)
    assert answer.result is Result.WARN
    assert "urllib3" in answer.faults[0].seen


DEAD_END = 'audit = logging.getLogger("audit")\naudit.propagate = False\n'
OWN = 'logging.getLogger("shop").addHandler(logging.StreamHandler())\n'
SAME = 'CONFIG["loggers"] = {"shop": {"handlers": ["out"]}}\n'
HANDLER_OF_APP = 'app.logger.addHandler(logging.StreamHandler())\napp.logger.setLevel("INFO")\n'

FAULTS = {
    "dead end": (f"{CONFIGURED}{DEAD_END}{HELLO}", "the logger audit does not propagate", "getLog"),
    "second handler": (f"{CONFIGURED}{HELLO}{OWN}", "StreamHandler on shop and Stream", "addHand"),
    "one handler twice": (
        f"{CONFIG}{SAME}logging.config.dictConfig(CONFIG)\n{HELLO}",
        "comes out 2 times",
        "logging.config.dictConfig",
    ),
    "handler beside the default": (
        f"import logging\n{HELLO}{HANDLER_OF_APP}",
        "by Flask's default handler on shop and StreamHandler on shop",
        "app.logger.addHandler",
    ),
    "not Flask": (
        f"import logging\nlog = logging.getLogger(__name__)\n{WSGI}",
        "no handler gets the records of the logger shop",
        "getLogger",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "seen", "line"), FAULTS.values(), ids=FAULTS.keys())
def test_what_loses_or_doubles_records_is_named(
    tmp_path: Path, source: str, seen: str, line: str
) -> None:
    (fault,) = ask_one(tmp_path, source, 7).faults
    assert seen in fault.seen
    assert fault.where == line_of(source, line)
    assert not fault.is_warning


@pytest.mark.slow
def test_a_handler_on_a_logger_of_the_app_alone_is_a_warning(tmp_path: Path) -> None:
    answer = ask_one(tmp_path, f"import logging\n{OWN}{HELLO}", 7)
    assert answer.result is Result.WARN
    assert "root has no handler" in answer.faults[0].seen


MUTED = 'logging.getLogger("urllib3").propagate = False\n'
MUTED_OWN = 'logging.getLogger("noise").addHandler(logging.NullHandler())\n'
BY_LEVEL = """
import logging, sys
out, err = logging.StreamHandler(sys.stdout), logging.StreamHandler(sys.stderr)
out.addFilter(lambda record: record.levelno < logging.ERROR)
err.setLevel(logging.ERROR)
logging.basicConfig(level="INFO", handlers=[out, err])
"""
NO_DEFAULT = """
from flask.logging import default_handler
app.logger.removeHandler(default_handler)
"""
QUEUE = f"""{CONFIG}
import queue
from logging.handlers import QueueHandler, QueueListener
records = queue.Queue()
QueueListener(records, logging.StreamHandler()).start()
logging.basicConfig(level="INFO", handlers=[QueueHandler(records)])
"""
STRUCTLOG = """
import structlog
structlog.configure(processors=[structlog.processors.JSONRenderer()])
log = structlog.get_logger()
"""
QUEUE_WITHOUT_LISTENER = QUEUE.replace(".start()", "")
GUNICORN = """
import logging
shared = logging.getLogger("gunicorn.error")
app.logger.handlers = shared.handlers
"""

GOOD = {
    "before the app": f"{CONFIGURED}{HELLO}",
    "after the app, before its logger": f"{HELLO}{CONFIGURED}",
    "default handler removed": f"{HELLO}app.logger.info('one')\n{CONFIGURED}{NO_DEFAULT}",
    "muted library": f"{CONFIGURED}{MUTED}{MUTED_OWN}{HELLO}",
    "handlers by level": f"{BY_LEVEL}{HELLO}",
    "queue": f"{QUEUE}{HELLO}",
    "queue of a server's hook": f"{QUEUE_WITHOUT_LISTENER}{HELLO}",
    "structlog": f"{STRUCTLOG}{HELLO}",
    "Gunicorn's handlers": f"{HELLO}{GUNICORN}",
    "not Flask": f"{CONFIGURED}{WSGI}",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    GOOD.values(),
    ids=GOOD,
)
def test_an_app_that_configures_logging_once_is_not_accused(tmp_path: Path, source: str) -> None:
    answer = ask_one(tmp_path, source, 7)
    assert answer.faults == (), describe(answer)


def describe(answer: Answer) -> str:
    return "; ".join(fault.seen for fault in answer.faults)


@pytest.mark.slow
def test_what_an_observed_app_configures_beside_the_library_is_named(tmp_path: Path) -> None:
    source = f"""{HELLO}import logging
class Own(logging.Formatter): pass
handler = logging.StreamHandler()
handler.setFormatter(Own("%(message)s"))
logging.root.addHandler(handler)
"""
    (fault,) = ask_one(tmp_path, source, 7, is_observed=True).faults
    assert "StreamHandler with Own on the logger root writes the same records" in fault.seen


@pytest.mark.slow
def test_a_disabled_logger_of_an_observed_app_is_named_with_its_place(tmp_path: Path) -> None:
    source = f"""{CONFIG}
orders = logging.getLogger("shop.orders")
CONFIG["disable_existing_loggers"] = True
logging.config.dictConfig(CONFIG)
{HELLO}"""
    faults = ask_one(tmp_path, source, 7, is_observed=True).faults
    (fault,) = [one for one in faults if "disabled the existing loggers shop.orders" in one.seen]
    assert fault.where == line_of(source, "logging.config.dictConfig")


LIBRARY_DISABLED = f"""import requests
{CONFIG}
CONFIG["disable_existing_loggers"] = True
del CONFIG["formatters"], CONFIG["handlers"]["out"]["formatter"]
logging.config.dictConfig(CONFIG)
{HELLO}"""
PUT_RIGHT = {
    "library": (LIBRARY_DISABLED, "urllib3"),
    "dead end": (f"import logging\n{HELLO}{DEAD_END}", "the logger audit does not propagate"),
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "seen"), PUT_RIGHT.values(), ids=PUT_RIGHT)
def test_what_the_library_puts_right_is_no_fault_of_an_observed_app(
    tmp_path: Path, source: str, seen: str
) -> None:
    answer = ask_one(tmp_path, source, 7, is_observed=True)
    assert answer.result is Result.WARN
    assert seen in describe(answer)
