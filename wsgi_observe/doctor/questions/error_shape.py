"""Question 5: do all errors have one shape, whatever they come from?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.client import Response
from wsgi_observe.doctor.exceptions import CannotMakeError, make_exception
from wsgi_observe.doctor.failing_views import FailingViews
from wsgi_observe.doctor.questions.question import NotApplicable, Question
from wsgi_observe.doctor.sources import is_imported
from wsgi_observe.doctor.subject import PREFIX, Subject, ViewRegistry, find_place, is_installed

_UNKNOWN = "shape/nothing-is-here"
_GET_ONLY = "shape/get-only"
_STATUSES = (400, 404, 405, 409, 422)
_DESCRIPTION = "the doctor asks for {} in plain words"
_VALIDATION_MODULES = {"marshmallow": "marshmallow", "pydantic": "pydantic"}
_REMEDY = (
    "Observe(app)  # from wsgi_observe.flask import Observe; or one function for all handlers:\n"
    "def make_error(code, name, description, **more): return dict(code=code, ...), code"
)
# Beside the common keys: they say more of one error, or are of the request.
_EXTRA_KEYS = {
    *("request_id", "trace_id", "span_id", "correlation_id", "instance", "path", "url", "method"),
    *("timestamp", "time", "reason", "errors", "details", "fields", "type", "docs", "help", "hint"),
}
