"""The servers of the demo: the shop alone, or three services, and the commands that it prints."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from socket import socket

from wsgi_observe.cli.child_processes import Child

HOST = "127.0.0.1"
_CELERY = (
    # As root, in a container say, it would begin with a text on stderr.
    *(sys.executable, "-W", "ignore:You're running the worker with superuser"),
    *("-m", "celery", "-q", "-A", "wsgi_observe.demo.services.receipts"),
    *("worker", "--pool", "threads", "--concurrency", "4"),
    *("--without-gossip", "--without-mingle"),
)
SHOP_WELCOME = """\
The demo is at {shop} (Ctrl-C stops it). In another terminal, try:

  the request ID that you send is in the response, and in every log line of the request
    curl -i -H 'X-Request-ID: my-first-id' {shop}/orders

  an order that is accepted, and one that is rejected
    curl -i {shop}/orders -H 'Content-Type: application/json' \\
      -d '{{"product": "teapot", "quantity": 2}}'
    curl -i {shop}/orders -H 'Content-Type: application/json' \\
      -d '{{"product": "samovar", "quantity": 9}}'

  a crash, and one in the middle of a stream
    curl -i -H 'X-Request-ID: my-crash' {shop}/crash
    curl -i {shop}/report/broken

  from the ID to the cause, and all failures in groups; the file stays when the demo is stopped
    wsgi-observe trace my-crash {log}
    wsgi-observe errors {log}

  liveness and readiness: move the database away, try again, and move it back
    curl -i {shop}/health
    curl -i {shop}/ready
    mv {database} {database}.away
    mv {database}.away {database}
"""
SERVICES_WELCOME = """\
The shop is at {shop}, payments at {payments}, and a Celery worker
sends receipts (Ctrl-C stops all three). In another terminal, try:

  an order that is paid and gets its receipt, and all that was logged of it
    curl -i {shop}/orders -H 'X-Request-ID: my-order' \\
      -H 'Content-Type: application/json' -d '{{"product": "teapot", "quantity": 1}}'
    wsgi-observe trace my-order {log}

  a card that is declined, and one that makes payments crash
    curl -i {shop}/orders -H 'X-Request-ID: my-declined' \\
      -H 'Content-Type: application/json' \\
      -d '{{"product": "cup", "quantity": 1, "card": "stolen"}}'
    wsgi-observe trace my-declined {log}
    curl -i {shop}/orders -H 'X-Request-ID: my-crash' \\
      -H 'Content-Type: application/json' \\
      -d '{{"product": "cup", "quantity": 1, "card": "foreign"}}'
    wsgi-observe trace my-crash {log}

  a receipt that is sent at the second attempt, and one that never is
    curl -i {shop}/orders -H 'X-Request-ID: my-retry' \\
      -H 'Content-Type: application/json' \\
      -d '{{"product": "cup", "quantity": 1, "email": "busy@example.com"}}'
    wsgi-observe trace my-retry {log}
    curl -i {shop}/orders -H 'X-Request-ID: my-loss' \\
      -H 'Content-Type: application/json' \\
      -d '{{"product": "cup", "quantity": 1, "email": "gone@example.com"}}'
    wsgi-observe trace my-loss {log}

  all failures in groups, and the requests that the shop and payments have counted
    wsgi-observe errors {log}
    curl -s {shop_metrics}/metrics | grep duration_seconds_count
    curl -s {payments_metrics}/metrics | grep duration_seconds_count
"""


@dataclass(frozen=True)
class Servers:
    """What the demo runs.

    :ivar extra: what has to be installed: the extra, and the packages that it brings.
    :ivar ports: the names of the ports that are taken, for `welcome` and `make_children`.
    :ivar make_children: from the listening sockets by name, and the URL of the broker.
    """

    extra: str
    packages: tuple[str, ...]
    ports: tuple[str, ...]
    welcome: str
    make_children: Callable[[Mapping[str, socket], str], list[Child]]


def _make_shop(listeners: Mapping[str, socket], broker: str) -> list[Child]:
    return [_gunicorn("shop", listeners["shop"], "wsgi_observe.demo.wsgi:app", {})]


def _make_services(listeners: Mapping[str, socket], broker: str) -> list[Child]:
    """Return the services, each after those that it asks for something."""
    environment = {
        "CELERY_BROKER_URL": broker,
        "PAYMENTS_URL": get_url(listeners["payments"]),
        "PROMETHEUS_MULTIPROC_DIR": "",  # which two servers cannot share
        "WSGI_OBSERVE_PROPAGATE_TO": HOST,
        "WSGI_OBSERVE_TRACE": "always",
        "WSGI_OBSERVE_LOG_CALLS": "info",
        # HTTPX has a line of its own for each call.
        "WSGI_OBSERVE_LOG_LEVEL": os.environ.get("WSGI_OBSERVE_LOG_LEVEL", "INFO,httpx=WARNING"),
    }
    web = {**environment, "WSGI_OBSERVE_FLASK": "1"}
    payments = {**web, "WSGI_OBSERVE_TRUST_REQUEST_ID": HOST}
    shop = {**web, "WSGI_OBSERVE_CHECKS": "db=wsgi_observe.demo.services.shop:ping"}
    receipts = {**environment, "WSGI_OBSERVE_LOG_FIELDS": "service=receipts"}
    return [
        Child("receipts", _CELERY, receipts),
        _make_web_service("payments", listeners, payments),
        _make_web_service("shop", listeners, shop),
    ]


def _make_web_service(name: str, listeners: Mapping[str, socket], env: dict[str, str]) -> Child:
    metrics = listeners[f"{name}_metrics"]
    env |= {
        "WSGI_OBSERVE_LOG_FIELDS": f"service={name}",
        "WSGI_OBSERVE_METRICS_PORT": str(metrics.getsockname()[1]),
    }
    metrics.close()  # Gunicorn itself listens there
    return _gunicorn(name, listeners[name], f"wsgi_observe.demo.services.{name}:app", env)


def _gunicorn(name: str, listener: socket, app: str, env: Mapping[str, str]) -> Child:
    command = [
        *(sys.executable, "-m", "gunicorn"),
        *("--config", "python:wsgi_observe.demo.gunicorn_conf"),
        *("--logger-class", "wsgi_observe.gunicorn.Logger"),
        *("--bind", f"fd://{listener.fileno()}"),
        app,
    ]
    return Child(name, command, env, [listener.fileno()])


def get_url(listener: socket) -> str:
    """Return the URL at which a listening socket is reached."""
    return "http://{}:{}".format(*listener.getsockname())


SHOP = Servers("demo", ("flask", "gunicorn", "sqlalchemy"), ("shop",), SHOP_WELCOME, _make_shop)
SERVICES = Servers(
    "services",
    (*SHOP.packages, "celery", "httpx", "prometheus_client"),
    ("shop", "payments", "shop_metrics", "payments_metrics"),
    SERVICES_WELCOME,
    _make_services,
)
