"""Question 7: is logging configured, and before the app?"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.question import Faults
from wsgi_observe.doctor.recording.logging_watch import is_of_app
from wsgi_observe.doctor.remedies import CONFIGURE_LOGGING, KEEP_ENABLED
from wsgi_observe.doctor.trials.log_sources import (
    LogSource,
    join_loggers,
    join_sources,
    log_records,
    uses_logging,
)
from wsgi_observe.logs.foreign_handlers import describe
from wsgi_observe.logs.installation import installation
from wsgi_observe.logs.logger_state import is_service_logger, may_be_of_app

_CONFIGURE = (
    "before the app is made: logging.config.dictConfig({…}) with a handler on root, or\n"
    f"{CONFIGURE_LOGGING}"
)
_ONE_CONFIGURATION = "leave logging to wsgi_observe, and remove the app's own configuration of it"
_DISABLED = "disabled the existing loggers"
_PUT_RIGHT = re.compile("(put|set) back|are written by|was undone|was set to ERROR")
"""In a problem that our handlers have solved, so that no record of the app's is lost."""
_REMOVE_DEFAULT = (
    "from flask.logging import default_handler; app.logger.removeHandler(default_handler)\n"
    "or configure logging before app.logger is used for the first time"
)


def find_faults(subject: Subject) -> Faults:
    """Look at the handlers that records of the app get to, and count the lines of one record."""
    lines = log_records(subject)
    if installation.handlers:
        installation.restore()
        for problem in installation.problems:
            yield _describe_problem(subject, problem)
    else:
        yield from _check_disabled(subject)
        if uses_logging(subject):
            yield from _check_handlers(subject, list(lines))
    # The main logger is one that the app need not use; a child of it gets to its handlers.
    for source, by_level in lines.items():
        count = max(map(len, by_level.values()))
        if count > 1 and not installation.problems:
            yield from _check_double(subject, source, count)
            break
    own = [source for source in lines if source.logger is not None]
    if not own:
        return f"the app logs with {join_sources(lines)}: see question 8"
    return f"one handler writes each record of {join_sources(own)}"


def _describe_problem(subject: Subject, problem: str) -> Fault:
    """Return the fault for a problem of ours; a warning where none of the app's records is lost.

    As without our handlers, that is where loggers of libraries alone have been disabled.
    """
    disabled = subject.logging_watch.disabled
    subjects = problem.partition(": ")[0]
    place = next((place for name, place in disabled.items() if name in subjects), None)
    # The logger of wsgi.errors, and its parent, are of no module either.
    apps = [name for name in disabled if is_of_app(name) and not is_service_logger(name)]
    is_of_libraries = _DISABLED in problem and not any(map(may_be_of_app, apps))
    is_warning = is_of_libraries or _PUT_RIGHT.search(problem) is not None
    return Fault(problem, _ONE_CONFIGURATION, place, is_warning)


def _check_disabled(subject: Subject) -> Iterator[Fault]:
    """Yield the loggers that a configuration has disabled: the app's own, and those of others."""
    loggers = logging.root.manager.loggerDict
    watch = subject.logging_watch
    disabled = [name for name in watch.disabled if getattr(loggers.get(name), "disabled", False)]
    own = [name for name in disabled if is_of_app(name)]
    others = [name for name in disabled if name not in own and may_be_of_app(name)]
    # A library's parent loggers are there only for their children.
    others = [name for name in others if not any(_is_within(name, one) for one in others)]
    for names, loss in ((own, "all their records are lost"), (others, "their errors are lost")):
        if names:
            seen = f"a logging configuration has disabled {join_loggers(names)}: {loss}"
            yield Fault(seen, KEEP_ENABLED, watch.disabled[names[0]], is_warning=names is others)


def _check_handlers(subject: Subject, sources: list[LogSource]) -> Iterator[Fault]:
    """Yield loggers whose records get to no handler, or to Flask's default one alone."""
    missing = []
    for source in sources:
        if source.logger is None or source.logger.disabled:
            continue
        last = source.path[-1]
        if source.handlers and all(_is_of_flask(one) for _, one in source.handlers):
            if source.is_main:
                owner, handler = source.handlers[0]
                yield Fault(
                    f"logging is not configured: the logger {source.logger.name} has Flask's "
                    "default handler alone, which writes plain text",
                    _CONFIGURE,
                    subject.logging_watch.find_attachment(owner, handler),
                )
        elif not source.handlers and last is not logging.root:
            yield Fault(
                f"the logger {last.name} does not propagate and has no handler: its INFO is "
                "lost, and its errors are bare text",
                f'logging.getLogger("{last.name}").propagate = True',
                subject.logging_watch.loggers.get(last.name),
            )
        elif not source.handlers:
            missing.append(source.logger.name)
    if missing:
        yield Fault(
            f"no handler gets the records of {join_loggers(missing)}: INFO is lost, and warnings "
            "are bare text (logging.lastResort)",
            _CONFIGURE,
            subject.logging_watch.loggers.get(missing[0]),
        )
    elif not logging.root.handlers and not any(
        _is_of_flask(handler) for source in sources for _, handler in source.handlers
    ):
        yield Fault(
            "root has no handler: warnings of libraries are bare text (logging.lastResort)",
            "attach the handler to root, not to a logger of the app: logging.root.addHandler(…)",
            is_warning=True,
        )


def _check_double(subject: Subject, source: LogSource, count: int) -> Iterator[Fault]:
    """Yield which handlers write the lines of one record; a formatter may write several, too."""
    found = source.line_handlers
    if len(found) < 2:
        return
    names = " and ".join(f"{_name(handler)} on {step.name}" for step, handler in found)
    seen = f"a record of {source.name} comes out {count} times, by {names}"
    step, handler = next((one for one in found if _is_of_flask(one[1])), found[0])
    remedy = (
        f'logging.getLogger("{step.name}").propagate = False, or better:\n'
        "attach one handler, to root alone"
    )
    if _is_of_flask(handler):
        remedy = _REMOVE_DEFAULT
        if subject.logging_watch.is_attached_early(step, handler):
            seen += ": logging was configured after the first use of app.logger"
    yield Fault(seen, remedy, subject.logging_watch.find_attachment(step, handler))


def _is_of_flask(handler: logging.Handler) -> bool:
    return handler is getattr(sys.modules.get("flask.logging"), "default_handler", None)


def _name(handler: logging.Handler) -> str:
    return "Flask's default handler" if _is_of_flask(handler) else describe(handler)


def _is_within(name: str, parent: str) -> bool:
    return name != parent and name.startswith(f"{parent}.")
