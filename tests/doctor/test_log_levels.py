"""Question 8 of the doctor: does an INFO record of the app come out, once, as JSON?"""

from pathlib import Path

import pytest

from tests.doctor.examining import ask_one
from tests.doctor.test_logging_setup import BY_LEVEL, CONFIG, CONFIGURED, HELLO, WSGI, line_of
from wsgi_observe.doctor.answer import Result

WARNING_LEVEL = f'{CONFIG}CONFIG["root"]["level"] = "WARNING"\nlogging.config.dictConfig(CONFIG)\n'
LEVEL_OF_HANDLER = f"""{CONFIGURED}
CONFIG["handlers"]["out"]["level"] = "WARNING"
logging.config.dictConfig(CONFIG)
"""
LOGIN = """
from flask import abort
@app.before_request
def demand_login():
    abort(401)
"""


@pytest.mark.slow
def test_flasks_default_hides_info_and_writes_text(tmp_path: Path) -> None:
    hidden, text = ask_one(tmp_path, HELLO, 8).faults
    assert (
        hidden.seen == "no line for INFO of the loggers shop, shop.any_module: the level is WARNING"
    )
    assert text.seen.startswith("ERROR of the logger shop is not JSON: [")
    assert ask_one(tmp_path, HELLO, 8, is_observed=True).result is Result.PASS


@pytest.mark.slow
def test_a_level_that_hides_info_is_named_with_its_place(tmp_path: Path) -> None:
    (fault,) = ask_one(tmp_path, f"{WARNING_LEVEL}{HELLO}", 8).faults
    assert "the level is WARNING" in fault.seen
    assert fault.where == line_of(WARNING_LEVEL, "logging.config.dictConfig")


@pytest.mark.slow
def test_access_lines_that_gunicorn_doubles_are_a_warning(tmp_path: Path) -> None:
    (tmp_path / "conf.py").write_text('accesslog = "-"\n')
    answer = ask_one(tmp_path, HELLO, 8, is_observed=True, config="conf.py")
    assert answer.result is Result.WARN
    assert answer.faults[0].seen.startswith("accesslog is on: Gunicorn logs each request too")


FAULTS = {
    "level of a handler": (f"{LEVEL_OF_HANDLER}{WSGI}", "level of its handler is WARNING"),
    "logging.disable": (f"{CONFIGURED}logging.disable(logging.INFO)\n{HELLO}", "level is INFO"),
    "text": (f"{BY_LEVEL}{HELLO}", "INFO of the logger shop is not JSON: INFO:shop:doctor0info"),
    "file": (f"import logging\nlogging.basicConfig(level=10, filename='a')\n{HELLO}", "no handler"),
    "twice": (
        f"{CONFIGURED}{HELLO}app.logger.addHandler(logging.root.handlers[0])\n",
        "INFO of the logger shop comes out 2 times",
    ),
    "another logger of the app": (
        f'import logging\n{HELLO}logging.getLogger("billing").info("x")\n'
        "import pythonjsonlogger.json\n"
        "app.logger.handlers[0].setFormatter(pythonjsonlogger.json.JsonFormatter())\n"
        "app.logger.setLevel(logging.INFO)\n",
        "no line for INFO of the logger billing: the level is WARNING",
    ),
    "structlog as text": (
        f"import structlog\nlog = structlog.get_logger()\n{HELLO}",
        "INFO of structlog is not JSON",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "seen"), FAULTS.values(), ids=FAULTS.keys())
def test_what_hides_doubles_or_garbles_records_is_named(
    tmp_path: Path, source: str, seen: str
) -> None:
    answer = ask_one(tmp_path, source, 8)
    assert answer.result is Result.FAIL
    assert seen in answer.faults[0].seen


STRUCTLOG = """
import structlog
structlog.configure(processors=[structlog.processors.JSONRenderer()])
log = structlog.get_logger()
"""
STRUCTLOG_BEHIND_LOGGING = f"""{CONFIGURED}
import structlog
structlog.configure(
    processors=[structlog.stdlib.render_to_log_kwargs],
    logger_factory=structlog.stdlib.LoggerFactory(),
)
log = structlog.get_logger()
"""

GOOD = {
    "root": f"{CONFIGURED}{HELLO}",
    "behind a login": f"{CONFIGURED}{HELLO}{LOGIN}",
    "quiet logger": f'{CONFIGURED}logging.getLogger("shop.noise").setLevel(30)\n{HELLO}',
    "structlog": f"{STRUCTLOG}{HELLO}",
    "structlog behind logging": f"{STRUCTLOG_BEHIND_LOGGING}{HELLO}",
    "app.logger of structlog": f"{STRUCTLOG}{HELLO}app.logger = log\n",
    "not Flask": f"{CONFIGURED}{WSGI}",
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "source",
    GOOD.values(),
    ids=GOOD,
)
def test_one_line_of_json_for_each_record_passes(tmp_path: Path, source: str) -> None:
    assert ask_one(tmp_path, source, 8).faults == ()


@pytest.mark.slow
def test_a_configuration_of_gunicorn_sets_up_logging_and_opens_no_file(tmp_path: Path) -> None:
    files = 'accesslog = "access.log"\nerrorlog = "error.log"\n'
    config = f'{CONFIG}CONFIG["loggers"] = {{}}\nlogconfig_dict = CONFIG\n{files}'
    (tmp_path / "gunicorn.conf.py").write_text(config, encoding="utf-8")
    assert ask_one(tmp_path, HELLO, 8, config="gunicorn.conf.py").faults == ()
    assert not list(tmp_path.glob("*.log"))


LOG_LEVEL = 'from wsgi_observe import configure_logging\nconfigure_logging(log_level="WARNING")\n'
OWN_LEVEL = f"{CONFIGURED}{HELLO}app.logger.setLevel('WARNING')\n"
LEVEL_REMEDIES = {
    "log_level": (f"{LOG_LEVEL}{HELLO}", "WSGI_OBSERVE_LOG_LEVEL=INFO, or configure_logging("),
    "logger": (OWN_LEVEL, 'logging.getLogger("shop").setLevel("INFO")'),
    "logging.disable": (FAULTS["logging.disable"][0], "remove logging.disable("),
}


@pytest.mark.slow
@pytest.mark.parametrize(("source", "remedy"), LEVEL_REMEDIES.values(), ids=LEVEL_REMEDIES)
def test_the_remedy_for_a_level_changes_what_has_set_it(
    tmp_path: Path, source: str, remedy: str
) -> None:
    assert ask_one(tmp_path, source, 8).faults[0].remedy.startswith(remedy)
