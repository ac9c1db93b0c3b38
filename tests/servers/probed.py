"""The app whose readiness is probed; the files of a directory steer its checks."""

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from flask import Flask
from sqlalchemy import create_engine

from wsgi_observe import configure_logging, observe
from wsgi_observe.sqlalchemy import check

configure_logging(log_format="json")

here = Path(os.environ["PROBED_DIRECTORY"])
probed = Flask("probed")


@probed.get("/")
def hello() -> str:
    return "hello"


@probed.get("/threads")
def threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("wsgi_observe.health:")]


def hang() -> None:
    """Never return, while there is a file `hang`."""
    note("hang")
    while (here / "hang").exists():
        time.sleep(0.01)


def slow() -> None:
    note("slow")
    time.sleep(0.3)


def prints() -> None:
    note("prints")
    print("a check says hello")  # noqa: T201


def says_false() -> bool:
    note("says_false")
    return False


def raises() -> None:
    note("raises")
    raise ValueError("no")


def exits() -> None:
    note("exits")
    sys.exit(3)


def logs() -> None:
    note("logs")
    logging.getLogger("probed").warning("from a check")


def blocks_signals() -> None:
    note("blocks_signals")
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


def takes_10_ms() -> None:
    note("takes_10_ms")
    time.sleep(0.01)


def note(name: str) -> None:
    """Write down that a check runs, and where."""
    with (here / name).with_suffix(".runs").open("a") as runs:
        runs.write(f"{os.getpid()}\n")


SETS: dict[str, list[Callable[[], object]]] = {
    "hang": [hang],
    "slow": [slow],
    "odd": [prints, says_false, raises, exits, logs, blocks_signals, takes_10_ms],
}

if os.environ["PROBED_CHECKS"] == "database":
    engine = create_engine(os.environ["PROBED_DATABASE"], pool_size=2, max_overflow=3)
    checks = {"db": check(engine)}
else:
    checks = {fn.__name__: fn for fn in SETS[os.environ["PROBED_CHECKS"]]}

app = observe(probed.wsgi_app, checks=checks, check_ttl=float(os.environ["PROBED_TTL"]))
