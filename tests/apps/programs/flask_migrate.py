"""A shop on Flask-Migrate, whose start configures logging by Alembic's `fileConfig`."""

from pathlib import Path

from tests.apps.application import Application
from tests.apps.client import Client
from tests.apps.environments import Environment

NO_JSON = (
    "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
)


def prepare(environment: Environment, folder: Path) -> None:
    flask = ("flask", "--app", "shop:create_app(False)", "db")
    environment.check(*flask, "init", cwd=folder)
    environment.check(*flask, "migrate", cwd=folder)


def ask(client: Client) -> None:
    client.get("/orders")
    client.send_json("POST", "/orders", {"item": "tea"})
    client.get("/orders/1")
    client.get("/orders/7", envelope="There is no order 7")
    client.get("/nowhere", envelope="")
    client.ask("POST", "/orders", b"{", {"Content-Type": "application/json"}, envelope="")
    client.ask("POST", "/orders", b"item=tea", envelope=NO_JSON)
    client.ask("DELETE", "/orders", envelope="")
    client.ask("HEAD", "/orders")
    client.get("/boom", envelope="", exc_type="LookupError")
    client.get("/stream", exc_type="LookupError")
    client.send_json("POST", "/orders", {"item": "tea"}, envelope="", exc_type="IntegrityError")


APPLICATION = Application(
    name="flask-migrate",
    requirements=("flask-migrate>=4", "flask>=3"),
    entry="shop:create_app()",
    files="flask_migrate",
    prepare=prepare,
    ask=ask,
)
