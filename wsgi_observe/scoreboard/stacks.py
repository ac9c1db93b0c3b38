"""Where a thread or greenlet is: its stack as text, from the app's entry inwards."""

from __future__ import annotations

import sys
from itertools import takewhile
from pathlib import Path
from traceback import StackSummary, walk_stack
from types import FrameType

_CORE = str(Path(__file__).parents[1] / "wsgi")
_DEEPEST = 40  # frames: of a recursion the innermost say enough


def frame_of(here: object, thread: int = 0) -> FrameType | None:
    """Return the innermost frame of a thread by its number, or of a greenlet.

    :param thread: the thread that greenlets run in.
    """
    if isinstance(here, int):
        return sys._current_frames().get(here)
    frame: FrameType | None = getattr(here, "gr_frame", None)
    if frame is None and here:  # a greenlet has no frame of its own while it is the one that runs
        frame = sys._current_frames().get(thread)
    return frame


def stack_text(frame: FrameType | None) -> str:
    """Return the stack below `frame`, in the form of a traceback; empty where there is none.

    What lies outside the app, the server's loop mostly, is left out.
    """
    if frame is None:
        return ""
    found = StackSummary.extract(walk_stack(frame), limit=_DEEPEST * 2)
    inside = list(takewhile(lambda one: not one.filename.startswith(_CORE), found))
    chosen = inside if inside and len(inside) < len(found) else list(found)
    return "".join(StackSummary.from_list(chosen[:_DEEPEST][::-1]).format()).rstrip("\n")
