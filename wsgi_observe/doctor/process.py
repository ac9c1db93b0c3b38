"""Process of the app: started by the doctor, with a time limit and its output in a file."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from signal import SIGKILL, SIGUSR1
from time import monotonic
from typing import IO, Any

from wsgi_observe.doctor.answer import Answer
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.questions import select_questions

_MAX_SHOWN_OUTPUT = 4000
_EXIT_SECONDS = 1  # in which the app may clean up
_DUMP_SECONDS = 0.3


class DoctorError(Exception):
    """A reason why the questions have no answers, for the user."""


@dataclass
class Examination:
    """What the app's process has answered.

    The process sends one without answers when the app is loaded, or a `DoctorError`; then the
    number of each question and its `Answer`; at last None.

    :ivar gunicorn: the settings of its configuration, if there is one.
    :ivar max_check_timeout: seconds that one of its readiness checks may take, if it has any.
    :ivar problem: why the process did not come to all questions; the others are skipped.
    """

    gunicorn: dict[str, Any] | None = None
    max_check_timeout: float | None = None
    answers: list[Answer] = field(default_factory=list)
    problem: str = ""


def examine(
    options: Options,
    report: Callable[[int], None] = lambda number: None,
    folder: Path | None = None,
) -> Examination:
    """Ask the questions in a process of its own, and return the answers.

    :param report: called with the number of each question before it is asked.
    :param folder: the working directory of the process; by default this one's.
    :raises DoctorError: if the app cannot be loaded, or not in time.
    """
    end = monotonic() + options.timeout
    connection, its_own = Pipe()
    connection.send(options)
    with tempfile.TemporaryFile("a+b") as output, connection:
        process = subprocess.Popen(
            [sys.executable, "-m", "wsgi_observe.doctor", str(its_own.fileno())],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[its_own.fileno()],
            start_new_session=True,
        )
        its_own.close()
        try:
            examination = _collect(connection, options, report, end)
            if examination.problem:
                examination.problem += _show_end(process, output, end)
            with suppress(subprocess.TimeoutExpired):  # threads of the app may go on
                process.wait(_EXIT_SECONDS)
            return examination
        except DoctorError as error:
            raise DoctorError(f"{error}{_show_end(process, output, end)}") from None
        finally:
            _kill(process)


def _show_end(process: subprocess.Popen[bytes], output: IO[bytes], end: float) -> str:
    """Return the end of the output; if the time is over, the process adds what it is doing."""
    if monotonic() >= end:
        process.send_signal(SIGUSR1)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_DUMP_SECONDS)
    output.seek(0)
    text = output.read()[-_MAX_SHOWN_OUTPUT:].decode("utf-8", "replace").strip()
    return f"; its output:\n{text}" if text else ""


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End the process and its own children, which may be the app's."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, SIGKILL)
    process.wait()


def _collect(
    connection: Connection, options: Options, report: Callable[[int], None], end: float
) -> Examination:
    examination: Examination | None = None
    asked = 0
    with suppress(EOFError, OSError):  # the process has ended
        while connection.poll(max(end - monotonic(), 0)):
            match connection.recv():
                case DoctorError() as error:
                    raise error
                case Examination() as examination:
                    continue
                case int() as asked:
                    report(asked)
                case Answer() as answer if examination is not None:
                    examination.answers.append(answer)
                case None if examination is not None:
                    return examination  # a process that the app has forked may keep the pipe open
    is_late = monotonic() >= end
    if examination is None:
        reason = f"the app was not loaded within {options.timeout:g} s (--timeout)"
        raise DoctorError(reason if is_late else "the app ended the process while it was loaded")
    reason = "the app ended the process"
    if is_late:
        reason = f"no answer within {options.timeout:g} s (--timeout)"
    examination.answers += _make_missing(options, examination.answers, asked, reason)
    examination.problem = f"question {asked}: {reason}"
    return examination


def _make_missing(
    options: Options, answers: list[Answer], asked: int, reason: str
) -> Iterator[Answer]:
    """Yield answers for the questions that the process did not come to."""
    numbers = {answer.number for answer in answers}
    for question in select_questions(options.numbers):
        if question.number not in numbers:
            seen = reason if question.number == asked else f"not asked: in {asked}, {reason}"
            yield Answer.skip(question.number, question.name, seen)
