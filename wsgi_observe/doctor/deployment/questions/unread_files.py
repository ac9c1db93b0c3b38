"""Question 25: whether the files of the deployment could be read."""

from __future__ import annotations

from wsgi_observe.doctor.answer import Answer
from wsgi_observe.doctor.deployment.workload import Deployment

_NUMBER, _NAME = 25, "the files can be read"


def answer_for_files(deployment: Deployment) -> Answer:
    """Return the answer: what could not be read was not judged."""
    if deployment.folder.problems:
        return Answer(_NUMBER, _NAME, tuple(deployment.folder.problems))
    notes = [f"{_list(names)}: {reason}" for reason, names in deployment.unread.items()]
    if deployment.read and not notes:
        return Answer(_NUMBER, _NAME, (), f"read {_list(deployment.read)}")
    return Answer.skip(_NUMBER, _NAME, "; ".join(notes) or "no files of a deployment found")


def _list(names: list[str]) -> str:
    shown = ", ".join(names[:5])
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown
