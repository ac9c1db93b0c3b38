"""Write the log of an incident: its scenes many times over, in the traffic of several services."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.logreader.incidents.recording import Scene

SEED = 17
BEGIN = datetime(2026, 11, 28, 21, tzinfo=UTC).timestamp()
HOURS = 6
BROKEN_SINCE = 0.7  # of that time
_BYTES_PER_REQUEST = 750  # about, with the lines of others
_PIDS = range(20, 28)

_timestamp = re.compile(r'(?<="timestamp":")[^"]+')
_request_id = re.compile(r'(?<="request_id":")[^"]+')
_pid = re.compile(r'(?<=pid":)\d+|(?<=\(pid:)\d+|(?<=with pid: )\d+')

TimedLine = tuple[float, str]


@dataclass(frozen=True)
class Incident:
    """What is hidden in a log.

    :ivar scene: the name of the scene that is broken.
    :ivar times: how often it occurs.
    :ivar before: the scene that is in its place until then.
    """

    scene: str
    times: int = 20
    before: str = ""


INCIDENTS = {
    one.scene: one
    for one in (
        Incident("slow query"),
        Incident("broken invoice", before="old invoice"),
        Incident("killed worker", times=4),
        Incident("retries", times=3),
        Incident("flapping check"),
        Incident("poisoned cache", times=1),
        Incident("exception chain"),
        Incident("race", times=5),
        Incident("stuck lock", times=4),
        Incident("redirect loop", times=6),
    )
}


def write_incident(
    path: Path, scenes: Mapping[str, Scene], incident: Incident, size: int
) -> list[str]:
    """Write a log of about `size` bytes; return the request IDs of the last broken scene."""
    chance = random.Random(SEED)
    duration = HOURS * 3600
    timed = list(_make_traffic(scenes, chance, size // _BYTES_PER_REQUEST))
    broken: list[TimedLine] = []
    for number in range(incident.times):
        share = BROKEN_SINCE + (1 - BROKEN_SINCE) * number / incident.times
        broken = _replay(scenes[incident.scene], BEGIN + duration * share, chance)
        timed += broken
    for number in range(incident.times * bool(incident.before)):
        at = BEGIN + duration * BROKEN_SINCE * number / incident.times
        timed += _replay(scenes[incident.before], at, chance)
    with path.open("w", encoding="utf-8") as file:
        for time, line in sorted(timed, key=lambda one: one[0]):
            is_new = time >= BEGIN + duration * BROKEN_SINCE
            file.write(line.replace('"release":"1.4.1"', '"release":"1.4.2"') if is_new else line)
            file.write("\n")
    ids = [found[0] for _, line in broken if (found := _request_id.search(line))]
    return list(dict.fromkeys(ids))


def _make_traffic(
    scenes: Mapping[str, Scene], chance: random.Random, requests: int
) -> Iterator[TimedLine]:
    traffic = [scene for name, scene in scenes.items() if name.startswith("traffic ")]
    noise = [scene for name, scene in scenes.items() if name.startswith("noise ")]
    for number in range(requests):
        at = BEGIN + HOURS * 3600 * (number + chance.random()) / requests
        scene = chance.choice(noise if number % 400 == 200 else traffic)
        yield from _replay(scene, at, chance)
        yield at, _format_other(number, at)


def _format_other(number: int, at: float) -> str:
    """Return a line of another program: a proxy, or a service with pino."""
    time = datetime.fromtimestamp(at, UTC)
    if number % 3:
        return (
            f'192.0.2.{number % 250} - - [{time:%d/%b/%Y:%H:%M:%S} +0000] "GET / HTTP/1.1" 200 45'
        )
    fields = f'"level":30,"time":{at * 1000:.0f},"pid":9,"name":"mailer"'
    return f'{{{fields},"reqId":"m-{number}","msg":"mail queued"}}'


def _replay(scene: Scene, at: float, chance: random.Random) -> list[TimedLine]:
    """Return the lines of a scene as of another time, of other requests, clients and workers."""
    whole = "\n".join(scene)
    for old in dict.fromkeys(_request_id.findall(whole)):
        whole = whole.replace(old, _make_id(old, at, chance))
    pids = dict(zip(dict.fromkeys(_pid.findall(whole)), chance.sample(_PIDS, 8), strict=False))
    whole = _pid.sub(lambda found: str(pids[found[0]]), whole)
    whole = whole.replace('"127.0.0.1"', f'"192.0.2.{chance.randrange(250)}"')
    lines = whole.split("\n")
    times = [datetime.fromisoformat(_timestamp.search(line)[0]).timestamp() for line in lines]  # type: ignore[index]
    shift = at - min(times)
    return [
        (time + shift, _timestamp.sub(_format_time(time + shift), line, count=1))
        for time, line in zip(times, lines, strict=True)
    ]


def _make_id(old: str, at: float, chance: random.Random) -> str:
    if "-" in old:  # the client's own
        return f"{old[:-4]}{chance.randrange(10_000):04d}"
    milliseconds = int(at * 1000)
    return f"{milliseconds:012x}7{chance.getrandbits(12):03x}8{chance.getrandbits(60):015x}"


def _format_time(seconds: float) -> str:
    text = datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
