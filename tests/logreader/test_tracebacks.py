"""Tracebacks as exceptions and frames, as Python and our formatter write them."""

from __future__ import annotations

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.logreader.log_lines import TRACEBACK
from wsgi_observe.logreader.tracebacks import find_raising_frame, parse_traceback
from wsgi_observe.logs.formatters.tracebacks import cut_traceback


def raise_group() -> None:
    try:
        raise ValueError("first\nsecond: line")
    except ValueError as error:
        raise ExceptionGroup("many", [KeyError(1), OSError("lost")]) from error


def test_a_group_is_followed_by_its_cause_and_its_members() -> None:
    try:
        raise_group()
    except ExceptionGroup:
        exceptions = parse_traceback(traceback.format_exc())
    assert [(one.headline, one.link) for one in exceptions] == [
        ("ExceptionGroup: many (2 sub-exceptions)", "cause"),
        ("ValueError: first\nsecond: line", ""),
        ("KeyError: 1", "member"),
        ("OSError: lost", "member"),
    ]
    frame = find_raising_frame(exceptions)
    assert frame is not None
    assert frame.function == "raise_group"


def test_a_cut_traceback_still_has_its_exceptions_and_its_last_frame() -> None:
    frames = '  File "/usr/lib/python3.11/x.py", line 1, in f\n    g()\n' * 200
    long = TRACEBACK.replace('  File "/srv/.venv', frames + '  File "/srv/.venv')
    exceptions = parse_traceback(cut_traceback(long, 3000))
    assert [one.type for one in exceptions] == ["shop.prices.PaymentError", "ZeroDivisionError"]
    frame = find_raising_frame(exceptions)
    assert frame is not None
    assert (frame.path, frame.line, frame.function) == ("/srv/shop/prices.py", 36, "average")


@pytest.mark.parametrize(
    ("path", "package"),
    [
        ("/srv/shop/views.py", ""),
        ("shop/views.py", ""),
        ("C:\\shop\\views.py", ""),
        ("/srv/.venv/lib/python3.12/site-packages/flask/app.py", "flask"),
        ("/usr/lib/python3/dist-packages/six.py", "six"),
        ("/usr/lib/python3.12/json/decoder.py", "python"),
        ("/srv/lib/wsgi_observe/wsgi/exchange.py", "wsgi_observe"),
        ("<frozen importlib._bootstrap>", "python"),
        ("<string>", "python"),
    ],
)
def test_a_frame_is_of_the_app_or_of_a_library(path: str, package: str) -> None:
    of_app = '  File "/srv/shop.py", line 1, in g'
    (exception,) = parse_traceback(f'{of_app}\n  File "{path}", line 3, in f\nKeyError: 1')
    _, frame = exception.frames
    assert (frame.is_own, frame.package) == (not package, package)


def test_without_a_frame_of_the_app_the_one_that_raised_is_shown_as_such() -> None:
    # As of an app that is installed as a package.
    lines = [f'  File "/x/site-packages/shop/{name}.py", line 1, in f' for name in ("a", "b")]
    (exception,) = parse_traceback("\n".join([*lines, "KeyError: 1"]))
    assert [frame.path for frame in exception.own_frames] == ["/x/site-packages/shop/b.py"]


def test_a_traceback_of_a_million_lines_is_read_in_part() -> None:
    text = '  File "/srv/a.py", line 1, in f\n    f()\n' * 500_000 + "RecursionError: too deep"
    (exception,) = parse_traceback(text)
    assert exception.type == "RecursionError"
    assert 100 < len(exception.frames) < 50_000


@given(st.text(alphabet='File "<>|+- \n:,1x^~.…/\x1b', max_size=300))
def test_any_text_has_exceptions_or_none(text: str) -> None:
    for exception in parse_traceback(text):
        assert exception.headline or exception.frames
