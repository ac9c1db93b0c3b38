"""devpi-server: Pyramid; users and indexes, among them a user named health."""

from pathlib import Path

from tests.apps.application import Application
from tests.apps.client import Client
from tests.apps.environments import Environment

JSON = {"Accept": "application/json"}


def prepare(environment: Environment, folder: Path) -> None:
    environment.check("devpi-init", "--serverdir", "data", "--no-root-pypi", cwd=folder)


def ask(client: Client) -> None:
    for path in ("/", "/+api", "/root", "/root/", "/nothing/", "/a/b/c"):
        client.get(path, JSON)
    for path in ("/", "/+api", "/root", "/root/", "/a/b/c"):
        client.get(path)
    client.get("/nothing/", envelope="no user 'nothing'", errors=1)
    client.get("/+login", envelope="")
    client.get("/+login", JSON, envelope="")
    client.send_json("PUT", "/health", {"password": "hunter22", "email": "ada@apps.test"}, JSON)
    client.send_json("PUT", "/health", {"password": "hunter22"}, JSON)
    client.send_json("POST", "/+login", {"user": "health", "password": "wrong"}, JSON)
    client.send_json("POST", "/+login", {"user": "health", "password": "hunter22"}, JSON)
    client.ask("PUT", "/ready", b"{", JSON)
    client.ask("DELETE", "/health", headers=JSON, envelope="")
    client.ask("PATCH", "/health", b"{}", JSON)
    client.ask("POST", "/", b"", JSON, envelope="")


APPLICATION = Application(
    name="devpi",
    requirements=("devpi-server>=6.10",),
    entry="index:app",
    files="devpi",
    prepare=prepare,
    ask=ask,
    varying=(
        r"\d{4}-\d\d-\d\dT[\d:]{8}Z",
        r"\b[0-9a-f]{32}\b",
        r"(?<=object at )0x\w+",
        r"(?<=true\]\.)[\w.-]+",  # a login's signature
    ),
)
