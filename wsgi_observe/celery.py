"""Celery integration: a job has the ID, trace and user of the request that asked for it."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from functools import wraps
from typing import Any

from billiard.einfo import ExceptionWithTraceback
from celery import Task, signals
from celery.utils.imports import symbol_by_name
from celery.utils.log import get_multiprocessing_logger

from wsgi_observe._loggers import config_watch, get_logger
from wsgi_observe._safely import call_safely
from wsgi_observe.jobs import CONTEXT_KEY, dump_context, job_context
from wsgi_observe.logs.config import configure_logging
from wsgi_observe.logs.installation import installation
from wsgi_observe.settings import Settings

__all__ = ["instrument", "strategy"]

_log = get_logger("wsgi_observe.celery")
_CELERYS_STRATEGY = "celery.worker.strategy:default"
_STACK = "_wsgi_observe_stack"
_OBSERVED = "_wsgi_observe_observed"
_LOGGERS = ("celery.app.trace", "celery.worker.strategy", "celery.worker.request")


def instrument() -> None:
    """Carry the request's ID to Celery's jobs, and log their lines and failures under it.

    To be called where the Celery app is made, which the web service and the worker both import.
    The worker's logging is configured by the environment (``WSGI_OBSERVE_…``), unless
    `configure_logging` was called before it starts.

    >>> instrument()
    """
    receivers = {
        signals.before_task_publish: _add_context,
        signals.task_prerun: _enter_context,
        signals.task_postrun: _leave_context,
        signals.setup_logging: _set_up_logging,
    }
    for signal, receiver in receivers.items():
        signal.connect(receiver, weak=False, dispatch_uid=f"{__name__}.{receiver.__name__}")
    if Task.Strategy == _CELERYS_STRATEGY:
        Task.Strategy = f"{__name__}:strategy"
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_revise_record)


# ---- in the process that asks for a job


def _add_context(headers: Any = None, **_: Any) -> None:
    """Put the running request into the message's headers."""
    context = dump_context()
    if context is not None and isinstance(headers, dict):
        headers.setdefault(CONTEXT_KEY, context)


# ---- in the process that runs it


def _enter_context(task: Any = None, **_: Any) -> None:
    """Begin the job's context: Celery calls this before the task, in its thread or greenlet."""
    config_watch.check_if_due()
    request = task.request
    stack = ExitStack()
    call_safely("beginning a Celery job", stack.enter_context, _get_context(task, request))
    setattr(request, _STACK, stack)


def _leave_context(task: Any = None, **_: Any) -> None:
    """End it, after its failure was logged, and its callbacks, chain and chord were sent on."""
    stack = task.request.__dict__.pop(_STACK, None)
    if stack is not None:
        stack.close()


def strategy(task: Task, app: Any, consumer: Any, **options: Any) -> Callable[..., Any]:
    """Return Celery's handler of a task's messages, with what it logs in the job's context.

    That is in the worker's main process: that a job was received or revoked, and, by way of its
    ``Request``, that it has exceeded its time limit or died with its process.
    """
    # Here, since only a worker needs it.
    from celery.worker.strategy import default

    task.Request = _observe_request(symbol_by_name(task.Request))
    handle = default(task, app, consumer, **options)

    @wraps(handle)
    def handle_in_context(message: Any, *args: Any, **kwargs: Any) -> Any:
        with _get_context(task, message.headers):
            return handle(message, *args, **kwargs)

    return handle_in_context


def _observe_request(base: Any) -> Any:
    """Return the class of a task's ``Request``, with the ends of a job in the job's context."""
    if hasattr(base, _OBSERVED):
        return base  # the broker was lost, and Celery asks for the strategies again

    class Request(base):  # type: ignore[misc]
        def on_failure(self, *args: Any, **kwargs: Any) -> Any:
            with _get_context(self.task, self.request_dict):
                return super().on_failure(*args, **kwargs)

        def on_timeout(self, *args: Any, **kwargs: Any) -> Any:
            with _get_context(self.task, self.request_dict):
                return super().on_timeout(*args, **kwargs)

    setattr(Request, _OBSERVED, True)
    return Request


def _get_context(task: Task, request: Any) -> AbstractContextManager[str]:
    """Return the context of a job.

    :param request: its ``Context``, or the headers of its message.
    """
    job_id = request.get("id")
    # All that a canvas or a retry sends has the same root, and what beat sends one of its own.
    root_id = request.get("root_id") or job_id or ""
    fields = {"job": task.name, "job_id": job_id, "retry": request.get("retries") or 0}
    return job_context(request.get(CONTEXT_KEY), str(root_id), fields)


# ---- logging


def _set_up_logging(loglevel: Any = None, logfile: str | None = None, **_: Any) -> None:
    """Configure logging in place of Celery, which asks for it by this signal.

    The level of ``celery worker -l`` counts where the environment has none. WARNING is Celery's
    default, and would leave out that jobs were received and have succeeded.
    """
    if not installation.handlers:
        settings = Settings.from_env(os.environ)
        if loglevel not in (None, logging.WARNING) and "log_level" not in settings.fields_set:
            settings = settings.replace(log_level=logging.getLevelName(loglevel))
        configure_logging(settings)
    # Its logger does not propagate, and Celery gives it a handler of its own for errors.
    processes = get_multiprocessing_logger()
    processes.propagate = True
    processes.setLevel(logging.ERROR)
    processes.addFilter(_revise_record)
    if logfile:
        _log.warning(
            "celery's --logfile %s is not written: log lines go where WSGI_OBSERVE_LOG_STREAM "
            "or configure_logging(log_stream=…) says",
            logfile,
        )


def _revise_record(record: logging.LogRecord) -> bool:
    """Take from Celery's records what repeats them: arguments, and the traceback as text.

    A process that is killed, and a hard time limit, are reported as an ERROR twice, the second
    time with the exception, in the job's context.
    """
    record.__dict__.pop("data", None)
    if str(record.msg).startswith(("Hard time limit", "Process %r pid:%r exited")):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
    error = record.exc_info[1] if record.exc_info else None
    if isinstance(error, ExceptionWithTraceback):  # which all have the same `error_id`
        record.exc_info = (type(error.exc), error.exc, error.exc.__traceback__)
    return True
