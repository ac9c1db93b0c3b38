"""Errors that the doctor causes in an app, with their responses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from wsgi_observe.doctor.app.client import Response
from wsgi_observe.doctor.app.subject import Subject


@dataclass(frozen=True)
class CausedError:
    """One error.

    :ivar title: as it is called in an answer.
    :ivar where: the app's own handler, if it is known.
    """

    title: str
    response: Response
    where: str | None = None


def cause_failure(
    subject: Subject,
    title: str,
    fail: Callable[[], object],
    scope: str = "",
    where: str | None = None,
    **request: Any,
) -> Iterator[CausedError]:
    """Yield the response to a failure, if it can be caused; see `Subject.fail_in_view`."""
    response = subject.fail_in_view(fail, scope, **request)
    if response is not None:
        yield CausedError(title, response, where)


def cause_error(
    subject: Subject, title: str, error: Exception | int, scope: str = "", **request: Any
) -> Iterator[CausedError]:
    """Yield the response to an exception, or to the framework's own for a status."""

    def fail() -> None:
        if isinstance(error, int):
            subject.framework.abort(error, f"the doctor asks for a {error}")
        else:
            raise error

    where = subject.framework.find_error_handler(error, scope)
    yield from cause_failure(subject, title, fail, scope, where, **request)


def cause_routing_errors(subject: Subject) -> Iterator[tuple[int, CausedError]]:
    """Yield those of an unknown URL and a wrong method, each with the status that it should have.

    There are none if a route of the app matches every URL.
    """
    unknown = subject.request_unknown_url()
    if unknown is None:
        return
    wrong = subject.request_wrong_method()
    for title, status, response in (("unknown URL", 404, unknown), ("wrong method", 405, wrong)):
        if response is not None:
            place = subject.framework.find_error_handler(status)
            yield status, CausedError(title, response, place)


def join_by_kind(titles: Iterable[tuple[str, str]]) -> str:
    """Return titles, each with its kind, as one text: ``text/html for A, B; no body for C``."""
    kinds: dict[str, list[str]] = {}
    for kind, title in titles:
        kinds.setdefault(kind, []).append(title)
    return "; ".join(f"{kind} {', '.join(those)}" for kind, those in kinds.items())
