"""configure_logging(): one handler, each record once, the level that was asked for."""

import io
import json
import logging
import logging.config
import subprocess
import sys
import textwrap

import pytest

from tests.support import strict_json
from wsgi_observe import Settings, SettingsError, configure_logging
from wsgi_observe.logs import logging_config

pytestmark = pytest.mark.usefixtures("clean_logging")


@pytest.fixture
def out(capsys: pytest.CaptureFixture[str]) -> pytest.CaptureFixture[str]:
    """What is written to stdout."""
    return capsys


def lines(out: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    """Return the lines, without the one warning that writes to this stream may block."""
    found = [strict_json(line) for line in out.readouterr().out.splitlines()]
    return [line for line in found if line["logger"] != "wsgi_observe.logs"]


def run(program: str) -> list[dict[str, object]]:
    """Run a program of its own; everything it prints, on either stream, is lines of ours."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
        check=True,
    )
    return [strict_json(line) for line in done.stdout.splitlines()]


def test_each_record_comes_out_exactly_once(out: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    logging.getLogger("a.b.c").info("hello")
    (line,) = lines(out)
    assert (line["message"], line["logger"]) == ("hello", "a.b.c")


def test_configured_twice_each_record_comes_out_once(out: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    configure_logging()
    logging.getLogger("a").info("hello")
    assert len(lines(out)) == 1


def test_handlers_that_root_had_are_replaced(out: pytest.CaptureFixture[str]) -> None:
    logging.getLogger().addHandler(logging.StreamHandler(sys.stdout))
    configure_logging()
    logging.getLogger("a").info("hello")
    assert len(lines(out)) == 1


def test_loggers_made_before_go_on(out: pytest.CaptureFixture[str]) -> None:
    early = logging.getLogger("early")
    configure_logging()
    early.info("hello")
    assert len(lines(out)) == 1


@pytest.mark.parametrize("level", ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"])
def test_the_level_that_is_set_is_the_level_that_comes_out(
    level: str, out: pytest.CaptureFixture[str]
) -> None:
    configure_logging(log_level=level)
    names = ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]
    for name in names:
        logging.getLogger("a").log(logging.getLevelName(name), "hello")
    assert [line["level"] for line in lines(out)] == names[names.index(level) :]


def test_static_fields_are_on_every_line(out: pytest.CaptureFixture[str]) -> None:
    configure_logging(log_fields={"service": "shop"})
    logging.getLogger("a").info("hello")
    assert lines(out)[0]["service"] == "shop"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_lines_go_to_the_stream_that_is_set(stream: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = io.StringIO()
    monkeypatch.setattr(sys, stream, made)
    configure_logging(log_stream=stream)
    logging.getLogger("a").info("hello")
    assert strict_json(made.getvalue().splitlines()[-1])["message"] == "hello"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "form", "is_json"),
    [
        (io.StringIO, "auto", True),
        (Terminal, "auto", False),
        (Terminal, "json", True),
        (io.StringIO, "console", False),
    ],
)
def test_the_form_is_the_one_set_or_the_streams(
    stream, form: str, is_json: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = stream()
    monkeypatch.setattr(sys, "stdout", made)
    configure_logging(log_format=form)
    logging.getLogger("a").info("hello")
    assert made.getvalue().startswith("{") is is_json
    assert "hello" in made.getvalue()


def test_a_process_without_a_stdout_can_be_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    configure_logging()


def test_the_dict_fits_dict_config_and_is_plain(out: pytest.CaptureFixture[str]) -> None:
    config = logging_config(Settings(log_level="WARNING"), log_fields={"a": 1})
    assert json.loads(json.dumps(config)) == config
    logging.config.dictConfig(config)
    logging.getLogger("x").warning("hello")
    assert lines(out)[0]["a"] == 1


def test_settings_and_overrides_are_both_taken(out: pytest.CaptureFixture[str]) -> None:
    configure_logging(Settings(log_level="ERROR"), log_level="INFO", log_format="json")
    logging.getLogger("a").info("hello")
    assert len(lines(out)) == 1


@pytest.mark.parametrize("mistake", [{"log_level": "LOUD"}, {"level": "INFO"}], ids=str)
def test_a_mistake_is_refused_and_changes_nothing(mistake, out: pytest.CaptureFixture[str]) -> None:
    before = list(logging.getLogger().handlers)
    with pytest.raises(SettingsError):
        configure_logging(**mistake)
    assert logging.getLogger().handlers == before


FLASK = """
    import logging
    from wsgi_observe import configure_logging
    configure_logging({settings})
    from flask import Flask
    app = Flask("shop")
    app.logger.debug("debug")
    app.logger.info("info")
    app.logger.warning("warning")
    assert not app.logger.handlers, app.logger.handlers

    @app.get("/crash")
    def crash():
        raise ValueError("x")

    app.config["PROPAGATE_EXCEPTIONS"] = False
    assert app.test_client().get("/crash").status_code == 500
"""


@pytest.mark.parametrize(
    ("level", "seen"),
    [
        ("DEBUG", ["debug", "info", "warning", "Exception on /crash [GET]"]),
        ("INFO", ["info", "warning", "Exception on /crash [GET]"]),
        ("ERROR", ["Exception on /crash [GET]"]),
    ],
)
def test_flask_adds_no_handler_and_each_record_comes_out_once(level, seen) -> None:
    found = run(FLASK.format(settings=f"log_level={level!r}"))
    assert [line["message"] for line in found] == seen


def test_a_warning_of_pythons_is_no_line_unless_captured() -> None:
    program = """
        import logging, warnings
        from wsgi_observe import configure_logging
        configure_logging()
        logging.captureWarnings(True)
        warnings.warn("old")
    """
    (line,) = run(program)
    assert line["logger"] == "py.warnings"
