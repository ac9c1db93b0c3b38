"""Log sources: what the app's own code logs with, and records that are made with it."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from logging.handlers import QueueHandler
from typing import Any, TypeAlias

from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.own_code import iter_own_modules
from wsgi_observe.doctor.question import NotApplicable
from wsgi_observe.doctor.recording.log_delivery import without_delivery
from wsgi_observe.logs.foreign_handlers import (
    describe,
    get_console_files,
    propagation_path,
    queue_listeners,
    writes_to,
)
from wsgi_observe.logs.installation import installation

_MAX_LOGGERS = 20
_MAX_NAMES = 5  # in one text
_OUTPUT_SECONDS = 1.0

LEVELS = (logging.INFO, logging.WARNING, logging.ERROR)
"""Those of the records that are made."""

Log: TypeAlias = Callable[[int, str], object]
"""Makes a record, of a level and a text."""


@dataclass(frozen=True)
class LogSource:
    """One logger of the app.

    :ivar name: as it is called in an answer, such as ``the logger shop`` or ``loguru``.
    :ivar logger: None for one that is not of `logging`.
    :ivar is_main: whether it is the one that the app mostly uses, as far as can be known.
    """

    name: str
    log: Log
    logger: logging.Logger | None = None
    is_main: bool = False

    @property
    def path(self) -> list[logging.Logger]:
        """The loggers whose handlers get the records; none if they are not of `logging`."""
        return [] if self.logger is None else propagation_path(self.logger)

    @property
    def handlers(self) -> list[tuple[logging.Logger, logging.Handler]]:
        """The handlers that get the records, each with the logger that it is attached to."""
        return [(step, handler) for step in self.path for handler in step.handlers]

    @property
    def line_handlers(self) -> list[tuple[logging.Logger, logging.Handler]]:
        """The handlers that may write the records, but not those for files."""
        return [
            (step, one)
            for step, handler in self.handlers
            for one in find_final_handlers([handler])
            if not isinstance(one, logging.NullHandler | logging.FileHandler)
        ]

    @property
    def second_handler_remedy(self) -> str:
        """How to remove a handler that writes to the console beside ours; empty if there is none.

        What it writes is not redacted, and has no request ID.
        """
        others = (
            f"remove {describe(handler)} from the logger {step.name}: it writes each record too, "
            "beside the handler of wsgi_observe"
            for step, handler in self.line_handlers
            if handler not in installation.handlers and writes_to(handler, get_console_files())
        )
        return next(others, "") if installation.handlers else ""


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
        _refuse_missing_handlers(source)
    return [replace(sources[0], is_main=True), *sources[1:]]


def find_main_source(subject: Subject) -> LogSource:
    """Return the logger that the app mostly uses; a silent one if its handlers are not here."""
    try:
        return find_log_sources(subject)[0]
    except NotApplicable:
        return LogSource("", lambda level, text: None)


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
    return LogSource(f"the logger {logger.name}", logger.log, logger)


def _by_method_names(logger: Any) -> Log:
    """Return a function that logs by a logger's methods ``info`` and so on."""
    return lambda level, text: getattr(logger, logging.getLevelName(level).lower())(text)


def _refuse_missing_handlers(source: LogSource) -> None:
    """Refuse to judge what is logged with handlers that the app's server sets up or starts."""
    for step in source.path:
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
        # Sinks may be filtered by the module's name.
        is_flask = subject.framework.name == "flask"
        modules = (module.__name__ for module in iter_own_modules())
        name = subject.framework.app.name if is_flask else next(modules, "app")
        logger = loguru.logger.patch(lambda record: record.update(name=name))
        yield LogSource("loguru", _by_method_names(logger))
    if structlog is not None and any(map(_is_of_structlog, used)):
        factory = structlog.get_config()["logger_factory"]
        if not type(factory).__module__.startswith("structlog.stdlib"):
            yield LogSource("structlog", _by_method_names(structlog.get_logger()))


def _is_of_structlog(value: object) -> bool:
    is_module = value is sys.modules["structlog"]
    return is_module or type(value).__module__.partition(".")[0] == "structlog"


def find_final_handlers(handlers: Iterable[logging.Handler]) -> list[logging.Handler]:
    """Return handlers; in place of a queue's, or of one that wraps others, those behind it."""
    final, pending = [], list(handlers)
    known = set[int]()
    while pending:
        handler = pending.pop(0)
        if id(handler) in known:
            continue
        known.add(id(handler))
        inner = [one for _, listener in queue_listeners([handler]) for one in listener.handlers]
        # As `MemoryHandler` has its target.
        inner += [one for one in vars(handler).values() if isinstance(one, logging.Handler)]
        pending += inner
        if not inner:
            final.append(handler)
    return final


def parse_line(line: str) -> dict[str, object] | None:
    """Return the object of JSON that a line is; None for any other line."""
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def log_records(subject: Subject) -> dict[LogSource, dict[int, list[str]]]:
    """Make a record of each of `LEVELS` with each of the app's loggers, and return their lines.

    That is done in a request if the app lets it through.

    :raises NotApplicable: if a handler or filter of the app raises.
    """
    texts = {
        # Short, and without a hyphen: rich breaks lines there.
        (source, level): f"doctor{number}{logging.getLevelName(level).lower()}."
        for number, source in enumerate(find_log_sources(subject))
        for level in LEVELS
    }
    errors: list[Exception] = []

    def log() -> None:
        try:
            for (source, level), text in texts.items():
                source.log(level, text)
        except Exception as error:
            errors.append(error)

    mark = subject.output.mark()
    with without_delivery(subject.sandbox):
        if subject.call_in_view(log) is None:
            log()
        output = subject.output.wait_for(list(texts.values())[-1], mark, _OUTPUT_SECONDS)
    for error in errors:
        text = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise NotApplicable(f"the app's logging raises {text}")
    lines: dict[LogSource, dict[int, list[str]]] = {}
    for (source, level), text in texts.items():
        found = [line for line in output.splitlines() if text in line]
        lines.setdefault(source, {})[level] = found
    return lines
