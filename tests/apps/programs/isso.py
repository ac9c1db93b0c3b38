"""isso: comments on Werkzeug alone, with CORS and pages of its own."""

from pathlib import Path

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import Client
from tests.apps.environments import Environment

CONFIG = """
[general]
dbpath = {folder}/comments.db
host = http://127.0.0.1:9/
[guard]
enabled = false
[admin]
enabled = true
password = hunter22
"""
BLOG = {"Origin": "http://127.0.0.1:9"}
JSON = {"Accept": "application/json"}
SENDS_JSON = {"Content-Type": "application/json"}
NOT_ENABLED = "Unavailable because 'latest-enabled' not set by site admin"
TOO_SHORT = "text is too short (minimum length: 3)"
NO_JSON = "Unable to read JSON request"


def prepare(environment: Environment, folder: Path) -> None:
    (folder / "isso.cfg").write_text(CONFIG.format(folder=folder))


def ask(client: Client) -> None:
    for path in ("/info", "/js/embed.min.js", "/css/isso.css", "/demo", "/demo/"):
        client.get(path, BLOG)
    client.ask("OPTIONS", "/new?uri=/tea", headers=BLOG)
    comment = {"text": "I *like* it", "author": "Ada", "title": "Tea"}
    client.send_json("POST", "/new?uri=/tea", comment, BLOG)
    client.get("/?uri=/tea", BLOG)
    client.get("/id/1", BLOG)
    client.send_json("POST", "/count", ["/tea"], BLOG)
    client.send_json("POST", "/id/1/like", {}, BLOG)
    client.get("/latest?limit=5", BLOG, envelope=NOT_ENABLED)
    client.get("/?uri=/nothing", BLOG)
    client.get("/login/", BLOG, envelope="")
    client.get("/nowhere", BLOG, envelope="")
    client.get("/nowhere", {**BLOG, **JSON})
    client.get("/", BLOG, envelope="missing uri query")
    client.send_json("POST", "/new?uri=/tea", {"text": "x"}, BLOG, envelope=TOO_SHORT)
    client.ask("POST", "/new?uri=/tea", b"{", {**BLOG, **SENDS_JSON}, envelope=NO_JSON)
    client.send_json("POST", "/count", [{}], BLOG, envelope="", exc_type="TypeError")
    client.send_json("POST", "/new?uri=/tea", comment)
    client.ask("DELETE", "/id/9", headers=BLOG, envelope="")
    client.ask("PUT", "/info", b"", BLOG)
    client.post_form("/login/", {"password": "wrong"})
    client.post_form("/login/", {"password": "hunter22"})
    client.get("/admin/")


APPLICATION = Application(
    name="isso",
    requirements=("isso>=0.13",),
    entry="isso.run",
    prepare=prepare,
    ask=ask,
    env={"ISSO_SETTINGS": "{folder}/isso.cfg"},
    varying=(r"(?<=isso-)[^;]+", r"\b1\d{9}\.\d+", HTTP_DATE),
)
