"""Question 8: does an INFO record of the app come out, once, as JSON?"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import NamedTuple

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.log_sources import LogSource, RecordTrial, find_handlers, join_sources
from wsgi_observe.doctor.questions.question import Question
from wsgi_observe.doctor.subject import Subject, ViewRegistry
from wsgi_observe.logs.foreign_handlers import propagation_path
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.problems import check_access_lines
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.middleware import Middleware, iter_wrapped_apps

_CONFIGURE = (
    "configure logging before the app is made:\n"
    "from wsgi_observe import configure_logging; configure_logging()"
)
_SET_LEVEL = 'logging.root.setLevel("INFO"), or "level": "INFO" in dictConfig\'s root'
_KEEP_ENABLED = "pass disable_existing_loggers=False to dictConfig or fileConfig"
_SET_HANDLER_LEVEL = "handler.setLevel(logging.INFO), or no level for the handler at all"
_ONE_HANDLER = "attach one handler, to root alone: a record goes to those of all parents"
_JSON = (
    "handler.setFormatter(JsonFormatter())  # from pythonjsonlogger.json import JsonFormatter\n"
    "or: from wsgi_observe import configure_logging; configure_logging()"
)
_ACCESS_LINES = (
    "access lines are INFO: WSGI_OBSERVE_LOG_LEVEL=INFO\naccesslog = None in gunicorn.conf.py"
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
        sources = [one for one in self._trial.sources if one.is_main or _is_connected(one.logger)]
        hidden = {
            level: [source for source in sources if not lines[source.name, level]]
            for level in (logging.INFO, logging.ERROR)
        }
        yield from _describe_hidden(subject, hidden)
        shown = {
            (source, logging.getLevelName(level)): lines[source.name, level]
            for source in sources
            for level in (logging.INFO, logging.ERROR)
        }
        yield from _check_lines(shown)
        yield from _ask_about_access_lines(subject)
        self.seen = f"INFO of {sources[0].name} is one line of JSON"


def _is_connected(logger: logging.Logger | None) -> bool:
    """Return whether a logger is enabled and gets to root, or to a handler; see question 7."""
    if logger is None:
        return True
    path = propagation_path(logger)
    has_handlers = any(step.handlers for step in path)
    return not logger.disabled and (has_handlers or path[-1] is logging.root)


class _Reason(NamedTuple):
    """Why records do not come out."""

    text: str
    remedy: str
    where: str | None = None


def _describe_hidden(subject: Subject, hidden: dict[int, list[LogSource]]) -> Iterator[Fault]:
    """Yield a fault for each reason why records do not come out."""
    found: dict[_Reason, dict[int, list[LogSource]]] = {}
    for level, sources in hidden.items():
        for source in sources:
            # That another logger than the main one has a level of its own is a choice.
            if source.is_main or source.logger is None or source.logger.level <= level:
                reason = _find_reason(subject, source.logger, level)
                found.setdefault(reason, {}).setdefault(level, []).append(source)
    for reason, levels in found.items():
        names = " and ".join(map(logging.getLevelName, levels))
        seen = f"no line for {names} of {join_sources(next(iter(levels.values())))}: {reason.text}"
        yield Fault(seen, reason.remedy, reason.where)


def _find_reason(subject: Subject, logger: logging.Logger | None, level: int) -> _Reason:
    watch = subject.logging_watch
    if logger is None:
        return _Reason("nothing is written", _CONFIGURE)
    if logger.disabled:
        return _Reason("it is disabled", _KEEP_ENABLED, watch.disabled.get(logger.name))
    if not logger.isEnabledFor(level):
        name = logging.getLevelName(max(logger.getEffectiveLevel(), logger.manager.disable))
        has_handlers = any(step.handlers for step in propagation_path(logger))
        remedy = _SET_LEVEL if has_handlers else _CONFIGURE
        return _Reason(f"the level is {name}", remedy, _find_level(subject, logger))
    handlers = [one for step in propagation_path(logger) for one in step.handlers]
    hiding = [handler for handler in handlers if handler.level > level]
    if hiding and len(hiding) == len(handlers):
        name = logging.getLevelName(min(handler.level for handler in hiding))
        where = watch.find_handler(hiding[0])
        return _Reason(f"the level of its handler is {name}", _SET_HANDLER_LEVEL, where)
    return _Reason("no handler writes it to standard output or error", _CONFIGURE)


def _find_level(subject: Subject, logger: logging.Logger) -> str | None:
    """Return where the level that a logger has, or inherits, was set."""
    owner: logging.Logger | None = logger
    while owner is not None and not owner.level:
        owner = owner.parent
    return None if owner is None else subject.logging_watch.levels.get(owner.name)


def _check_lines(shown: dict[tuple[LogSource, str], list[str]]) -> Iterator[Fault]:
    for (source, level), lines in shown.items():
        # One handler may write a record on several lines, which are no JSON then.
        if len(lines) > 1 and (source.logger is None or len(find_handlers(source.logger)) > 1):
            yield Fault(f"{level} of {source.name} comes out {len(lines)} times", _ONE_HANDLER)
            break
    for (source, level), lines in shown.items():
        text = next((line for line in lines if not _is_json(line)), None)
        if text is not None:
            yield Fault(f"{level} of {source.name} is not JSON: {text[:_MAX_SHOWN]}", _JSON)
            break


def _ask_about_access_lines(subject: Subject) -> Iterator[Fault]:
    """Yield what hides or doubles the access lines of ours, which the boot line reports too."""
    stacks = [one for one in iter_wrapped_apps(subject.app) if isinstance(one, Middleware)]
    if any(one.has_middleware(AccessLog) for one in stacks):
        accesslog = (subject.gunicorn or {}).get("accesslog")
        for problem in check_access_lines(Settings(), str(accesslog or "")):
            yield Fault(problem, _ACCESS_LINES, is_warning=True)


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
