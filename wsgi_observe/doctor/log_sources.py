"""Log sources: what the app's own code logs with, and records that are made with it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from logging.handlers import QueueHandler
from typing import Any

from wsgi_observe.doctor.own_code import iter_own_modules
from wsgi_observe.doctor.questions.question import NotApplicable
from wsgi_observe.doctor.subject import Subject, ViewRegistry
from wsgi_observe.logs.foreign_handlers import propagation_path, queue_listeners

_MAX_LOGGERS = 20
_MAX_NAMES = 5  # in one text
_OUTPUT_SECONDS = 1.0


@dataclass(frozen=True)
class LogSource:
    """One logger of the app.

    :ivar name: as it is called in an answer, such as ``the logger shop`` or ``loguru``.
    :ivar log: makes a record, of a level and a text.
    :ivar logger: None for one that is not of `logging`.
    :ivar is_main: whether it is the one that the app mostly uses, as far as can be known.
    """

    name: str
    log: Callable[[int, str], object]
    logger: logging.Logger | None = None
    is_main: bool = False


def find_log_sources(subject: Subject) -> list[LogSource]:
    """Return the loggers that the app uses, the main one first.

    :raises NotApplicable: if the app uses the handlers of Gunicorn, which are not here.
    """
    other = list(_find_other_libraries(subject))
    names = subject.logging_watch.get_app_loggers()[:_MAX_LOGGERS]
    # Flask logs by ``app.logger``, also where the app's own code does not.
    main = None if other else _find_main_logger(subject, names)
    sources = [*other, *([] if main is None else [main])]
    if main is not None and main.logger is not None and not names:
        names = [f"{main.logger.name}.any_module"]  # made up, as those of its modules are
    known = {source.logger.name for source in sources if source.logger is not None}
    sources += [_of_logger(logging.getLogger(name)) for name in names if name not in known]
    for source in sources:
        _refuse_missing_handlers(source.logger)
    return [replace(sources[0], is_main=True), *sources[1:]]


def join_sources(sources: Iterable[LogSource]) -> str:
    """Return sources as one text: ``loguru and the loggers shop, shop.orders``."""
    sources = list(sources)
    loggers = [source.logger.name for source in sources if source.logger is not None]
    others = [source.name for source in sources if source.logger is None]
    return " and ".join([*others, *([join_loggers(loggers)] if loggers else [])])


def join_loggers(names: Sequence[str]) -> str:
    """Return the names of loggers as one text: ``the loggers shop, shop.orders and 3 more``."""
    more = f" and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else ""
    return f"the logger{'s' if len(names) > 1 else ''} {', '.join(names[:_MAX_NAMES])}{more}"


def uses_logging(subject: Subject) -> bool:
    """Return whether the app's own records go through `logging`, not another library's sinks."""
    return not list(_find_other_libraries(subject))


def _find_main_logger(subject: Subject, names: Collection[str]) -> LogSource | None:
    if subject.framework.name == "flask":
        logger: Any = subject.framework.app.logger
        if isinstance(logger, logging.Logger):
            return _of_logger(logger)
        return LogSource("app.logger", _by_method_names(logger))
    if names:
        return None
    target = subject.options.target or str((subject.gunicorn or {}).get("wsgi_app") or "app")
    return _of_logger(logging.getLogger(target.partition(":")[0].partition(".")[0]))


def _of_logger(logger: logging.Logger) -> LogSource:
    def log(level: int, text: str) -> None:
        logger.log(level, "%s", text)

    return LogSource(f"the logger {logger.name}", log, logger)


def _by_method_names(logger: Any) -> Callable[[int, str], object]:
    """Return a function that logs by a logger's methods ``info`` and so on."""
    return lambda level, text: getattr(logger, logging.getLevelName(level).lower())(text)


def _refuse_missing_handlers(logger: logging.Logger | None) -> None:
    """Refuse to judge what is logged with handlers that the app's server sets up or starts."""
    for step in propagation_path(logger) if logger is not None else ():
        shared = logging.getLogger("gunicorn.error").handlers
        if step.name != "gunicorn.error" and step.handlers is shared and not shared:
            raise NotApplicable(
                f"the logger {step.name} has the handlers of Gunicorn: pass Gunicorn's "
                "configuration with -c"
            )
        queues = [one for one in step.handlers if isinstance(one, QueueHandler)]
        started = [
            handler
            for handler, listener in queue_listeners(queues)
            if getattr(listener, "_thread", None) is not None
        ]
        if len(started) < len(queues):
            raise NotApplicable(
                f"the logger {step.name} has a QueueHandler, and no QueueListener is started "
                "when the app is loaded"
            )


