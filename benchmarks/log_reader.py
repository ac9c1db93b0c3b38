"""The commands that read logs: what they take beside ``grep``, and how many lines a second.

``python -m benchmarks.log_reader``
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from rich.console import Console
from rich.table import Table

COMMAND = [sys.executable, "-m", "wsgi_observe"]
_WITHOUT_ORJSON = """
import sys
sys.modules["orjson"] = None
from wsgi_observe.cli import main
sys.exit(main())
"""
ENCODERS = {"orjson": COMMAND, "json": [sys.executable, "-c", _WITHOUT_ORJSON]}
READERS = {
    "errors": ["errors"],
    "errors, every line parsed": ["errors", "--new-since", "1.1"],
    "tail": ["tail", "--no-follow"],
    "tail of 5xx": ["tail", "--no-follow", "--status", "5xx"],
}
_START = 1_795_918_004_000  # milliseconds
_ERROR_EVERY = 200  # requests
_FRAME = '  File "/srv/shop/{0}.py", line {1}, in {0}\n    return {0}_next(order)\n'


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log_reader")
    parser.add_argument("--requests", type=int, default=1_250_000, help="in the log of `trace`")
    parser.add_argument("--lines", type=int, default=600_000, help="that the others read")
    parser.add_argument("--rounds", type=int, default=8)
    options = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory() as folder:
        log, part = Path(folder, "shop.log"), Path(folder, "part.log")
        request_id = write_log(log, options.requests)
        with log.open("rb") as whole, part.open("wb") as some:
            some.writelines(line for line, _ in zip(whole, range(options.lines), strict=False))
        console.print(compare_with_grep(log, request_id, options.rounds))
        console.print(measure_readers(part, options.rounds))


def write_log(path: Path, requests: int) -> str:
    """Write the log of some requests, of one line and an access line; return an ID in it."""
    random.seed(17)
    ids = []
    with path.open("w", encoding="ascii") as file:
        for number in range(requests):
            lines, request_id = _request_lines(number)
            file.writelines(lines)
            if number % 1000 == 0:
                ids.append(request_id)
    return ids[len(ids) * 3 // 4]


def _request_lines(number: int) -> tuple[Iterator[str], str]:
    milliseconds = _START + number * 3
    request_id = f"{milliseconds:012x}7{random.getrandbits(12):03x}8{random.getrandbits(60):015x}"
    order = number % 9000
    common = {
        "pid": 7 + number % 4,
        "request_id": request_id,
        "method": "GET",
        "path": f"/orders/{order}",
        "remote_addr": f"192.0.2.{number % 250}",
        "route": "/orders/<int:order_id>",
        "endpoint": "orders.read_order",
        "order_id": order,
    }
    return _format_lines(milliseconds, common, is_error=number % _ERROR_EVERY == 0), request_id


def _format_lines(milliseconds: int, common: dict[str, object], *, is_error: bool) -> Iterator[str]:
    second = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    start = {"timestamp": f"{second}.{milliseconds % 1000:03d}Z", "level": "INFO"}
    app = {"logger": "shop.orders", "module": "orders", "message": "order read"}
    yield _to_line(start | app | common | {"product": "teapot", "release": "1.1"})
    status = 500 if is_error else 200
    if is_error:
        frames = "".join(_FRAME.format(name, line) for line, name in enumerate(["view", "price"]))
        trace = f"Traceback (most recent call last):\n{frames}KeyError: {common['order_id']}"
        error = {"level": "ERROR", "exc_type": "KeyError", "exc_info": trace}
        yield _to_line(start | app | common | error)
    access = {"logger": "wsgi_observe.access", "module": "access_log"}
    access |= {"message": f"GET {common['path']} {status}"}
    ending = {"status_code": status, "duration_ms": 10.006, "response_bytes": 1083}
    ending |= {"outcome": "complete", "ttfb_ms": 9.353, "user_agent": "curl/8.5.0"}
    yield _to_line(start | access | common | ending)


def _to_line(fields: dict[str, object]) -> str:
    return json.dumps(fields, separators=(",", ":")) + "\n"


def compare_with_grep(log: Path, request_id: str, rounds: int) -> Table:
    """Return the seconds that `trace` and ``grep -c`` take, the least of some rounds of both."""
    commands = {
        "grep -c": ["grep", "-c", request_id, str(log)],
        "trace": [*COMMAND, "trace", request_id, str(log)],
    }
    least = dict.fromkeys(commands, float("inf"))
    for _ in range(rounds):
        for name, command in commands.items():
            least[name] = min(least[name], _time(command))
    table = Table(title=f"One request in {log.stat().st_size / 1e6:,.0f} MB")
    for column in ("command", "seconds", "speed beside grep"):
        table.add_column(column, justify="right")
    for name, seconds in least.items():
        table.add_row(name, f"{seconds:.3f}", f"{least['grep -c'] / seconds:.2f}")
    table.caption = f"memory of the largest process: {_get_peak_megabytes():.0f} MB"
    return table


def measure_readers(log: Path, rounds: int) -> Table:
    """Return how many lines a second the other commands read, with both decoders."""
    lines = log.read_bytes().count(b"\n")
    table = Table(title=f"Lines a second, of {lines:,}")
    table.add_column("command")
    for encoder in ENCODERS:
        table.add_column(encoder, justify="right")
    for name, arguments in READERS.items():
        speeds = []
        for start in ENCODERS.values():
            seconds = min(_time([*start, *arguments, str(log)]) for _ in range(rounds))
            speeds.append(f"{lines / seconds:,.0f}")
        table.add_row(name, *speeds)
    return table


def _time(command: list[str]) -> float:
    began = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    assert done.returncode in (0, 1), command
    return time.perf_counter() - began


def _get_peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


if __name__ == "__main__":
    main()
