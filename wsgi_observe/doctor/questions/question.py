"""A question of the doctor: the views that it needs, and how it is answered."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

from wsgi_observe.doctor.answer import Answer, Fault
from wsgi_observe.doctor.subject import Subject, ViewRegistry


class NotApplicable(Exception):
    """The question does not apply to the app, for the reason in its text."""


class Question(ABC):
    """One question.

    :cvar number: by which its page is named.
    :cvar name: what a good app has, in a few words.
    :ivar seen: what was seen, for an app without faults; set by `ask`.
    """

    number: int
    name: str

    def __init__(self) -> None:
        self.seen = ""
        self._failure = ""

    def prepare(self, views: ViewRegistry) -> None:  # noqa: B027  (most need none)
        """Add the views that are needed; called before the app's first request."""

    def try_prepare(self, views: ViewRegistry) -> None:
        """Add the views; if that fails, the question has no answer, but others have."""
        try:
            self.prepare(views)
        except Exception as error:
            self._failure = _describe(error)

    @abstractmethod
    def ask(self, subject: Subject) -> Iterator[Fault]:
        """Try, and yield each fault.

        :raises NotApplicable: if the question does not apply.
        """

    def answer(self, subject: Subject) -> Answer:
        """Return the answer; that the doctor itself fails is no fault of the app."""
        if self._failure:
            return Answer.skip(self.number, self.name, self._failure)
        try:
            faults = tuple(map(subject.fit_remedy, self.ask(subject)))
            return Answer(self.number, self.name, faults, "" if faults else self.seen)
        except NotApplicable as not_applicable:
            return Answer.skip(self.number, self.name, str(not_applicable))
        except Exception as error:
            return Answer.skip(self.number, self.name, _describe(error))


def _describe(error: Exception) -> str:
    return f"the doctor failed, please report it: {type(error).__name__}: {error}"
