"""Views that raise what a question gives them: in the app, and where it has more error handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from wsgi_observe.doctor.client import Response
from wsgi_observe.doctor.subject import PREFIX, Subject, ViewRegistry


class FailingViews:
    """The failing views of one question.

    An app may not let a request come to its view: it demands a login, or a token against CSRF.
    Such a response is not one to the failure.

    :param name: of the views, below which each scope has one.
    """

    def __init__(self, views: ViewRegistry, name: str) -> None:
        self._name = name
        self._fail: Callable[[], object] = str
        self._has_failed = False
        views.add(name, self._call, "GET", "POST")
        self._scopes = {scope: n for n, scope in enumerate(views.framework.get_scopes())}
        for scope, number in self._scopes.items():
            views.add(f"{name}/{number}", self._call, "GET", "POST", scope=scope)

    def cause(
        self, subject: Subject, fail: Callable[[], object], scope: str = "", **request: Any
    ) -> Response | None:
        """Return the response to a failure; None if it could not be caused.

        :param fail: raises, or returns an iterable that raises.
        :param request: see `Client.send`.
        """
        self._fail, self._has_failed = fail, False
        name = self._get_name(scope)
        response = subject.request(name, "POST" if "body" in request else "GET", **request)
        self._fail = str
        return response if self._has_failed else None

    def cause_error(
        self, subject: Subject, error: BaseException, scope: str = "", **request: Any
    ) -> Response | None:
        """Return the response to an exception; None if it could not be caused."""

        def fail() -> None:
            raise error

        return self.cause(subject, fail, scope, **request)

    def get_path(self, scope: str) -> str:
        """Return the path of the view in a scope."""
        return PREFIX + self._get_name(scope)

    def _get_name(self, scope: str) -> str:
        return f"{self._name}/{self._scopes[scope]}" if scope else self._name

    def _call(self) -> object:
        try:
            result = self._fail()
        except NotImplementedError:
            return "the framework has no such failure"
        except Exception:
            self._has_failed = True
            raise
        return self._watch(result) if isinstance(result, Iterator) else "nothing has failed"

    def _watch(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except Exception:
            self._has_failed = True
            raise