def _find_other_libraries(subject: Subject) -> Iterator[LogSource]:
    """Yield loguru and structlog, if the app's own code uses them and they write by themselves."""
    loguru, structlog = sys.modules.get("loguru"), sys.modules.get("structlog")
    if loguru is None and structlog is None:
        return
    used = [value for module in iter_own_modules() for value in list(vars(module).values())]
    if loguru is not None and any(one is loguru or one is loguru.logger for one in used):
        name = subject.framework.get_logger_name()
        # Sinks may be filtered by the module's name.
        logger = loguru.logger.patch(lambda record: record.update(name=name))
        yield LogSource("loguru", _by_method_names(logger))
    if structlog is not None and any(map(_is_of_structlog, used)):
        factory = structlog.get_config()["logger_factory"]
        if not type(factory).__module__.startswith("structlog.stdlib"):
            yield LogSource("structlog", _by_method_names(structlog.get_logger()))


def _is_of_structlog(value: object) -> bool:
    is_module = value is sys.modules["structlog"]
    return is_module or type(value).__module__.partition(".")[0] == "structlog"


def find_handlers(logger: logging.Logger) -> list[tuple[logging.Logger, logging.Handler]]:
    """Return the handlers that may write records of a logger, but not those for files."""
    return [
        (step, one)
        for step in propagation_path(logger)
        for handler in step.handlers
        for one in _find_targets(handler)
        if not isinstance(one, logging.NullHandler | logging.FileHandler)
    ]


def _find_targets(handler: logging.Handler) -> list[logging.Handler]:
    """Return the handlers at the other end of a queue, or else the handler itself."""
    return [one for _, queue in queue_listeners([handler]) for one in queue.handlers] or [handler]


@contextmanager
def without_delivery(subject: Subject) -> Iterator[None]:
    """Deny connections within the block: records of the doctor are not mailed to anybody.

    That this is denied is no line of the app, so handlers do not print it.
    """
    before, logging.raiseExceptions = logging.raiseExceptions, False
    try:
        with subject.sandbox.without_network():
            yield
    finally:
        logging.raiseExceptions = before


class Trial:
    """A function that the app is tried with: in a request if the app lets it through."""

    def __init__(self, name: str, function: Callable[[], object]) -> None:
        self._name = name
        self._function = function
        self._is_reached = False
        self._error: Exception | None = None

    def add_to(self, views: ViewRegistry) -> None:
        """Add a view that calls the function."""
        views.add(self._name, self._call)

    def run(self, subject: Subject, is_complete: Callable[[str], bool]) -> str:
        """Call the function, in a request or else outside, and return what the process writes.

        :raises NotApplicable: if a handler or filter of the app raises.
        """
        mark = subject.output.mark()
        self._is_reached, self._error = False, None
        with without_delivery(subject):
            if subject.framework.has_views:
                subject.request(self._name)
            if not self._is_reached:
                self._call()
            output = subject.output.wait_until(is_complete, mark, _OUTPUT_SECONDS)
        self._refuse_error()
        return output

    def _refuse_error(self) -> None:
        if self._error is not None:
            error = f"{type(self._error).__name__}: {str(self._error).partition(chr(10))[0]}"
            raise NotApplicable(f"the app's logging raises {error}")

    def _call(self) -> str:
        self._is_reached = True
        try:
            self._function()
        except Exception as error:
            self._error = error
        return "ok"


class RecordTrial(Trial):
    """Makes a record of each level by each of the app's loggers, and finds their lines."""

    LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)

    def __init__(self, name: str) -> None:
        super().__init__(name, self._log)
        self._sources: list[LogSource] = []

    def find_lines(self, subject: Subject) -> dict[tuple[str, int], list[str]]:
        """Return the lines of each record, by the name of its logger and its level."""
        self._sources = find_log_sources(subject)
        last = _make_text(len(self._sources) - 1, self.LEVELS[-1])
        lines = self.run(subject, lambda output: last in output).splitlines()
        return {
            (source.name, level): [line for line in lines if _make_text(number, level) in line]
            for number, source in enumerate(self._sources)
            for level in self.LEVELS
        }

    @property
    def sources(self) -> list[LogSource]:
        """The loggers of the last trial."""
        return self._sources

    def _log(self) -> None:
        for number, source in enumerate(self._sources):
            for level in self.LEVELS:
                source.log(level, _make_text(number, level))


def _make_text(number: int, level: int) -> str:
    # Short, and without a hyphen: rich breaks lines there.
    return f"doctor{number}{logging.getLevelName(level).lower()}."
