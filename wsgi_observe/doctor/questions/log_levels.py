"""Question 8: does an INFO record of the app come out, once, as JSON?"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.own_code import find_line
from wsgi_observe.doctor.question import Faults
from wsgi_observe.doctor.remedies import CONFIGURE_LOGGING, KEEP_ENABLED
from wsgi_observe.doctor.trials.log_sources import LogSource, join_sources, log_records, parse_line
from wsgi_observe.logs.installation import installation
from wsgi_observe.middleware.access_log import AccessLog
from wsgi_observe.problems import check_access_lines
from wsgi_observe.settings import Settings
from wsgi_observe.wsgi.middleware import Middleware, find_middlewares

_CONFIGURE = f"configure logging before the app is made:\n{CONFIGURE_LOGGING}"
_SET_INFO = 'setLevel("INFO")'
_SET_LEVEL = f'logging.root.{_SET_INFO}, or "level": "INFO" in dictConfig\'s root'
_ENABLE = "remove logging.disable(…), which no level of a logger or handler changes"
_SET_HANDLER_LEVEL = "handler.setLevel(logging.INFO), or no level for the handler at all"
_ONE_HANDLER = "attach one handler, to root alone: a record goes to those of all parents"
_JSON = (
    "handler.setFormatter(JsonFormatter())  # from pythonjsonlogger.json import JsonFormatter\n"
    f"or: {CONFIGURE_LOGGING}"
)
_ACCESS_LINES = (
    "access lines are INFO: WSGI_OBSERVE_LOG_LEVEL=INFO\naccesslog = None in gunicorn.conf.py"
)
_MAX_SHOWN = 80
_LEVELS = (logging.INFO, logging.ERROR)
_Lines = dict[LogSource, dict[int, list[str]]]


def find_faults(subject: Subject) -> Faults:
    """Log records by the app's loggers in a request, and read what the process writes."""
    lines = {
        source: by_level
        for source, by_level in log_records(subject).items()
        if source.is_main or _is_connected(source)
    }
    yield from _describe_hidden(subject, lines)
    yield from _check_lines(lines)
    yield from _ask_about_access_lines(subject)
    return f"INFO of {next(iter(lines)).name} is one line of JSON"


def _is_connected(source: LogSource) -> bool:
    """Return whether a logger is enabled and gets to root, or to a handler; see question 7."""
    if source.logger is None:
        return True
    reaches_handler = source.handlers or source.path[-1] is logging.root
    return not source.logger.disabled and bool(reaches_handler)


def _describe_hidden(subject: Subject, lines: _Lines) -> Iterator[Fault]:
    """Yield a fault for each reason why records do not come out."""
    found: dict[Fault, dict[int, list[LogSource]]] = {}
    for level in _LEVELS:
        for source in lines:
            # That another logger than the main one has a level of its own is a choice.
            is_meant = source.logger is not None and source.logger.level > level
            if not lines[source][level] and (source.is_main or not is_meant):
                reason = _find_reason(subject, source, level)
                found.setdefault(reason, {}).setdefault(level, []).append(source)
    for reason, levels in found.items():
        names = " and ".join(map(logging.getLevelName, levels))
        sources = join_sources(next(iter(levels.values())))
        yield replace(reason, seen=f"no line for {names} of {sources}: {reason.seen}")


def _find_reason(subject: Subject, source: LogSource, level: int) -> Fault:
    watch, logger = subject.logging_watch, source.logger
    if logger is None:
        return Fault("nothing is written", _CONFIGURE)
    if logger.disabled:
        return Fault("it is disabled", KEEP_ENABLED, watch.disabled.get(logger.name))
    if logger.manager.disable >= level:
        name = logging.getLevelName(logger.manager.disable)
        return Fault(f"the level is {name}", _ENABLE, find_line(r"\blogging\.disable\("))
    if not logger.isEnabledFor(level):
        name = logging.getLevelName(logger.getEffectiveLevel())
        owner = next((one for one in _iter_parents(logger) if one.level), logging.root)
        remedy = _get_level_remedy(owner) if source.handlers else _CONFIGURE
        return Fault(f"the level is {name}", remedy, subject.logging_watch.levels.get(owner.name))
    hiding = [handler for _, handler in source.handlers if handler.level > level]
    if hiding and len(hiding) == len(source.handlers):
        name = logging.getLevelName(min(handler.level for handler in hiding))
        where = watch.find_handler(hiding[0])
        return Fault(f"the level of its handler is {name}", _SET_HANDLER_LEVEL, where)
    return Fault("no handler writes it to standard output or error", _CONFIGURE)


def _iter_parents(logger: logging.Logger) -> Iterator[logging.Logger]:
    """Yield a logger, and those that it inherits from."""
    owner: logging.Logger | None = logger
    while owner is not None:
        yield owner
        owner = owner.parent


def _get_level_remedy(owner: logging.Logger) -> str:
    """Return how to set a logger's level, which our ``log_level`` sets back where it is given."""
    if installation.handlers:
        value = "INFO" if owner is logging.root else f"INFO,{owner.name}=INFO"
        return f'WSGI_OBSERVE_LOG_LEVEL={value}, or configure_logging(log_level="{value}")'
    return _SET_LEVEL if owner is logging.root else f'logging.getLogger("{owner.name}").{_SET_INFO}'


def _check_lines(lines: _Lines) -> Iterator[Fault]:
    """Yield a record that comes out several times, and one that is no JSON."""
    shown = [
        (f"{logging.getLevelName(level)} of {source.name}", source, lines[source][level])
        for source in lines
        for level in _LEVELS
    ]
    for record, source, those in shown:
        # One handler may write a record on several lines, which are no JSON then.
        if len(those) > 1 and (source.logger is None or len(source.line_handlers) > 1):
            remedy = source.second_handler_remedy or _ONE_HANDLER
            yield Fault(f"{record} comes out {len(those)} times", remedy)
            break
    for record, source, those in shown:
        text = next((line for line in those if parse_line(line) is None), None)
        if text is not None:
            remedy = source.second_handler_remedy or _JSON
            yield Fault(f"{record} is not JSON: {text[:_MAX_SHOWN]}", remedy)
            break


def _ask_about_access_lines(subject: Subject) -> Iterator[Fault]:
    """Yield what hides or doubles the access lines of ours, which the boot line reports too."""
    if any(one.has_middleware(AccessLog) for one in find_middlewares(subject.app, Middleware)):
        accesslog = (subject.gunicorn or {}).get("accesslog")
        for problem in check_access_lines(Settings(), str(accesslog or "")):
            yield Fault(problem, _ACCESS_LINES, is_warning=True)
