"""A question about an app, and its answer."""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import TypeAlias

from wsgi_observe.doctor.answer import Answer, Fault
from wsgi_observe.doctor.app.subject import Subject
from wsgi_observe.doctor.remedies import fit_remedy

Faults: TypeAlias = Generator[Fault, None, str]
"""Yields each fault of an app, and returns what was seen, for an app without faults."""


class NotApplicable(Exception):
    """The question does not apply to the app, for the reason in its text."""


@dataclass(frozen=True)
class AppQuestion:
    """One question.

    :ivar number: by which its page is named.
    :ivar name: what a good app has, in a few words.
    :ivar find_faults: tries the app; raises `NotApplicable` if the question does not apply.
    """

    number: int
    name: str
    find_faults: Callable[[Subject], Faults]

    def answer(self, subject: Subject) -> Answer:
        """Return the answer; that the doctor itself fails is no fault of the app."""
        faults: list[Fault] = []
        found = self.find_faults(replace(subject, number=self.number))
        try:
            while True:
                fault = next(found)
                remedy = fit_remedy(fault.remedy, subject.framework.name)
                faults.append(replace(fault, remedy=remedy))
        except StopIteration as end:
            return Answer(self.number, self.name, tuple(faults), "" if faults else end.value)
        except NotApplicable as not_applicable:
            return Answer.skip(self.number, self.name, str(not_applicable))
        except Exception as error:
            seen = f"the doctor failed, please report it: {type(error).__name__}: {error}"
            return Answer.skip(self.number, self.name, seen)
