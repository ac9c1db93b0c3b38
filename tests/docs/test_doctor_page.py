"""The page of the doctor: its questions, and what it shows of an app."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import FOLDER, ROOT, blocks, commands, rows, section
from wsgi_observe.cli import main
from wsgi_observe.doctor.deployment import check_deployment
from wsgi_observe.doctor.questions import QUESTIONS

TEXTS = blocks("doctor", "text")
TYPED = [command for command in commands("doctor") if command.startswith("wsgi-observe")]


def test_the_questions_about_an_app_are_in_the_table() -> None:
    listed = rows(section("doctor", "The questions"))
    assert listed == [
        [f"[{question.number}](doctor/{question.number}.md)", question.name]
        for question in QUESTIONS
    ]
    assert len(listed) == 12


def test_the_questions_about_a_deployment_are_in_the_table(tmp_path: Path) -> None:
    assert rows(section("doctor", "The deployment")) == [
        [f"[{answer.number}](doctor/{answer.number}.md)", answer.name]
        for answer in check_deployment(tmp_path)
    ]


def test_each_question_has_a_page_which_the_command_prints(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    questions = [(question.number, question.name) for question in QUESTIONS]
    questions += [(answer.number, answer.name) for answer in check_deployment(tmp_path)]
    for number, name in questions:
        assert main(["doctor", "--explain", str(number)]) == 0
        page = capsys.readouterr().out
        assert page == (FOLDER / "doctor" / f"{number}.md").read_text(encoding="utf-8")
        assert page.lower().startswith(f"# {number}. {name.lower()}\n")
    assert len(list((FOLDER / "doctor").glob("*.md"))) == len(questions)


@pytest.mark.parametrize(
    ("command", "text"), list(zip(TYPED[:2], TEXTS, strict=True)), ids=["as it is", "observed"]
)
def test_what_the_page_shows_is_what_is_printed(command: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text((ROOT / "tests/docs/shop.py").read_text(encoding="utf-8"))
    program = Path(sys.executable).parent / "wsgi-observe"
    printed = subprocess.run(
        [program, *shlex.split(command)[1:]],
        cwd=tmp_path, env=os.environ | {"COLUMNS": ""}, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert without_times(printed) == without_times(text)


def without_times(text: str) -> str:
    return re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+", "TIME", text)
