"""Measure everything, and write the results: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rich.console import Console

from benchmarks import servers, startup
from benchmarks.costs import Series, to_microseconds
from benchmarks.load import client_name, server_name
from benchmarks.log_lines import SETUPS
from benchmarks.peers import PEERS
from benchmarks.processes import ChildProcess, NotInstalled, find_python
from benchmarks.report import FOLDER, Results, describe_machine, draw_chart, show
from benchmarks.timing import measure

OURS = {
    "json": ("benchmarks.request_path:subjects", "json"),
    "orjson": ("benchmarks.request_path:subjects", "orjson"),
    "redaction": ("benchmarks.redaction:subjects",),
    "scaling": ("benchmarks.growth:subjects",),
    "floor": ("benchmarks.floor:subjects",),
}


def main() -> None:
    """Run every phase, print the tables, write results and chart."""
    options = _options()
    options.output.mkdir(parents=True, exist_ok=True)  # now, not after minutes of measuring
    began = time.time()
    machine, console = describe_machine(), Console()
    versions, missing, series = dict[str, str](), dict[str, str](), dict[str, Sequence[float]]()
    for name, phase in PHASES.items():
        console.print(f"{name} …", style="dim")
        try:
            series |= phase(options, versions, missing)
        except NotInstalled as reason:
            missing[name] = str(reason)
    run = {name: value for name, value in vars(options).items() if name != "output"}
    run |= {"server": server_name(), "client": client_name()}
    run |= {"seconds taken": round(time.time() - began)}
    results = Results(machine, versions, run, missing, series)
    show(results, console)
    results.write(options.output)
    draw_chart(results, options.output)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="only show that everything runs")
    parser.add_argument("--rounds", type=int, default=100, help="of all subjects in process")
    parser.add_argument("--calls", type=int, default=50, help="of each subject in a round")
    parser.add_argument("--loads", type=int, default=8, help="rounds of servers and of imports")
    parser.add_argument("--seconds", type=float, default=1.0, help="of each load on a server")
    parser.add_argument("--requests", type=int, default=20_000, help="before memory is read last")
    parser.add_argument("--output", type=Path, default=FOLDER, help="where results are written")
    options = parser.parse_args()
    if options.quick:
        options.rounds = options.loads = options.calls = 2
        options.seconds, options.requests = 0.05, 100
    return options


def _in_process(
    options: argparse.Namespace, versions: dict[str, str], missing: dict[str, str]
) -> Series:
    """Measure what needs no server, each set-up in a process of its own."""
    children, ready = list(_children(options, missing)), []
    try:
        for child in children:
            try:
                _add_versions(versions, child)
            except NotInstalled as reason:
                missing[child.name] = str(reason)
            else:
                ready.append(child)
        return to_microseconds(measure(ready, options.rounds, options.calls))
    finally:
        for child in children:
            child.stop()


def _add_versions(versions: dict[str, str], child: ChildProcess) -> None:
    """Add what a child has imported; an environment of its own may have other versions."""
    for distribution, version in child.wait().items():
        if versions.setdefault(distribution, version) != version:
            versions[f"{distribution} beside {child.name}"] = version


def _children(options: argparse.Namespace, missing: dict[str, str]) -> Iterator[ChildProcess]:
    for name, target in OURS.items():
        yield ChildProcess(name, target)
    for name in SETUPS:
        yield ChildProcess(f"line by {name}", ("benchmarks.log_lines:subjects", name))
    for peer in PEERS:
        try:
            python = find_python(peer.requirements, make=not options.quick)
        except NotInstalled as reason:
            missing[peer.name] = str(reason)
        else:
            yield ChildProcess(peer.name, ("benchmarks.peers:subjects", peer.make), python)


Phase = Callable[[argparse.Namespace, dict[str, str], dict[str, str]], Series]
PHASES: dict[str, Phase] = {
    "in process": _in_process,
    "Gunicorn": lambda options, *_: servers.measure(options.loads, options.seconds),
    "memory": lambda options, *_: startup.measure_memory(options.requests),
    "starting": lambda options, *_: startup.measure_imports(options.loads),
}
"""What is measured in turn, with the options, the versions to add to, and what is missing."""


if __name__ == "__main__":
    main()
