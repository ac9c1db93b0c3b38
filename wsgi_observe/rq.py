"""RQ integration: a job has the ID, trace and user of the request that asked for it."""

from __future__ import annotations

import logging
import os
import signal
from contextlib import AbstractContextManager
from typing import Any

import rq
from rq.exceptions import AbandonedJobError, DeserializationError
from rq.job import Job
from rq.logutils import ColorizingStreamHandler

from wsgi_observe._loggers import config_watch, get_logger
from wsgi_observe.jobs import CONTEXT_KEY, dump_context, job_context
from wsgi_observe.logs.config import configure_logging
from wsgi_observe.logs.installation import installation
from wsgi_observe.settings import Settings

__all__ = ["Queue", "SimpleWorker", "Worker", "WorkerMixin"]

_log = get_logger("wsgi_observe.rq")
_RETRIES = "retries"


class Queue(rq.Queue):
    """An ``rq.Queue`` whose jobs carry the ID of the request that enqueues them, in their ``meta``.

    >>> Queue(connection=Redis()).enqueue(send_mail, order)  # doctest: +SKIP
    """

    def create_job(self, *args: Any, **kwargs: Any) -> Job:
        """Return the job, with the running request in its ``meta``."""
        job = super().create_job(*args, **kwargs)
        # RQ counts down the retries that are left, of a number that it does not keep.
        carried = {**(dump_context() or {}), _RETRIES: job.retries_left or 0}
        job.meta = {CONTEXT_KEY: carried, **(job.meta or {})}
        return job


class WorkerMixin:
    """For a worker class of your own: its jobs run, fail and die under the ID of their request.

    Put it before the class of RQ's. If no code has called `configure_logging`, the worker does,
    with the settings of the environment (``WSGI_OBSERVE_…``).
    """

    def bootstrap(self, *args: Any, **kwargs: Any) -> Any:
        """Configure logging before RQ looks for handlers."""
        _set_up_logging()
        handlers: list[Any] = self._exc_handlers  # type: ignore[attr-defined]
        if _log_abandoned not in handlers:
            handlers.insert(0, _log_abandoned)  # any of the others may be the last that is called
        return super().bootstrap(*args, **kwargs)  # type: ignore[misc]

    def main_work_horse(self, *args: Any, **kwargs: Any) -> Any:
        """Configure logging in the process of a job, which may be a new interpreter."""
        _set_up_logging()
        return super().main_work_horse(*args, **kwargs)  # type: ignore[misc]

    def execute_job(self, job: Job, *args: Any, **kwargs: Any) -> Any:
        """Run a job and wait for its process, in the job's context."""
        with _get_context(job):
            _log.info("job %s started: %s", job.id, _get_function_name(job))
            return super().execute_job(job, *args, **kwargs)  # type: ignore[misc]

    def perform_job(self, job: Job, *args: Any, **kwargs: Any) -> Any:
        """Run a job in this process, in the job's context."""
        config_watch.check_if_due()
        with _get_context(job):
            return super().perform_job(job, *args, **kwargs)  # type: ignore[misc]

    def handle_exception(self, job: Job, *exc_info: Any) -> Any:
        """Log the exception of a job in one line, in place of RQ's text with its arguments.

        It is an ERROR when RQ gives up, and a WARNING when the job will be tried again.
        """
        message = "job %s failed: %s"
        _log.log(_get_level(job), message, job.id, _get_function_name(job), exc_info=exc_info)
        return super().handle_exception(job, *exc_info)  # type: ignore[misc]

    def handle_work_horse_killed(self, job: Job, retpid: Any, ret_val: Any, rusage: Any) -> Any:
        """Log that the process of a job has ended before the job."""
        cause, message = _describe_exit(ret_val), "job %s died with its process: %s"
        _log.log(_get_level(job), message, job.id, cause, extra={"cause": cause})
        return super().handle_work_horse_killed(job, retpid, ret_val, rusage)  # type: ignore[misc]


class Worker(WorkerMixin, rq.Worker):
    """An ``rq.Worker`` that observes its jobs: ``rq worker -w wsgi_observe.rq.Worker``."""


class SimpleWorker(WorkerMixin, rq.SimpleWorker):
    """An ``rq.SimpleWorker`` that does: its jobs run in its own process."""


def _log_abandoned(job: Job, kind: type[BaseException], error: BaseException, _: Any) -> None:
    """Log that a job's worker has died with it: an exception handler, which RQ calls later.

    Another worker cleans up when it starts, and every ten minutes.
    """
    if issubclass(kind, AbandonedJobError):
        with _get_context(job):
            info = (kind, error, None)
            _log.log(_get_level(job), "job %s died with its worker", job.id, exc_info=info)


def _get_level(job: Job) -> int:
    """Return the level of a job's failure: a WARNING where it will be tried again."""
    return logging.WARNING if job.retries_left else logging.ERROR


def _get_context(job: Job) -> AbstractContextManager[str]:
    carried = (job.meta or {}).get(CONTEXT_KEY)
    fields: dict[str, object] = {"job": _get_function_name(job), "job_id": job.id}
    retries = carried.get(_RETRIES) if isinstance(carried, dict) else None
    if isinstance(retries, int):  # else another class of queue has made it
        returned = getattr(job, "number_of_retries", None) or 0  # with a `Retry` that it returned
        fields["retry"] = retries - (job.retries_left or 0) + returned
    return job_context(carried, job.id, fields)


def _get_function_name(job: Job) -> str:
    try:
        return str(job.func_name)
    except DeserializationError:
        return "unknown, it cannot be deserialized"


def _describe_exit(status: int | None) -> str:
    """Return how a process has ended: ``SIGKILL``, ``exit 1``."""
    if status is None:
        return "unknown"
    code = os.waitstatus_to_exitcode(status)
    return f"exit {code}" if code >= 0 else signal.Signals(-code).name


def _set_up_logging() -> None:
    """Configure logging, if no other code has, and send RQ's own records the same way."""
    logger = logging.getLogger("rq.worker")
    logger.addFilter(_revise_record)
    # The command `rq worker` attaches its own to the console before it makes a worker.
    for handler in [one for one in logger.handlers if isinstance(one, ColorizingStreamHandler)]:
        logger.removeHandler(handler)
        logger.propagate = True
    if not installation.handlers:
        configure_logging(Settings.from_env(os.environ))


def _revise_record(record: logging.LogRecord) -> bool:
    """Drop the text of an exception that `WorkerMixin.handle_exception` has logged.

    That a job has returned ``Retry`` once too often is its failure, which RQ logs as a WARNING.
    """
    if "exceeded maximum retry attempts" in str(record.msg):
        record.levelno, record.levelname = logging.ERROR, "ERROR"
    return record.funcName != "handle_exception" or record.levelno < logging.ERROR
