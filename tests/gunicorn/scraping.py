"""Gunicorn with metrics on a port of their own, and what a scrape of it has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client.samples import Sample

from tests.gunicorn.serving import BY_LOGGER, bare, boots
from tests.prometheus.serving import OPENMETRICS, counts, parse, parse_openmetrics
from tests.servers.postgres import free_port
from tests.support import Server, send

APP = "tests.gunicorn.counted:app"


class Scraped:
    """A server whose metrics are scraped."""

    def __init__(self, server: Server, port: int) -> None:
        self.server, self.port = server, port

    def scrape(self, port: int | None = None) -> list[Sample]:
        answer, _ = send(port or self.port, "GET", "/metrics", None, {})
        assert answer.status == 200, answer.body
        return parse(answer.body.decode())

    def scrape_openmetrics(self) -> list[Sample]:
        answer, _ = send(self.port, "GET", "/metrics", None, {"Accept": OPENMETRICS})
        return parse_openmetrics(answer.body.decode())

    def count(self, route: str = "/ok/<name>", status: str = "200", method: str = "GET") -> float:
        return counts(self.scrape()).get((method, route, status), 0.0)


@contextmanager
def counting(
    *options: str, workers: int = 2, app: str = APP, env: Any = None, **settings: object
) -> Iterator[Scraped]:
    """Start it, and wait until all workers serve."""
    port = free_port()
    variables = {"metrics_port": port, "log_format": "json", **settings}
    environment = {f"WSGI_OBSERVE_{name.upper()}": str(v) for name, v in variables.items()}
    # A worker that boots as the server stops gets no signal (Gunicorn), and is waited for.
    options = (*BY_LOGGER, "-w", str(workers), "--graceful-timeout", "3", *options)
    with bare(*options, app=app, env={**environment, **(env or {})}) as server:
        server.wait_for(lambda: len(boots(server)) >= workers)
        yield Scraped(server, port)
