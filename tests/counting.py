"""What a call costs where time would mean nothing: the Python-level calls in it."""

import gc
import sys
from collections.abc import Callable
from types import FrameType


def python_calls(function: Callable[..., object], *arguments: object) -> int:
    """Count the Python-level calls and resumptions of one call, itself included."""
    count = 0

    def count_calls(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event == "call"

    gc.disable()  # Hypothesis has Python call it at each collection
    sys.setprofile(count_calls)
    try:
        function(*arguments)
    finally:
        sys.setprofile(None)
        gc.enable()
    return count
