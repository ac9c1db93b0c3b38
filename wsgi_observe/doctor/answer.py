"""Answers of the doctor: what was seen for one question, and the faults with their remedies."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Result(StrEnum):
    """The result of a question."""

    PASS = "pass"
    FAIL = "fail"
    WARN = "warn"
    SKIP = "skip"  # the question does not apply to this app


@dataclass(frozen=True)
class Fault:
    """One fault of an app or its deployment.

    :param seen: what was sent and what came back, or which value is where.
    :param remedy: what to change, in one or two lines.
    :param where: ``file:line``, or the file, if it is known.
    :param is_warning: whether it is a risk that depends on what cannot be seen from here.
    """

    seen: str
    remedy: str
    where: str | None = None
    is_warning: bool = False


@dataclass(frozen=True)
class Answer:
    """The answer to one question.

    :param number: of the question, by which its page in the documentation is named.
    :param name: the question in a few words, such as ``every error is JSON``.
    :param faults: none if the question is passed or does not apply.
    :param seen: what was seen, if there are no faults; why it does not apply, if it is skipped.
    """

    number: int
    name: str
    faults: tuple[Fault, ...] = ()
    seen: str = ""
    is_skipped: bool = False

    @classmethod
    def skip(cls, number: int, name: str, reason: str) -> Answer:
        """Return the answer to a question that does not apply, for this reason."""
        return cls(number, name, seen=reason, is_skipped=True)

    @property
    def result(self) -> Result:
        """The result: a fault that is no warning fails the question."""
        if self.is_skipped:
            return Result.SKIP
        if not self.faults:
            return Result.PASS
        return Result.WARN if all(fault.is_warning for fault in self.faults) else Result.FAIL
