"""Error handlers that a Flask app and its blueprints have registered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Call:
    """What happened to an error handler while its call was watched.

    :ivar error: the exception that it raised.
    :ivar is_signature_error: whether it does not even take the exception as its argument.
    """

    is_called: bool = False
    error: Exception | None = None
    is_signature_error: bool = False


@dataclass(frozen=True)
class ErrorHandler:
    """A registered error handler.

    :ivar scope: name of its blueprint; empty for the app.
    :ivar code: the status that it is registered for; for a class without one None.
    """

    scope: str
    code: int | None
    exception_class: type[Exception]
    function: Callable[[Any], Any]
    _registry: dict[Any, Any] = field(repr=False, compare=False)

    @property
    def is_generic(self) -> bool:
        """Whether it is for all exceptions, or for all of HTTP."""
        from werkzeug.exceptions import HTTPException

        return self.exception_class in (Exception, HTTPException)

    def __str__(self) -> str:
        name = self.exception_class.__name__
        what = name if self.code is None else f"{self.code} ({name})"
        return f"{what} in the blueprint {self.scope}" if self.scope else what

    @contextmanager
    def watch(self, app: Any) -> Iterator[Call]:
        """Have Flask call the handler through a function that notes the call, within the block."""
        call = Call()

        def handle(error: Any) -> Any:
            call.is_called = True
            try:
                return app.ensure_sync(self.function)(error)
            except Exception as raised:
                call.error = raised
                traceback = raised.__traceback__
                call.is_signature_error = isinstance(raised, TypeError) and (
                    traceback is None or traceback.tb_next is None
                )
                raise

        self._registry[self.exception_class] = handle
        try:
            yield call
        finally:
            self._registry[self.exception_class] = self.function


def has_handler(app: Any, error: Exception) -> bool:
    """Return whether a Flask app has a handler for an error, other than those of blueprints."""
    return app._find_error_handler(error, []) is not None


def find_error_handlers(app: Any) -> list[ErrorHandler]:
    """Return the handlers of the app and its blueprints, but for this library's own."""
    return [
        ErrorHandler(scope or "", code, exception_class, function, registry)
        for scope, by_code in app.error_handler_spec.items()
        for code, registry in by_code.items()
        for exception_class, function in registry.items()
        if not is_ours(function)
    ]


def is_ours(function: object) -> bool:
    """Return whether a handler is one that this library has registered."""
    return str(getattr(function, "__module__", "")).startswith("wsgi_observe.")
