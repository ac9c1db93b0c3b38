"""Answers, in a worker, who asks for the stacks of its running requests."""

from __future__ import annotations

import json
import os
from contextlib import suppress

from wsgi_observe.inflight.recorder import Recorder
from wsgi_observe.inflight.stacks import frame_of, stack_text

_NAME = "wsgi_observe.stacks"


def answer(recorder: Recorder) -> None:
    """Leave the stacks where the asker finds them, if somebody has asked since the last time.

    In a file without a path, which the kernel opens for the same user only.
    """
    seat = recorder.seat
    asked = seat.asked
    if asked == seat.answered:
        return
    stacks = {
        slot.number: stack_text(frame_of(slot.here, recorder.thread)) for slot in recorder.running
    }
    before = seat.answer
    descriptor = os.memfd_create(_NAME, os.MFD_CLOEXEC)
    with open(descriptor, "w", encoding="utf-8", errors="replace", closefd=False) as file:
        json.dump(stacks, file)
    seat.answer, seat.answered = descriptor, asked
    if before:
        with suppress(OSError):
            os.close(before)
