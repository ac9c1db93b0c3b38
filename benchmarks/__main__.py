"""Measures and prints: ``python -m benchmarks``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.report import table
from benchmarks.rounds import measure
from benchmarks.subjects import subjects
from wsgi_observe import configure_logging


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--rounds", type=int, default=100)
    parser.add_argument("--calls", type=int, default=60, help="of each subject in a round")
    options = parser.parse_args()
    with stdout_to_nowhere():
        configure_logging(log_format="json", capture_uncaught=False)
        rounds = measure(subjects(), options.rounds, options.calls)
    print(table(rounds))


@contextmanager
def stdout_to_nowhere() -> Iterator[None]:
    """Have log lines made and written as ever, by the whole way down to the system's write."""
    stdout = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(stdout, 1)
        os.close(stdout)
        os.close(nowhere)


if __name__ == "__main__":
    main()
