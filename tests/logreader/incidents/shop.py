"""A shop with ten faults in it, which the incidents are made of."""

from __future__ import annotations

import http.client
import logging
import os
import signal
import sqlite3
import threading
import time
from contextvars import copy_context

from flask import Flask, redirect, request
from sqlalchemy import create_engine, event, text
from sqlalchemy.pool import StaticPool
from werkzeug.wrappers import Response

from wsgi_observe import bind, current_request_id
from wsgi_observe.flask import Observe
from wsgi_observe.sqlalchemy import instrument

SLOW_SECONDS = 0.5  # beyond `slow_request_seconds` of the server
WAIT_SECONDS = 0.1

log = logging.getLogger("shop")
app = Flask(__name__)
engine = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
instrument(engine)
cache: dict[str, tuple[str, str | None]] = {}
stock = {"teapot": 1}
stock_read = threading.Barrier(2, timeout=5)
stock_write = threading.Lock()
price_lock = threading.Lock()
replica_lag = [0]


@event.listens_for(engine, "connect")
def _add_functions(connection: sqlite3.Connection, _: object) -> None:
    connection.create_function("pause", 1, time.sleep)


class PaymentError(Exception):
    """A payment that failed."""


class LedgerError(Exception):
    """A booking that failed."""


def ping_replica() -> None:
    """Fail at every second run."""
    replica_lag[0] = 45 - replica_lag[0]
    if replica_lag[0]:
        raise ConnectionError(f"replica db-2 is {replica_lag[0]} s behind its primary")


Observe(app, checks={"replica": ping_replica}, check_ttl=0)


@app.get("/products/<name>")
def product(name: str) -> dict[str, str]:
    """Answer well, with DEBUG lines that are not needed."""
    log.debug("reading product %s", name)
    log.info("product read", extra={"product": name})
    return {"name": name}


@app.get("/search")
def search() -> dict[str, int]:
    """Fail now and then, which has been so for months and is no incident."""
    return {"page": int(request.args.get("page", "one"))}


@app.get("/download")
def download() -> str:
    """Take long at every time, which is no incident either."""
    time.sleep(SLOW_SECONDS)
    return "catalogue"


@app.get("/reports/<int:year>")
def report(year: int) -> dict[str, int]:
    """Take long for one statement."""
    log.info("making report", extra={"year": year})
    with engine.connect() as connection:
        connection.execute(text("SELECT 1 AS orders_of_customer"))
        connection.execute(text("SELECT pause(:s) AS total_without_index"), {"s": SLOW_SECONDS})
    return {"year": year}


@app.get("/invoices/<int:number>")
def invoice(number: int) -> dict[str, object]:
    """Fail with the release that reads a field which old orders do not have."""
    order = {"number": number, "net": 100}
    return {"gross": order["net"] if "old" in request.args else add_vat(order)}


def add_vat(order: dict[str, int]) -> float:
    return order["net"] * (1 + order["vat_rate"] / 100)


@app.get("/basket")
def basket() -> dict[str, int]:
    """Wait for a stock level, on the worker on which an export runs."""
    log.info("reading basket")
    time.sleep(10)
    return {"items": 1}


@app.get("/export")
def export() -> str:
    """Hold all rows in memory, until the kernel kills the worker."""
    log.info("export holds all rows in memory", extra={"rows": 24_000_000})
    time.sleep(WAIT_SECONDS)
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(10)
    return ""


@app.post("/orders")
def place_order() -> dict[str, str]:
    """Charge the customer once more each time that the client tries."""
    bind(order_id=4711)
    connection = http.client.HTTPConnection(os.environ["PAYMENTS"], timeout=5)
    connection.request("POST", "/charges", headers={"X-Request-ID": current_request_id() or ""})
    connection.getresponse().read()
    connection.close()
    return {"status": "paid"}


@app.put("/prices/<name>")
def import_price(name: str) -> dict[str, str]:
    """Put a price into the cache as it comes from the supplier."""
    value = request.args["value"]
    cache[name] = value, current_request_id()
    log.info("price cached", extra={"cache_key": f"price:{name}", "value": value})
    return {}


@app.get("/prices/<name>")
def price(name: str) -> dict[str, float]:
    """Fail for the one price that is no number."""
    value, writer = cache[name]
    log.debug("cache hit", extra={"cache_key": f"price:{name}", "value": value, "set_by": writer})
    return {"price": float(value)}


@app.post("/payments")
def pay() -> dict[str, str]:
    """Fail with an exception that has three causes."""
    try:
        book()
    except LedgerError as error:
        raise PaymentError("payment was not booked") from error
    return {}


def book() -> None:
    try:
        write_ledger()
    except OSError as error:
        raise LedgerError("ledger does not answer") from error


def write_ledger() -> None:
    try:
        resolve({"LEDGER_HOTS": "10.0.0.7"})
    except KeyError as error:
        raise ConnectionError("no address for the ledger") from error


def resolve(settings: dict[str, str]) -> str:
    return settings["LEDGER_HOST"]


@app.post("/reservations")
def reserve() -> dict[str, int]:
    """Let two threads read the stock before one of them has written it."""
    stock["teapot"] = 1
    threads = [
        threading.Thread(target=copy_context().run, args=(take_one, warehouse))
        for warehouse in ("north", "south")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if stock["teapot"] < 0:
        raise ValueError(f"stock of teapot is {stock['teapot']}")
    return dict(stock)


def take_one(warehouse: str) -> None:
    seen = stock["teapot"]
    log.debug("stock read: %d", seen, extra={"warehouse": warehouse})
    stock_read.wait()
    with stock_write:
        stock["teapot"] -= 1
        left = stock["teapot"]
    log.debug("stock written: %d, was read as %d", left, seen, extra={"warehouse": warehouse})


@app.get("/checkout")
def checkout() -> dict[str, str]:
    """Wait for the lock that a refresh of the prices holds."""
    with price_lock:
        return {"total": "12.00"}


@app.post("/refresh-prices")
def refresh_prices() -> dict[str, str]:
    """Hold the lock while a supplier does not answer."""
    with price_lock:
        return ask_supplier()


def ask_supplier() -> dict[str, str]:
    time.sleep(2 * SLOW_SECONDS)
    return {}


@app.get("/account")
def account() -> Response:
    """Redirect to the login, since the session's key was rotated."""
    log.info("session rejected: signed with key k1, this server has k2")
    return redirect("/login")


@app.get("/login")
def login() -> Response:
    """Redirect back, since the single sign-on says that the user is logged in."""
    log.info("already logged in at the single sign-on")
    return redirect("/account")
