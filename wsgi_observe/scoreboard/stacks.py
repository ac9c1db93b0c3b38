"""Where a thread or greenlet is: its stack as text, from the app's entry inwards."""

from __future__ import annotations

import sys
from itertools import takewhile
from pathlib import Path
from traceback import StackSummary, walk_stack
from types import FrameType

_CORE = str(Path(__file__).parents[1] / "wsgi")
_MAX_FRAMES = 40  # frames: of a recursion the innermost say enough


def get_frame(ident: object, greenlet_thread: int = 0) -> FrameType | None:
    """Return the innermost frame of a thread by its number, or of a greenlet.

    :param thread: the thread that greenlets run in.
    """
    if isinstance(ident, int):
        return sys._current_frames().get(ident)
    frame: FrameType | None = getattr(ident, "gr_frame", None)
    if frame is None and ident:  # a greenlet has no frame of its own while it is the one that runs
        frame = sys._current_frames().get(greenlet_thread)
    return frame


def format_stack(frame: FrameType | None) -> str:
    """Return the stack below `frame`, in the form of a traceback; empty where there is none.

    What lies outside the app, the server's loop mostly, is left out.
    """
    if frame is None:
        return ""
    frames = StackSummary.extract(walk_stack(frame), limit=_MAX_FRAMES * 2)
    app_frames = list(takewhile(lambda one: not one.filename.startswith(_CORE), frames))
    chosen = app_frames if app_frames and len(app_frames) < len(frames) else list(frames)
    return "".join(StackSummary.from_list(chosen[:_MAX_FRAMES][::-1]).format()).rstrip("\n")
