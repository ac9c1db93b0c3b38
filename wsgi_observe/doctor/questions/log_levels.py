"""Question 8: does an INFO record of the app come out, once, as JSON?"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Fault
from wsgi_observe.doctor.questions.question import Question
from wsgi_observe.doctor.subject import Subject, ViewRegistry

_CANARY = "doctor-info-4c81"
_REMEDY = (
    "configure logging before the app is made:\n"
    "from wsgi_observe import configure_logging; configure_logging()"
)


class InfoComesOut(Question):
    """Logs an INFO record in a request, and reads what the process writes."""

    number = 8
    name = "INFO comes out, once, as JSON"

    def prepare(self, views: ViewRegistry) -> None:
        """Add a view that logs."""
        name = views.framework.get_logger_name()

        def log() -> str:
            logging.getLogger(name).info("%s", _CANARY)
            return "ok"

        views.add("levels/info", log)

    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Yield a fault if there is no line, or several, or one that is not JSON."""
        name = subject.framework.get_logger_name()
        mark = subject.output.mark()
        if subject.framework.has_views:
            subject.request("levels/info")
        else:
            logging.getLogger(name).info("%s", _CANARY)
        output = subject.output.wait_for(_CANARY, mark)
        lines = [line for line in output.splitlines() if _CANARY in line]
        if not lines:
            level = logging.getLevelName(logging.getLogger(name).getEffectiveLevel())
            yield Fault(
                f"INFO of the logger {name} does not come out: its level is {level}", _REMEDY
            )
        elif len(lines) > 1:
            yield Fault(f"INFO of the logger {name} comes out {len(lines)} times", _REMEDY)
        elif not _is_json(lines[0]):
            yield Fault(f"the line is not JSON: {lines[0][:80]}", _REMEDY)
        self.seen = f"INFO of the logger {name} is one line of JSON"


def _is_json(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
