"""Whether the time that something takes grows in proportion to what it is given."""

from collections.abc import Callable
from time import thread_time
from typing import TypeVar

_MOST = 5.0  # for four times as much: in proportion it is four, by the square sixteen
_TRIES = 60

T = TypeVar("T")


def grows_in_proportion(work: Callable[[T], object], small: T, large: T) -> bool:
    """Return whether `large`, four times as much as `small`, takes at most five times as long.

    The best of some runs of each count, and as many runs as it takes: a busy machine makes each
    of them slower at random, but never faster.
    """
    best = [float("inf"), float("inf")]
    for _ in range(_TRIES):
        for number, given in enumerate((small, large)):
            began = thread_time()
            work(given)
            best[number] = min(best[number], thread_time() - began)
        if best[1] <= _MOST * best[0]:
            return True
    return False
