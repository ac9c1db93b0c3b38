"""The twelve questions about an app, one file each."""

from __future__ import annotations

from collections.abc import Collection

from wsgi_observe.doctor.question import AppQuestion
from wsgi_observe.doctor.questions import (
    debug_mode,
    error_responses,
    handler_statuses,
    health_probes,
    leaks,
    log_files,
    log_levels,
    logged_secrets,
    logging_setup,
    one_shape,
    request_ids,
    routing_errors,
)

_READINESS = "liveness touches nothing, readiness asks what is needed"

QUESTIONS = (
    AppQuestion(1, "every error is JSON", error_responses.find_faults),
    AppQuestion(2, "DEBUG, debugger and reloader are off", debug_mode.find_faults),
    AppQuestion(3, "error handlers return their status", handler_statuses.find_faults),
    AppQuestion(4, "routing errors reach a handler of the app", routing_errors.find_faults),
    AppQuestion(5, "all errors have one shape", one_shape.find_faults),
    AppQuestion(6, "no exception, SQL or path goes to the client", leaks.find_faults),
    AppQuestion(7, "logging is configured before the app", logging_setup.find_faults),
    AppQuestion(8, "INFO comes out, once, as JSON", log_levels.find_faults),
    AppQuestion(9, "a request ID is in each response and on each line", request_ids.find_faults),
    AppQuestion(10, "logs go to standard output or error, not to files", log_files.find_faults),
    AppQuestion(11, "no secret in log lines or events", logged_secrets.find_faults),
    AppQuestion(12, _READINESS, health_probes.find_faults),
)


def select_questions(numbers: Collection[int]) -> list[AppQuestion]:
    """Return the questions with these numbers."""
    return [question for question in QUESTIONS if question.number in numbers]
