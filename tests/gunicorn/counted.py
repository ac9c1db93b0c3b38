"""An app whose requests are counted by its clients too; some end their worker."""

from __future__ import annotations

import os
import signal
import time

from flask import Flask
from prometheus_client import Counter, Gauge

app = Flask("counted")
orders = Counter("orders", "Orders of the app's own.")
sessions = Gauge("sessions", "Sessions of the app's own.", multiprocess_mode="livesum")


@app.get("/ok/<name>")
def answer(name: str) -> str:
    orders.inc()
    sessions.set(1)
    return str(os.getpid())


@app.get("/sleep/<float:seconds>")
def wait(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


@app.get("/fail")
def fail() -> str:
    raise ValueError("out of stock")


@app.get("/die")
def die() -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


def passes() -> bool:
    return True


def fails() -> bool:
    return False
