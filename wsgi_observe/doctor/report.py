"""Report of the doctor: the answers about an app and its deployment, and the score."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wsgi_observe.doctor.answer import Answer, Result


@dataclass(frozen=True)
class Score:
    """How many of the questions that apply to an app are passed."""

    passed: int
    of: int

    @classmethod
    def of_answers(cls, answers: Iterable[Answer]) -> Score:
        """Return the score of answers."""
        results = [answer.result for answer in answers if answer.result is not Result.SKIP]
        return cls(results.count(Result.PASS), len(results))


@dataclass(frozen=True)
class Report:
    """All answers.

    :ivar app: the app as its user has named it.
    :ivar questions: the answers about the app.
    :ivar before: the answers about the same app without ``--observed``, if that was given.
    :ivar unread_config: a configuration of Gunicorn that Gunicorn would read here, and the doctor
        has not.
    :ivar deployment: the answers about the files of its deployment, if they were asked for.
    :ivar problem: why not all questions could be asked, if so.
    """

    app: str = ""
    questions: list[Answer] = field(default_factory=list)
    before: list[Answer] = field(default_factory=list)
    unread_config: str = ""
    deployment: list[Answer] = field(default_factory=list)
    problem: str = ""

    @property
    def score(self) -> Score:
        """The score of the app."""
        return Score.of_answers(self.questions)

    @property
    def answers(self) -> list[Answer]:
        """The answers about the app and about its deployment."""
        return [*self.questions, *self.deployment]

    @property
    def has_failed(self) -> bool:
        """Whether a question is failed; a warning is no failure."""
        return any(answer.result is Result.FAIL for answer in self.answers)

    def to_dict(self) -> dict[str, Any]:
        """Return the report for ``--json``."""
        before = Score.of_answers(self.before)
        return {
            "app": self.app,
            "score": vars(self.score),
            **({"score_before": vars(before)} if self.before else {}),
            "questions": list(map(_to_dict, self.questions)),
            "deployment": list(map(_to_dict, self.deployment)),
        }


def _to_dict(answer: Answer) -> dict[str, Any]:
    faults = answer.faults
    return {
        "number": answer.number,
        "name": answer.name,
        "result": answer.result.value,
        "seen": "; ".join(fault.seen for fault in faults) or answer.seen,
        "remedy": "\n".join(dict.fromkeys(fault.remedy for fault in faults)),
        "where": next((fault.where for fault in faults if fault.where), None),
        "faults": [
            {"seen": fault.seen, "remedy": fault.remedy, "where": fault.where} for fault in faults
        ],
    }


def format_annotations(answers: Iterable[Answer], root: Path) -> Iterator[str]:
    """Yield a workflow command of GitHub Actions for each fault, which annotates its line.

    :param root: of the repository, which GitHub takes paths as relative to.
    """
    for answer in answers:
        for fault in answer.faults:
            command = "warning" if fault.is_warning else "error"
            path, _, line = (fault.where or "").rpartition(":")
            properties = {"title": f"doctor {answer.number}: {answer.name}"}
            if line.isdecimal():
                properties = {"file": _get_path(path, root), "line": line, **properties}
            elif fault.where:
                properties = {"file": _get_path(fault.where, root), **properties}
            pairs = (f"{key}={_escape_property(value)}" for key, value in properties.items())
            text = _escape(fault.seen + "\n" + fault.remedy)
            yield f"::{command} {','.join(pairs)}::{text}"


def _get_path(path: str, root: Path) -> str:
    full = Path(path).resolve()
    return full.relative_to(root).as_posix() if full.is_relative_to(root) else path


def _escape(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _escape_property(text: str) -> str:
    return _escape(text).replace(":", "%3A").replace(",", "%2C")
