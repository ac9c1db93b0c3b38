"""Questions about a deployment, answered from its files: nothing is executed."""

from __future__ import annotations

from pathlib import Path

from wsgi_observe.doctor.answer import Answer
from wsgi_observe.doctor.deployment.gunicorn import GunicornFacts
from wsgi_observe.doctor.deployment.questions import QUESTIONS
from wsgi_observe.doctor.deployment.questions.unread_files import answer_for_files
from wsgi_observe.doctor.deployment.readers import read_deployment

__all__ = ["GunicornFacts", "check_deployment"]


def check_deployment(folder: Path, gunicorn: GunicornFacts | None = None) -> list[Answer]:
    """Return the answers to the questions about the deployment whose files are in a folder.

    :param gunicorn: what is known of the app from having loaded it.
    """
    deployment = read_deployment(folder, gunicorn)
    answers = [question.answer(deployment) for question in QUESTIONS]
    # What could not be read is asked for last, since the other questions read files too.
    return [*answers, answer_for_files(deployment)]
