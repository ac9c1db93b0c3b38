"""The twelve questions, one file each."""

from __future__ import annotations

from collections.abc import Collection

from wsgi_observe.doctor.questions.debug_mode import DebugIsOff
from wsgi_observe.doctor.questions.error_responses import EveryErrorIsJson
from wsgi_observe.doctor.questions.handler_statuses import HandlersReturnTheirStatus
from wsgi_observe.doctor.questions.leaks import NothingLeaks
from wsgi_observe.doctor.questions.log_levels import InfoComesOut
from wsgi_observe.doctor.questions.one_shape import ErrorsHaveOneShape
from wsgi_observe.doctor.questions.question import Question
from wsgi_observe.doctor.questions.routing_errors import RoutingErrorsAreHandled

QUESTIONS: tuple[type[Question], ...] = (
    EveryErrorIsJson,
    DebugIsOff,
    HandlersReturnTheirStatus,
    RoutingErrorsAreHandled,
    ErrorsHaveOneShape,
    NothingLeaks,
    InfoComesOut,
)
"""In the order of their numbers."""


def select_questions(numbers: Collection[int]) -> list[Question]:
    """Return the questions with these numbers."""
    return [question() for question in QUESTIONS if question.number in numbers]
