"""Process of the app: started by the doctor, with a time limit and its output in a file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector
from signal import SIGKILL, SIGUSR1
from time import monotonic
from typing import IO, Any

from wsgi_observe.doctor.answer import Answer, Fault
from wsgi_observe.doctor.options import Options
from wsgi_observe.doctor.questions import select_questions

_MAX_SHOWN_OUTPUT = 4000
_EXIT_SECONDS = 1  # in which the app may clean up
_DUMP_SECONDS = 0.3


class DoctorError(Exception):
    """A reason why the questions have no answers, for the user."""


@dataclass(frozen=True)
class Message:
    """One message from the app's process.

    :ivar kind: ``app`` when it is loaded, ``start`` and ``answer`` for each question, ``end``
        after the last, ``error`` if it cannot be loaded.
    """

    kind: str
    value: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of_error(cls, reason: str) -> Message:
        """Return the reason why there is no app."""
        return cls("error", {"reason": reason})

    @classmethod
    def of_app(
        cls, framework: str, gunicorn: dict[str, object] | None, max_check_timeout: float | None
    ) -> Message:
        """Return what is known of the app."""
        known = {
            name: value
            for name, value in (gunicorn or {}).items()
            if isinstance(value, str | int | float | bool | list | tuple | None)
        }
        settings = None if gunicorn is None else known
        facts = {"gunicorn": settings, "max_check_timeout": max_check_timeout}
        return cls("app", {"framework": framework, **facts})

    @classmethod
    def of_start(cls, number: int) -> Message:
        """Return that a question is asked now."""
        return cls("start", {"number": number})

    @classmethod
    def of_answer(cls, answer: Answer) -> Message:
        """Return an answer."""
        return cls("answer", asdict(answer))

    def to_line(self) -> bytes:
        """Return the message as a line."""
        return json.dumps({"kind": self.kind, **self.value}).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Message:
        """Return the message that a line is."""
        value = json.loads(line)
        return cls(value.pop("kind"), value)

    def to_answer(self) -> Answer:
        """Return the answer that the message is."""
        faults = tuple(Fault(**fault) for fault in self.value["faults"])
        return Answer(**{**self.value, "faults": faults})


@dataclass
class Examination:
    """What the app's process has answered.

    :ivar framework: of the app, in lower case; empty for any WSGI app.
    :ivar gunicorn: the settings of its configuration, if there is one.
    :ivar max_check_timeout: seconds that one of its readiness checks may take, if it has any.
    :ivar problem: why the process did not come to all questions; the others are skipped.
    """

    framework: str = ""
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
    reader, writer = os.pipe()
    with tempfile.TemporaryFile("a+b") as output, os.fdopen(reader, "rb", 0) as messages:
        command = [sys.executable, "-m", "wsgi_observe.doctor", str(writer), options.to_json()]
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=[writer],
            start_new_session=True,
        )
        os.close(writer)
        try:
            found = _collect(messages, options, report, end)
            if found.problem:
                found.problem += _show_end(process, output, end)
            with suppress(subprocess.TimeoutExpired):  # threads of the app may go on
                process.wait(_EXIT_SECONDS)
            return found
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
    messages: IO[bytes], options: Options, report: Callable[[int], None], end: float
) -> Examination:
    found = Examination()
    is_loaded, asked = False, 0
    for message in _read_messages(messages, end):
        match message.kind:
            case "error":
                raise DoctorError(message.value["reason"])
            case "app":
                is_loaded = True
                found.framework = message.value["framework"]
                found.gunicorn = message.value["gunicorn"]
                found.max_check_timeout = message.value["max_check_timeout"]
            case "start":
                asked = message.value["number"]
                report(asked)
            case "answer":
                found.answers.append(message.to_answer())
            case "end":
                return found  # a process that the app has forked may keep the pipe open
    is_late = monotonic() >= end
    if not is_loaded:
        reason = f"the app was not loaded within {options.timeout:g} s (--timeout)"
        if not is_late:
            reason = "the app ended the process while it was loaded"
        raise DoctorError(reason)
    reason = "the app ended the process"
    if is_late:
        reason = f"no answer within {options.timeout:g} s (--timeout)"
    found.answers += _make_missing(options, found.answers, asked, reason)
    found.problem = f"question {asked}: {reason}"
    return found


def _read_messages(stream: IO[bytes], end: float) -> Iterator[Message]:
    """Yield the messages until the process closes its end of the pipe, or the time is over."""
    pending = b""
    with DefaultSelector() as selector:
        selector.register(stream, EVENT_READ)
        while selector.select(max(end - monotonic(), 0)):
            data = stream.read(65536)
            if not data:
                return
            *lines, pending = (pending + data).split(b"\n")
            yield from map(Message.from_line, lines)


def _make_missing(
    options: Options, answers: list[Answer], asked: int, reason: str
) -> Iterator[Answer]:
    """Yield answers for the questions that the process did not come to."""
    numbers = {answer.number for answer in answers}
    for question in select_questions(options.numbers):
        if question.number not in numbers:
            seen = reason if question.number == asked else f"not asked: in {asked}, {reason}"
            yield Answer.skip(question.number, question.name, seen)
