"""Stacks: where a thread or greenlet is, as text, and how a worker shows them to a command."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from traceback import StackSummary, walk_stack
from types import FrameType

from wsgi_observe._shared_memory import Memory, create_memory, open_memory

_MEMORY_NAME = "wsgi_observe.stacks"
_WSGI_PACKAGE = str(Path(__file__).parents[1] / "wsgi")
_MAX_FRAMES = 40  # of a recursion, the innermost ones


def get_frame(ident: object, greenlet_thread: int = 0) -> FrameType | None:
    """Return the innermost frame of a thread by its number, or of a greenlet.

    :param greenlet_thread: the thread that greenlets run in.
    """
    if isinstance(ident, int):
        return sys._current_frames().get(ident)
    frame: FrameType | None = getattr(ident, "gr_frame", None)
    if frame is None and ident:  # the greenlet that is running has no frame of its own
        frame = sys._current_frames().get(greenlet_thread)
    return frame


def format_stack(frame: FrameType | None) -> str:
    """Return the stack that ends in `frame` in the form of a traceback, from the app's call on.

    The frames outside the app, mostly those of the server's loop, are left out. Without a frame
    it is empty.
    """
    if frame is None:
        return ""
    frames = StackSummary.extract(walk_stack(frame), limit=_MAX_FRAMES * 2)
    app_frames = list(takewhile(lambda one: not one.filename.startswith(_WSGI_PACKAGE), frames))
    chosen = app_frames if app_frames and len(app_frames) < len(frames) else list(frames)
    return "".join(StackSummary.from_list(chosen[:_MAX_FRAMES][::-1]).format()).rstrip("\n")


def share_stacks(stacks: dict[int, str]) -> Memory:
    """Return memory with these stacks, in which another process finds them while it is kept."""
    data = json.dumps(stacks).encode()
    memory = create_memory(_MEMORY_NAME, len(data))
    memory[:] = data
    return memory


def read_stacks(pid: int) -> dict[int, str]:
    """Return the stacks that a process shares; none where it has ended."""
    with suppress(OSError, LookupError, ValueError):
        stacks = json.loads(open_memory(pid, _MEMORY_NAME, b"{")[:])
        return {int(number): stack for number, stack in stacks.items()}
    return {}
