"""The doctor's views: they call what a question asks for, within the app's hooks and handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from wsgi_observe.doctor.app.frameworks import Framework

PREFIX = "/wsgi-observe-doctor/"
"""Where the views are: no app has routes there."""


class Views:
    """The views of the doctor in an app, which all call one function.

    Each question has its own, in each scope: an app may limit the requests to a view.

    :ivar is_reached: whether the function has been called.
    :ivar has_failed: whether it has raised then, or the iterator that it has returned.
    """

    def __init__(self, framework: Framework, numbers: Iterable[int]) -> None:
        self._scopes = ["", *framework.get_scopes()]
        self._failure: Exception | None = None
        self.set_function(str)
        try:
            for number in numbers if framework.has_views else ():
                for scope in self._scopes:
                    framework.add_view(self.get_path(number, scope), self._call, scope)
        except Exception as error:  # most questions have no answer, but some need no views
            self._failure = error

    def get_path(self, number: int, scope: str = "") -> str:
        """Return the path of a question's view.

        :param scope: one of the framework's; by default the app itself.
        """
        return f"{PREFIX}{number}/{self._scopes.index(scope)}"

    def set_function(self, function: Callable[[], object]) -> None:
        """Have the views call a function, see `Subject.call_in_view`."""
        if self._failure is not None:
            raise self._failure
        self._function = function
        self.is_reached = self.has_failed = False

    def _call(self) -> str | Iterator[bytes]:
        self.is_reached = True
        try:
            result = self._function()
        except NotImplementedError:  # the framework has no such failure
            return "ok"
        except Exception:
            self.has_failed = True
            raise
        return self._watch(result) if isinstance(result, Iterator) else "ok"

    def _watch(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from chunks
        except Exception:
            self.has_failed = True
            raise
