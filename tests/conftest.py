"""What every test is watched by, and the log lines it can read."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.support import strict_json
from wsgi_observe import _safely as once
from wsgi_observe._loggers import config_watch
from wsgi_observe.context import activate, current_context
from wsgi_observe.logs import ContextFilter, JsonFormatter
from wsgi_observe.logs.foreign_handlers import all_loggers
from wsgi_observe.logs.installation import installation

# Where it is set, each of some hundred processes would compile our sources for itself.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

settings.register_profile(
    "thorough",
    deadline=None,  # a slow machine is no bug
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("quick", settings.get_profile("thorough"), max_examples=30)
settings.load_profile("quick")  # `--hypothesis-profile=thorough` for the full number


class Log(logging.Handler):
    """Every record of a test, as the lines that our formatter makes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.addFilter(ContextFilter())
        self.setFormatter(JsonFormatter())
        self.records: list[logging.LogRecord] = []
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
        self.texts.append(self.format(record))

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Every line, which is one line and strict JSON in UTF-8."""
        assert not [text for text in self.texts if "\n" in text or "\r" in text]
        return [strict_json(text.encode()) for text in self.texts]

    def of(self, logger: str) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["logger"] == logger]

    @property
    def access(self) -> dict[str, Any]:
        """The one access line."""
        (line,) = self.of("wsgi_observe.access")
        return line

    @property
    def error(self) -> dict[str, Any]:
        """The one ERROR line."""
        (line,) = self.errors
        return line

    @property
    def errors(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["level"] == "ERROR"]

    @property
    def warnings(self) -> list[dict[str, Any]]:
        return [line for line in self.lines if line["level"] == "WARNING"]

    def clear(self) -> None:
        self.records.clear()
        self.texts.clear()


@pytest.fixture(autouse=True, scope="session")
def _nothing_is_installed_by_what_was_collected() -> None:
    """Undo what programs did to logging that tests import, but do not run."""
    installation.uninstall()
    logging.getLogger("wsgi_observe").setLevel(logging.NOTSET)


@pytest.fixture(autouse=True)
def _no_context_is_left() -> Iterator[None]:
    """Fail the test that leaves a request bound, and keep it from failing the others."""
    yield
    left = current_context()
    activate(None)
    assert left is None, f"a request is left running: {left.request_id}"


@pytest.fixture(autouse=True)
def _nothing_is_left_installed() -> Iterator[None]:
    """Fail the test that leaves our handlers in `logging`, where they would change the others."""
    yield
    left = installation.handlers
    installation.uninstall()
    assert left == (), "use clean_logging"


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """The lines of this test, from INFO on; what is said once is said anew."""
    monkeypatch.setattr(once, "_seen", set())
    handler, root = Log(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        yield handler
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


@contextmanager
def raising_handler(logger: str | None = None) -> Iterator[None]:
    """Give a logger, by default the root, a handler that raises."""

    class Raising(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("the handler")

    handler, owner = Raising(), logging.getLogger(logger)
    owner.addHandler(handler)
    try:
        yield
    finally:
        owner.removeHandler(handler)


@pytest.fixture
def clean_logging() -> Iterator[None]:
    """Let a test configure logging, and put back what was there."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    known = set(root.manager.loggerDict)
    try:
        yield
    finally:
        installation.uninstall()
        root.handlers[:] = handlers
        root.setLevel(level)
        logging.getLogger("wsgi_observe").setLevel(logging.NOTSET)
        config_watch.has_disabled_loggers = False
        for logger in all_loggers():  # a `dictConfig` disables those of every other test
            logger.disabled = False
        for name in set(root.manager.loggerDict) - known:
            del root.manager.loggerDict[name]
