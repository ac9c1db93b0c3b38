"""Question 8: does an INFO record of the app come out, once, as JSON?"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.log_sources import LogSource, RecordTrial
from wsgi_observe.doctor.questions.question import Question
from wsgi_observe.doctor.subject import Subject, ViewRegistry

_CONFIGURE = (
    "configure logging before the app is made:\n"
    "from wsgi_observe import configure_logging; configure_logging()"
)
_SET_LEVEL = 'logging.root.setLevel("INFO"), or "level": "INFO" in dictConfig\'s root'
_KEEP_ENABLED = "pass disable_existing_loggers=False to dictConfig or fileConfig"
_ONE_HANDLER = "attach one handler, to root alone: a record goes to those of all parents"
_JSON = (
    "pythonjsonlogger.json.JsonFormatter on the handler, or configure_logging():\n"
    "from wsgi_observe import configure_logging"
)
_MAX_SHOWN = 80


class InfoComesOut(Question):
    """Logs records by the app's loggers in a request, and reads what the process writes."""

    number = 8
    name = "INFO comes out, once, as JSON"

    def __init__(self) -> None:
        super().__init__()
        self._trial = RecordTrial("levels/records")

    def prepare(self, views: ViewRegistry) -> None:
        """Add a view that logs."""
        self._trial.add_to(views)

    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Yield a fault for records without a line, one for several, one for lines of text."""
        lines = self._trial.find_lines(subject)
        for level in (logging.INFO, logging.ERROR):
            yield from _describe_hidden(
                [source for source in self._trial.sources if not lines[source.name, level]], level
            )
        shown = {
            f"{logging.getLevelName(level)} of {source.name}": lines[source.name, level]
            for source in self._trial.sources
            for level in (logging.INFO, logging.ERROR)
        }
        yield from _check_lines(shown)
        self.seen = f"{next(iter(shown))} is one line of JSON"


def _describe_hidden(sources: list[LogSource], level: int) -> Iterator[Fault]:
    """Yield a fault for each reason why records do not come out."""
    names: dict[tuple[str, str], list[str]] = {}
    for source in sources:
        # That another logger than the main one has a level of its own is a choice.
        if source.is_main or source.logger is None or source.logger.level <= level:
            names.setdefault(_find_reason(source.logger, level), []).append(source.name)
    for (reason, remedy), hidden in names.items():
        verb = "do" if len(hidden) > 1 else "does"
        yield Fault(
            f"{logging.getLevelName(level)} of {', '.join(hidden)} {verb} not come out{reason}",
            remedy,
        )


def _find_reason(logger: logging.Logger | None, level: int) -> tuple[str, str]:
    """Return why records of a logger do not come out, and the remedy."""
    if logger is None:
        return "", _CONFIGURE
    if logger.disabled:
        return ": it is disabled", _KEEP_ENABLED
    if not logger.isEnabledFor(level):
        name = logging.getLevelName(max(logger.getEffectiveLevel(), logger.manager.disable))
        return f": the level is {name}", _SET_LEVEL
    return ": no handler writes it to standard output or error", _CONFIGURE


def _check_lines(shown: dict[str, list[str]]) -> Iterator[Fault]:
    several = [name for name, lines in shown.items() if len(lines) > 1]
    if several:
        yield Fault(f"{several[0]} comes out {len(shown[several[0]])} times", _ONE_HANDLER)
    texts = [(name, line) for name, lines in shown.items() for line in lines if not _is_json(line)]
    if texts:
        name, line = texts[0]
        yield Fault(f"{name} is not JSON: {line[:_MAX_SHOWN]}", _JSON)


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
