"""Apps that the doctor is asked about: each is written to a folder, and loaded from there."""

from pathlib import Path
from textwrap import dedent

from wsgi_observe.doctor.answer import Answer
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.process import examine
from wsgi_observe.doctor.questions import QUESTIONS

ALL = tuple(question.number for question in QUESTIONS)


def ask_about(folder: Path, source: str, *numbers: int, **options: object) -> dict[int, Answer]:
    """Write an app to ``shop.py``, and return the answers by their numbers; by default all."""
    (folder / "shop.py").write_text(dedent(source), encoding="utf-8")
    target = options.pop("target", "shop:app")
    asked = Options(target=target, numbers=numbers or ALL, **options)  # type: ignore[arg-type]
    return {answer.number: answer for answer in examine(asked, folder=folder).answers}


def ask_one(folder: Path, source: str, number: int, **options: object) -> Answer:
    """Return the answer to one question about an app."""
    return ask_about(folder, source, number, **options)[number]
