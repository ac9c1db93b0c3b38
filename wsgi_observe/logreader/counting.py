"""Counters of bounded size: distinct values, the most frequent ones, events over time."""

from __future__ import annotations

from collections import Counter
from hashlib import blake2b


class DistinctCount:
    """Count distinct texts: exactly up to `size`, and by the smallest hashes beyond (KMV)."""

    def __init__(self, size: int = 1024) -> None:
        self._size = size
        self._smallest: set[int] = set()
        self._largest = 0  # of the smallest

    def add(self, text: str) -> None:
        """Count a text, unless it was counted before."""
        digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        number = int.from_bytes(digest, "big")
        if len(self._smallest) < self._size:
            self._smallest.add(number)
            self._largest = max(self._largest, number)
        elif number < self._largest and number not in self._smallest:
            self._smallest.remove(self._largest)
            self._smallest.add(number)
            self._largest = max(self._smallest)

    @property
    def is_exact(self) -> bool:
        """Whether `value` is no estimate."""
        return len(self._smallest) < self._size

    @property
    def value(self) -> int:
        """How many distinct texts there were."""
        if self.is_exact:
            return len(self._smallest)
        return round((self._size - 1) * 2**64 / self._largest)


def count_bounded(counts: Counter[str], text: str, size: int = 50) -> None:
    """Count a text, of which there are mostly few; of many, those that came first are kept."""
    if text in counts or len(counts) < size:
        counts[text] += 1


class Histogram:
    """Count events over time, in buckets whose width doubles as the range of times grows."""

    def __init__(self, max_buckets: int = 512) -> None:
        self._max = max_buckets
        self._width = 1.0
        self._buckets = Counter[int]()

    def add(self, time: float) -> None:
        """Count an event."""
        self._buckets[int(time // self._width)] += 1
        while len(self._buckets) > self._max:
            self._width *= 2
            merged = Counter[int]()
            for bucket, count in self._buckets.items():
                merged[bucket // 2] += count
            self._buckets = merged

    def resample(self, start: float, end: float, number: int) -> list[int]:
        """Return the counts in `number` equal parts of a range."""
        counts = [0] * number
        span = max(end - start, 1e-9)
        for bucket, count in self._buckets.items():
            middle = (bucket + 0.5) * self._width
            part = int((min(max(middle, start), end) - start) / span * number)
            counts[min(part, number - 1)] += count
        return counts
