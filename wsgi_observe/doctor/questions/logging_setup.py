"""Question 7: is logging configured, and before the app?"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.log_sources import (
    LogSource,
    RecordTrial,
    find_handlers,
    join_loggers,
    join_sources,
    uses_logging,
)
from wsgi_observe.doctor.logging_watch import is_of_app
from wsgi_observe.doctor.questions.question import Question
from wsgi_observe.doctor.subject import Subject, ViewRegistry
from wsgi_observe.logs.foreign_handlers import describe, propagation_path
from wsgi_observe.logs.installation import installation
from wsgi_observe.logs.logger_state import may_be_of_app

_CONFIGURE = (
    "before the app is made: logging.config.dictConfig({…}) with a handler on root, or\n"
    "from wsgi_observe import configure_logging; configure_logging()"
)
_ONE_CONFIGURATION = "leave logging to wsgi_observe, and remove the app's own configuration of it"
_REMOVE_DEFAULT = (
    "from flask.logging import default_handler; app.logger.removeHandler(default_handler)\n"
    "or configure logging before app.logger is used for the first time"
)


class LoggingIsConfiguredFirst(Question):
    """Looks at the handlers that records of the app get to, and counts the lines of one record."""

    number = 7
    name = "logging is configured before the app"

    def __init__(self) -> None:
        super().__init__()
        self._trial = RecordTrial("logging/records")

    def prepare(self, views: ViewRegistry) -> None:
        """Add a view that logs."""
        self._trial.add_to(views)

    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Yield what is missing, what is there twice, and which loggers are disabled."""
        lines = self._trial.find_lines(subject)
        sources = self._trial.sources
        if installation.handlers:
            installation.restore()
            yield from (Fault(problem, _ONE_CONFIGURATION) for problem in installation.problems)
        else:
            yield from _check_disabled(subject)
            if uses_logging(subject):
                yield from _check_handlers(subject, sources)
        # The main logger is one that the app need not use; a child of it gets to its handlers.
        for source in sources:
            count = max(len(lines[source.name, level]) for level in self._trial.LEVELS)
            if count > 1 and not installation.problems:
                yield from _check_double(subject, source, count)
                break
        own = [source for source in sources if source.logger is not None]
        self.seen = f"one handler writes each record of {join_sources(own)}"
        if not own:
            self.seen = f"the app logs with {join_sources(sources)}: see question 8"


def _check_disabled(subject: Subject) -> Iterator[Fault]:
    """Yield the loggers that a configuration has disabled: the app's own, and those of others."""
    loggers = logging.root.manager.loggerDict
    watch = subject.logging_watch
    disabled = [name for name in watch.disabled if getattr(loggers.get(name), "disabled", False)]
    own = [name for name in disabled if is_of_app(name)]
    if own:
        yield Fault(
            f"a logging configuration has disabled {join_loggers(own)}: all their records are lost",
            "pass disable_existing_loggers=False to dictConfig or fileConfig",
            watch.disabled[own[0]],
        )
    others = [name for name in disabled if name not in own and may_be_of_app(name)]
    # A library's parent loggers are there only for their children.
    others = [name for name in others if not any(_is_within(name, one) for one in others)]
    if others:
        yield Fault(
            f"a logging configuration has disabled {join_loggers(others)}: their errors are lost",
            "pass disable_existing_loggers=False to dictConfig or fileConfig",
            watch.disabled[others[0]],
            is_warning=True,
        )


def _check_handlers(subject: Subject, sources: list[LogSource]) -> Iterator[Fault]:
    """Yield loggers whose records get to no handler, or to Flask's default one alone."""
    missing = []
    for source in sources:
        if source.logger is None or source.logger.disabled:
            continue
        path = propagation_path(source.logger)
        handlers = [handler for step in path for handler in step.handlers]
        if handlers and all(map(_is_of_flask, handlers)):
            if source.is_main:
                yield _describe_default(subject, source.logger, path)
        elif not handlers and path[-1] is not logging.root:
            yield Fault(
                f"the logger {path[-1].name} does not propagate and has no handler: its INFO is "
                "lost, and its errors are bare text",
                f'logging.getLogger("{path[-1].name}").propagate = True',
                subject.logging_watch.loggers.get(path[-1].name),
            )
        elif not handlers:
            missing.append(source.logger.name)
    if missing:
        yield Fault(
            f"no handler gets the records of {join_loggers(missing)}: INFO is lost, and warnings "
            "are bare text (logging.lastResort)",
            _CONFIGURE,
            subject.logging_watch.loggers.get(missing[0]),
        )
    elif not logging.root.handlers and not any(map(_has_default, sources)):
        yield Fault(
            "root has no handler: warnings of libraries are bare text (logging.lastResort)",
            "attach the handler to root, not to a logger of the app: logging.root.addHandler(…)",
            is_warning=True,
        )


def _describe_default(
    subject: Subject, logger: logging.Logger, path: list[logging.Logger]
) -> Fault:
    owner = next(step for step in path if step.handlers)
    return Fault(
        f"logging is not configured: the logger {logger.name} has Flask's default handler alone, "
        "which writes plain text",
        _CONFIGURE,
        subject.logging_watch.find_attachment(owner, owner.handlers[0]),
    )


def _check_double(subject: Subject, source: LogSource, count: int) -> Iterator[Fault]:
    """Yield which handlers write the lines of one record; a formatter may write several, too."""
    found = find_handlers(source.logger) if source.logger is not None else []
    if len(found) < 2:
        return
    names = " and ".join(f"{_name(handler)} on {step.name}" for step, handler in found)
    seen = f"a record of {source.name} comes out {count} times, by {names}"
    watch = subject.logging_watch
    for step, handler in found:
        if _is_of_flask(handler):
            if watch.is_attached_early(step, handler):
                seen += ": logging was configured after the first use of app.logger"
            yield Fault(seen, _REMOVE_DEFAULT, watch.find_attachment(step, handler))
            return
    step, handler = found[0]
    yield Fault(
        seen,
        f'logging.getLogger("{step.name}").propagate = False, or better:\n'
        "attach one handler, to root alone",
        watch.find_attachment(step, handler),
    )


def _is_of_flask(handler: logging.Handler) -> bool:
    return handler is getattr(sys.modules.get("flask.logging"), "default_handler", None)


def _has_default(source: LogSource) -> bool:
    path = propagation_path(source.logger) if source.logger is not None else []
    return any(_is_of_flask(handler) for step in path for handler in step.handlers)


def _name(handler: logging.Handler) -> str:
    return "Flask's default handler" if _is_of_flask(handler) else describe(handler)


def _is_within(name: str, parent: str) -> bool:
    return name != parent and name.startswith(f"{parent}.")
