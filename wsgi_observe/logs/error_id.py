"""Fingerprint of an exception: the same on every machine, and in releases that change other code.

It is made of the types of the exception and its causes, and of the app's functions that they
passed: no line numbers, messages or paths, which differ between releases, requests and machines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import zip_longest
from types import CodeType, FrameType, FunctionType, MethodType, TracebackType
from typing import Any

_MAX_EXCEPTIONS = 20  # of a chain or group
_MAX_FRAMES = 10_000  # of each of them
_MAX_CACHED = 1024

_PACKAGE_DIRECTORY = __file__.rpartition("logs")[0]
_DEMO_DIRECTORY = f"{_PACKAGE_DIRECTORY}demo"  # an app like any other
_STDLIB_DIRECTORY = os.__file__.rpartition("os.py")[0]
_third_party_path = re.compile(r"[/\\](site|dist)-packages[/\\]")

# Python 3.12 has no frames of its own for these (PEP 709).
_strip_comprehensions = re.compile(
    r"(^|\.<locals>\.)<(listcomp|dictcomp|setcomp|genexpr)>(?=\.|$)"
).sub

# Past the exception's own class, whose code is not to run here.
_read: Callable[[BaseException, str], Any] = BaseException.__getattribute__

# By exceptions and code objects. They are held by the value, so that their identities stay theirs.
_cache: dict[tuple[int, ...], tuple[str, dict[int, object]]] = {}


def get_error_id(error: BaseException) -> str:
    """Return the fingerprint of an exception that was raised, as twelve hexadecimal digits."""
    chain = list(_iter_chain(error))
    held: dict[int, object] = {}
    key: list[int] = []
    for one in chain:
        codes = (frame.f_code for frame in _iter_frames(one))
        # Once each: how deep a recursion was depends on its data.
        site = {id(part): part for part in (type(one), *codes)}
        key += site
        held |= site
    cached = _cache.get(tuple(key))
    if cached is None:
        error_id = _make_error_id(chain)
        if len(_cache) >= _MAX_CACHED:
            _cache.clear()  # code that is compiled for each request, say
        cached = _cache[tuple(key)] = (error_id, held)
    return cached[0]


def _make_error_id(chain: list[BaseException]) -> str:
    from hashlib import sha256  # loads OpenSSL, at the first failure

    text = "\n".join(part for one in chain for part in _describe(one))
    return sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:12]


def is_own_path(path: str) -> bool:
    """Return whether a file is one of wsgi_observe's."""
    return path.startswith(_PACKAGE_DIRECTORY) and not path.startswith(_DEMO_DIRECTORY)


def _iter_chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception, and those that its traceback shows with it: causes and group members."""
    waiting: list[BaseException] = [error]
    seen: set[int] = set()
    while waiting and len(seen) < _MAX_EXCEPTIONS:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        if issubclass(type(one), BaseExceptionGroup):
            waiting += _read(one, "exceptions")[:_MAX_EXCEPTIONS]
        cause = _read(one, "__cause__")
        if cause is None and not _read(one, "__suppress_context__"):
            cause = _read(one, "__context__")
        if cause is not None:
            waiting.append(cause)


def _iter_frames(error: BaseException) -> Iterator[FrameType]:
    traceback: TracebackType | None = _read(error, "__traceback__")
    count = 0
    while traceback is not None and count < _MAX_FRAMES:
        yield traceback.tb_frame
        traceback = traceback.tb_next
        count += 1


def _describe(error: BaseException) -> list[str]:
    """Return the type of an exception, and the functions that it passed."""
    kind = type(error)
    frames = list(_iter_frames(error))
    # An app that is installed as a package has no frame outside of ``site-packages``.
    shown = (
        [one for one in frames if is_in_app(one.f_code.co_filename)]
        or [one for one in frames if not _is_stdlib_or_own(one.f_code.co_filename)]
        or frames[-1:]
    )
    functions = [
        _describe_function(frame)
        for frame, called in zip_longest(shown, shown[1:])
        if called is None or not _is_decorator(frame, called.f_code)
    ]
    return [f"{kind.__module__}.{kind.__qualname__}", *dict.fromkeys(functions)]


def _describe_function(frame: FrameType) -> str:
    module = frame.f_globals.get("__name__", "")
    name = _strip_comprehensions("", frame.f_code.co_qualname)
    return f"{module}:{name.removeprefix('.<locals>').removeprefix('.')}"


def _is_stdlib_or_own(path: str) -> bool:
    is_stdlib = path.startswith(_STDLIB_DIRECTORY) and not _third_party_path.search(path)
    return is_stdlib or path.startswith("<frozen ") or is_own_path(path)


def is_in_app(path: str) -> bool:
    """Return whether a file is the app's: not the standard library's, a package's or ours."""
    return not (_third_party_path.search(path) or _is_stdlib_or_own(path))


def _is_decorator(frame: FrameType, called: CodeType) -> bool:
    """Return whether a frame is a wrapper's, which calls a function that it was given before.

    That is in a variable of the function around the wrapper, or in an attribute of its object.
    """
    code, variables = frame.f_code, frame.f_locals
    values = [variables[name] for name in code.co_freevars if name in variables]
    if code.co_name == "__call__" and code.co_varnames[:1]:
        with suppress(AttributeError, KeyError):
            instance = variables[code.co_varnames[0]]
            values += object.__getattribute__(instance, "__dict__").values()
    return any(_get_code(value) is called for value in values)


def _get_code(value: object) -> CodeType | None:
    """Return the code that a call of `value` runs, if it is Python's."""
    if type(value) is MethodType:
        value = value.__func__
    elif type(value) is not FunctionType:
        value = type(value).__dict__.get("__call__")
    return value.__code__ if type(value) is FunctionType else None
