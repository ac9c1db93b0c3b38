"""The documentation's table of ways to die: what the tests see happen, no more and no less."""

from __future__ import annotations

import re

from tests.docs.pages import section
from tests.servers.ways import ALL, OF_THE_APP, OF_THE_SERVER, OF_THE_WORKER, Way

WAYS = (*OF_THE_APP, *OF_THE_WORKER, *OF_THE_SERVER)


def table() -> list[str]:
    """Return the rows that the page has to have: ways with the same end share one."""
    rows: dict[tuple[str, ...], list[str]] = {}
    for way in WAYS:
        name = re.sub(r"\(\d\)", "", way.name)
        kinds = " and ".join(way.kinds) if way.kinds != ALL else "all"
        names = rows.setdefault((kinds, _log(way), way.client), [])
        if name not in names:
            names.append(name)
    return [f"| {'; '.join(names)} | {' | '.join(end)} |" for end, names in rows.items()]


def _log(way: Way) -> str:
    if not way.errors:
        return "none: the request did not die"
    if not way.cause:
        return "the exception with its traceback"
    if way.cause.startswith("SIG") and way in OF_THE_WORKER and not way.has_stack:
        return "its signal, such as `SIGSEGV`"
    cause = re.sub(r"exit \d+", "exit N", way.cause)
    return f"`{cause}`{', with its stack' if way.has_stack else ''}"


def test_the_page_has_every_way_to_die_and_what_comes_of_it() -> None:
    text = section("ways-to-die", "Every way, and what it leaves")
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert rows[1:] == table(), "\n".join(table())


def test_there_are_enough_of_them() -> None:
    assert len({way.name for way in WAYS}) >= 25
    assert all(sum(kind in way.kinds for way in WAYS) >= 25 for kind in ALL)
