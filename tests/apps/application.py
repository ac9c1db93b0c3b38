"""An existing application: how it is installed, prepared, served by Gunicorn and asked."""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.apps.client import Client, Exchange
from tests.apps.environments import Environment
from tests.support import Server, running

FILES = Path(__file__).parent / "files"
LOGGER = ("--logger-class", "wsgi_observe.gunicorn.Logger")
PROBES = ("/health", "/ready")

HTTP_DATE = r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT"
"""As in `Last-Modified` and `Expires`, for the `varying` of an application."""


def nothing_to_prepare(environment: Environment, folder: Path) -> None:
    """For an application that runs as it is installed."""


@dataclass(frozen=True)
class Application:
    """An application from the package registry."""

    name: str
    requirements: tuple[str, ...]
    entry: str
    """What Gunicorn loads, such as `httpbin:app`."""

    ask: Callable[[Client], None]
    """Sends the same requests to the bare and to the observed server."""

    files: str = ""
    """The folder below `files/` that is copied into its working directory."""

    prepare: Callable[[Environment, Path], None] = nothing_to_prepare
    """Makes databases and configuration in its working directory."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Environment variables; `{folder}` stands for its working directory."""

    varying: tuple[str, ...] = ()
    """Regular expressions for what differs from run to run."""

    keeps_console_handler: bool = False
    """Its own console handler, with a formatter class of its own, stays beside ours."""

    own_probe_paths: tuple[str, ...] = ()
    """Probe paths for which it has a route of its own."""

    @contextmanager
    def serve(self, environment: Environment, folder: Path, *options: str) -> Iterator[Server]:
        """Run it on Gunicorn, with one worker, in a new folder."""
        if self.files:
            shutil.copytree(FILES / self.files, folder)
        else:
            folder.mkdir()
        self.prepare(environment, folder)
        env = {name: value.format(folder=folder) for name, value in self.env.items()}
        env["PYTHONHASHSEED"] = "0"  # sets have one order then, such as the methods of `Allow`
        command = environment.command("gunicorn", "-b", "127.0.0.1:0", *options, self.entry)
        with running(*command, cwd=folder, env=env) as server:
            yield server


@dataclass(frozen=True)
class Run:
    """All requests of an application, their responses, and the whole output of its server."""

    exchanges: list[Exchange]
    probes: list[Exchange]
    lines: list[str]
    records: list[dict[str, Any]]

    def __repr__(self) -> str:
        return f"<Run of {len(self.exchanges)} requests>"  # pytest would print all of it

    def lines_of(self, exchange: Exchange) -> list[dict[str, Any]]:
        return [line for line in self.records if line.get("request_id") == exchange.request_id]


def run_bare(application: Application, environment: Environment, folder: Path) -> Run:
    """Ask the application as its users run it."""
    return _run(application, environment, folder, ())


def run_observed(application: Application, environment: Environment, folder: Path) -> Run:
    """Ask the application under our logger class, which is all that is added; and its probes."""
    return _run(application, environment, folder, LOGGER)


def _run(
    application: Application, environment: Environment, folder: Path, options: tuple[str, ...]
) -> Run:
    with application.serve(environment, folder, *options) as server:
        client = Client(server.port)
        application.ask(client)
        ours = [path for path in PROBES if options and path not in application.own_probe_paths]
        prober = Client(server.port, prefix="probe")
        for path in ours:
            prober.get(path)
    records = server.records if options else []
    return Run(client.exchanges, prober.exchanges, server.lines, records)
