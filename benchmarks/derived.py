"""Series made of measured ones: parts of a hello, what others cost least, slopes, floors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from benchmarks.peers import PEERS
from benchmarks.series import Series
from benchmarks.topics import GROWING, PARTS, SUMS

FOUR = ("dockerflow", "Talisker", "OpenTelemetry WSGI", "Sentry WSGI, errors only")


def with_derived(series: Series) -> Series:
    """Return `series` and what follows from them."""
    return {**series, **_parts(series), **_slopes(series), **_floors(series)}


def _parts(series: Series) -> dict[str, Sequence[float]]:
    """Return each peer's cost as a part of its own bare hello, and that of the cheapest."""
    found: dict[str, Sequence[float]] = {}
    for peer in PEERS:
        with_it, bare = series.get(f"{peer.name}: with it"), series.get(f"{peer.name}: bare")
        if with_it and bare:
            rounds = zip(with_it, bare, strict=True)
            found[f"part: {peer.name}"] = [more / base - 1 for more, base in rounds]
    four = [found[f"part: {name}"] for name in FOUR if f"part: {name}" in found]
    if four:
        found["part: the cheapest of four"] = min(four, key=median)
    return found


def _slopes(series: Series) -> dict[str, Sequence[float]]:
    """Return what each growing thing adds at each count, and for one more of it."""
    found: dict[str, Sequence[float]] = {}
    for name, (counts, _) in GROWING.items():
        if f"scaling: {counts[0]} {name}" not in series:
            continue
        for count in counts:
            found[f"added: {count} {name}"] = _added(series, f"{count} {name}")
        first, last = counts[0], counts[-1]
        ends = zip(found[f"added: {first} {name}"], found[f"added: {last} {name}"], strict=True)
        found[f"slope: {name}"] = [(end - start) / (last - first) for start, end in ends]
    return found


def _added(series: Mapping[str, Sequence[float]], name: str) -> list[float]:
    """Return a cost less that of the bare app under the same; readiness has no bare one."""
    observed = series[f"scaling: {name}"]
    if name.endswith("readiness"):
        return list(observed)
    bare = series.get(f"scaling: {name}, bare") or series["scaling: trivial"]
    return [more - less for more, less in zip(observed, bare, strict=True)]


def _floors(series: Series) -> dict[str, Sequence[float]]:
    """Return the sums of the parts, and how many of them the stack costs on a trivial app."""
    found: dict[str, Sequence[float]] = {}
    for name, (_, program, parts) in SUMS.items():
        whole = series.get(f"{program}: trivial, {name.removesuffix(', orjson')}")
        bare = series.get(f"{program}: trivial")
        if not (whole and bare and f"floor: {parts[0]}" in series):
            continue
        columns = zip(*(_part(series, part) for part in parts), strict=True)
        floor = found[f"floor of {name}"] = [sum(column) for column in columns]
        rounds = zip(whole, bare, floor, strict=True)
        found[f"over {name}"] = [(more - less) / least for more, less, least in rounds]
    return found


def _part(series: Series, name: str) -> list[float]:
    minus = series[f"floor: {PARTS[name][1]}"]
    rounds = zip(series[f"floor: {name}"], minus, strict=True)
    return [more - less for more, less in rounds]
